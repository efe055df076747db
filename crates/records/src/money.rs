//! ISO 4217: which currencies there are, and how many decimals each has.

/// Alphabetic and numeric codes of ISO 4217, list one, by number of decimals from 0 on; with those that were
/// withdrawn since 2010, as old records have them. Codes without decimals of their own (gold, tests, no
/// currency) are left out: nobody can tell what an amount of them means.
const BY_DECIMALS: &[&[&[u8; 6]]] = &[
    &[
        b"BIF108", b"BYR974", b"CLP152", b"DJF262", b"GNF324", b"ISK352", b"JPY392", b"KMF174",
        b"KRW410", b"PYG600", b"RWF646", b"UGX800", b"UYI940", b"VND704", b"VUV548", b"XAF950",
        b"XOF952", b"XPF953",
    ],
    &[],
    &[
        b"AED784", b"AFN971", b"ALL008", b"AMD051", b"ANG532", b"AOA973", b"ARS032", b"AUD036",
        b"AWG533", b"AZN944", b"BAM977", b"BBD052", b"BDT050", b"BGN975", b"BMD060", b"BND096",
        b"BOB068", b"BOV984", b"BRL986", b"BSD044", b"BTN064", b"BWP072", b"BYN933", b"BZD084",
        b"CAD124", b"CDF976", b"CHE947", b"CHF756", b"CHW948", b"CNY156", b"COP170", b"COU970",
        b"CRC188", b"CUC931", b"CUP192", b"CVE132", b"CZK203", b"DKK208", b"DOP214", b"DZD012",
        b"EEK233", b"EGP818", b"ERN232", b"ETB230", b"EUR978", b"FJD242", b"FKP238", b"GBP826",
        b"GEL981", b"GHS936", b"GIP292", b"GMD270", b"GTQ320", b"GYD328", b"HKD344", b"HNL340",
        b"HRK191", b"HTG332", b"HUF348", b"IDR360", b"ILS376", b"INR356", b"IRR364", b"JMD388",
        b"KES404", b"KGS417", b"KHR116", b"KPW408", b"KYD136", b"KZT398", b"LAK418", b"LBP422",
        b"LKR144", b"LRD430", b"LSL426", b"LTL440", b"LVL428", b"MAD504", b"MDL498", b"MGA969",
        b"MKD807", b"MMK104", b"MNT496", b"MOP446", b"MRO478", b"MRU929", b"MUR480", b"MVR462",
        b"MWK454", b"MXN484", b"MXV979", b"MYR458", b"MZN943", b"NAD516", b"NGN566", b"NIO558",
        b"NOK578", b"NPR524", b"NZD554", b"PAB590", b"PEN604", b"PGK598", b"PHP608", b"PKR586",
        b"PLN985", b"QAR634", b"RON946", b"RSD941", b"RUB643", b"SAR682", b"SBD090", b"SCR690",
        b"SDG938", b"SEK752", b"SGD702", b"SHP654", b"SLE925", b"SLL694", b"SOS706", b"SRD968",
        b"SSP728", b"STD678", b"STN930", b"SVC222", b"SYP760", b"SZL748", b"THB764", b"TJS972",
        b"TMT934", b"TOP776", b"TRY949", b"TTD780", b"TWD901", b"TZS834", b"UAH980", b"USD840",
        b"USN997", b"USS998", b"UYU858", b"UZS860", b"VED926", b"VEF937", b"VES928", b"WST882",
        b"XCD951", b"XCG532", b"YER886", b"ZAR710", b"ZMK894", b"ZMW967", b"ZWG924", b"ZWL932",
    ],
    &[
        b"BHD048", b"IQD368", b"JOD400", b"KWD414", b"LYD434", b"OMR512", b"TND788",
    ],
    &[b"CLF990", b"UYW927"],
];

const LETTERS: usize = 26;

/// By alphabetic code, see [`letters`]: one more than the decimals, 0 where there is no such currency.
static ALPHABETIC: [u8; LETTERS * LETTERS * LETTERS] = {
    let mut table = [0; LETTERS * LETTERS * LETTERS];
    let mut decimals = 0;
    while decimals < BY_DECIMALS.len() {
        let mut at = 0;
        while at < BY_DECIMALS[decimals].len() {
            let [a, b, c, ..] = *BY_DECIMALS[decimals][at];
            table[letters(a, b, c)] = decimals as u8 + 1;
            at += 1;
        }
        decimals += 1;
    }
    table
};

/// The same by numeric code.
static NUMERIC: [u8; 1000] = {
    let mut table = [0; 1000];
    let mut decimals = 0;
    while decimals < BY_DECIMALS.len() {
        let mut at = 0;
        while at < BY_DECIMALS[decimals].len() {
            let [_, _, _, a, b, c] = *BY_DECIMALS[decimals][at];
            table[digits(a, b, c)] = decimals as u8 + 1;
            at += 1;
        }
        decimals += 1;
    }
    table
};

/// Decimals of `currency`, an alphabetic (`EUR`) or numeric (`978`) code of ISO 4217; `None` where the
/// standard has no such currency, or gives it no decimals.
#[inline]
pub fn exponent(currency: &[u8]) -> Option<u8> {
    let found = match *currency {
        [a @ b'A'..=b'Z', b @ b'A'..=b'Z', c @ b'A'..=b'Z'] => ALPHABETIC[letters(a, b, c)],
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => NUMERIC[digits(a, b, c)],
        _ => 0,
    };
    found.checked_sub(1)
}

/// Position of three letters from A to Z.
const fn letters(a: u8, b: u8, c: u8) -> usize {
    let [a, b, c] = [a - b'A', b - b'A', c - b'A'];
    (a as usize * LETTERS + b as usize) * LETTERS + c as usize
}

/// The number of three digits.
const fn digits(a: u8, b: u8, c: u8) -> usize {
    let [a, b, c] = [a - b'0', b - b'0', c - b'0'];
    (a as usize * 10 + b as usize) * 10 + c as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_both_forms() {
        for (alphabetic, numeric, decimals) in [
            ("EUR", "978", 2),
            ("JPY", "392", 0),
            ("KWD", "414", 3),
            ("BHD", "048", 3),
            ("CLF", "990", 4),
            ("ALL", "008", 2),
            ("TWD", "901", 2),
        ] {
            assert_eq!(exponent(alphabetic.as_bytes()), Some(decimals));
            assert_eq!(exponent(numeric.as_bytes()), Some(decimals));
        }
    }

    #[test]
    fn what_is_no_currency_has_no_decimals() {
        for code in [
            "XXX", "XAU", "999", "000", "EURO", "eur", "", "EU", "E1R", "ZZZ",
        ] {
            assert_eq!(exponent(code.as_bytes()), None, "{code}");
        }
    }

    #[test]
    fn a_numeric_code_has_the_decimals_of_its_currency() {
        for (decimals, codes) in BY_DECIMALS.iter().enumerate() {
            for code in *codes {
                let (alphabetic, numeric) = code.split_at(3);
                assert_eq!(exponent(alphabetic), Some(decimals as u8));
                assert_eq!(exponent(numeric), Some(decimals as u8));
            }
        }
    }
}
