//! ISO 4217: how many decimals a currency has.

/// Currencies whose exponent is not 2: (alphabetic, numeric, exponent). ISO 4217, list one.
const OTHER_EXPONENTS: &[(&str, u16, u8)] = &[
    ("BHD", 48, 3),
    ("BIF", 108, 0),
    ("CLF", 990, 4),
    ("CLP", 152, 0),
    ("DJF", 262, 0),
    ("GNF", 324, 0),
    ("IQD", 368, 3),
    ("ISK", 352, 0),
    ("JOD", 400, 3),
    ("JPY", 392, 0),
    ("KMF", 174, 0),
    ("KRW", 410, 0),
    ("KWD", 414, 3),
    ("LYD", 434, 3),
    ("OMR", 512, 3),
    ("PYG", 600, 0),
    ("RWF", 646, 0),
    ("TND", 788, 3),
    ("UGX", 800, 0),
    ("UYI", 940, 0),
    ("UYW", 927, 4),
    ("VND", 704, 0),
    ("VUV", 548, 0),
    ("XAF", 950, 0),
    ("XOF", 952, 0),
    ("XPF", 953, 0),
];

/// Decimals of `currency`, given as an alphabetic (`EUR`) or numeric (`978`) ISO 4217 code. A code
/// that is not in the list has two, as nearly all have.
pub fn exponent(currency: &str) -> u8 {
    let numeric = currency.parse::<u16>().ok();
    OTHER_EXPONENTS
        .iter()
        .find(|(alphabetic, number, _)| {
            numeric.map_or(*alphabetic == currency, |given| given == *number)
        })
        .map_or(2, |(_, _, exponent)| *exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_both_forms() {
        assert_eq!(exponent("EUR"), 2);
        assert_eq!(exponent("978"), 2);
        assert_eq!(exponent("JPY"), 0);
        assert_eq!(exponent("392"), 0);
        assert_eq!(exponent("KWD"), 3);
        assert_eq!(exponent("048"), 3);
    }
}
