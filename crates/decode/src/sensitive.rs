//! Names and values that must never be kept (PCI DSS 4.0, 3.3.1 and 3.5.1).

/// Field names of card numbers and sensitive authentication data, reduced to lower-case letters and
/// digits. ISO 8583 elements 2, 35, 36, 45, 52 and EMV tags 56, 57, 5A, 5F20, 5F24, 99, 9F0B, 9F1F,
/// 9F20.
const NAMES: &[&str] = &[
    "pan",
    "clearpan",
    "fullpan",
    "cardpan",
    "primaryaccountnumber",
    "cardnumber",
    "cardno",
    "accountnumber",
    "track",
    "track1",
    "track2",
    "track3",
    "trackdata",
    "track1data",
    "track2data",
    "track3data",
    "track2equivalent",
    "track2equivalentdata",
    "magstripe",
    "magneticstripe",
    "pin",
    "pinblock",
    "pindata",
    "encryptedpinblock",
    "cvv",
    "cvv1",
    "cvv2",
    "cvc",
    "cvc1",
    "cvc2",
    "cav2",
    "csc",
    "icvv",
    "securitycode",
    "cardsecuritycode",
    "cardverificationvalue",
    "cardholder",
    "cardholdername",
    "expiry",
    "expirydate",
    "expirationdate",
    "56",
    "57",
    "5a",
    "5f20",
    "5f24",
    "99",
    "9f0b",
    "9f1f",
    "9f20",
];

/// Prefixes under which sites number ISO 8583 elements, and those elements.
const ELEMENT_PREFIXES: &[&str] = &["de", "df", "field", "f", "bit", "iso", "p"];
const ELEMENTS: &[&str] = &[
    "2", "002", "02", "35", "035", "36", "036", "45", "045", "52", "052",
];
/// Prefixes under which sites name EMV tags.
const TAG_PREFIXES: &[&str] = &["emv", "tag", "emvtag", "t"];

/// Whether a field of this name holds data that must never be built.
pub(crate) fn is_sensitive_name(name: &str) -> bool {
    let reduced: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let numbered = |prefixes: &[&str], names: &[&str]| {
        prefixes
            .iter()
            .filter_map(|prefix| reduced.strip_prefix(prefix))
            .any(|rest| names.contains(&rest))
    };
    NAMES.contains(&reduced.as_str())
        || numbered(ELEMENT_PREFIXES, ELEMENTS)
        || numbered(TAG_PREFIXES, NAMES)
}

/// Digits of a PAN: ISO/IEC 7812-1 allows up to 19; shorter than 13 is no longer issued.
pub(crate) const PAN_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Whether `text` looks like a card number in clear: 13 to 19 digits of which the first is not zero
/// and that pass the Luhn check, grouped by blanks or hyphens or not, alone or as the start of track
/// 1 or 2 data.
///
/// A token of 16 hexadecimal digits passes for one by chance once in about 20,000; one of 32 cannot.
pub(crate) fn looks_like_pan(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let text = text
        .strip_prefix(b";")
        .or_else(|| text.strip_prefix(b"%B"))
        .unwrap_or(text);
    let mut digits = [0_u8; *PAN_DIGITS.end()];
    let mut count = 0;
    for (position, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' if count < digits.len() => {
                digits[count] = byte - b'0';
                count += 1;
            }
            b' ' | b'-' => {}
            // The point of a number, and the separator of track 1.
            b'.' | b'^' => break,
            // Separators of track 2, with the expiry date after them.
            b'=' | b'D' if starts_with_date(&text[position + 1..]) => break,
            _ => return false,
        }
    }
    PAN_DIGITS.contains(&count) && digits[0] != 0 && passes_luhn(&digits[..count])
}

/// Whether `text` starts with four digits, as `YYMM`.
fn starts_with_date(text: &[u8]) -> bool {
    text.first_chunk::<4>()
        .is_some_and(|date| date.iter().all(u8::is_ascii_digit))
}

/// ISO/IEC 7812-1 annex B.
pub(crate) fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(
            |(position, digit)| match (position % 2, u32::from(*digit)) {
                (0, digit) => digit,
                (_, digit) if digit > 4 => 2 * digit - 9,
                (_, digit) => 2 * digit,
            },
        )
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_names() {
        for name in [
            "pan",
            "PAN",
            "Track2",
            "track_2",
            "DE35",
            "de-35",
            "cvv2",
            "pin_block",
            "emv_57",
            "tag5A",
            "5F20",
            "F2",
            "card_number",
            "field_35",
        ] {
            assert!(is_sensitive_name(name), "{name}");
        }
        for name in [
            "card_token",
            "cid",
            "stan",
            "terminal_id",
            "de39",
            "par",
            "last4",
            "bin",
            "de11",
        ] {
            assert!(!is_sensitive_name(name), "{name}");
        }
    }

    #[test]
    fn knows_a_card_number() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5500-0000-0000-0004",
            "378282246310005",
            ";4111111111111111=25121010000",
            "4111111111111111D2512",
            "%B4111111111111111^DOE/J^2512",
        ] {
            assert!(looks_like_pan(text.as_bytes()), "{text}");
        }
        for text in [
            "4111111111111112",
            "411111111111",
            "41111111111111111111",
            "4111111111111111a",
            "9f86d081884c7d65",
            "",
            "tok_4111111111111111",
            "0000000000000000",
            "4111111111111111DEAD",
            "4111111111111111d2512",
        ] {
            assert!(!looks_like_pan(text.as_bytes()), "{text}");
        }
    }
}
