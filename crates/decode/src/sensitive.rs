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

/// Words before the number of an ISO 8583 element.
const ELEMENT_PREFIXES: &[&str] = &[
    "de",
    "df",
    "dataelement",
    "element",
    "field",
    "f",
    "bit",
    "iso",
    "p",
];
/// The elements 2, 35, 36, 45 and 52, without zeros in front.
const ELEMENTS: &[&str] = &["2", "35", "36", "45", "52"];
/// Elements of which a part may be read, and never the whole: 55 holds tags 57 and 5A.
const WHOLE_ELEMENTS: &[&str] = &["55"];
/// Names of element 55 as a whole.
const WHOLE_NAMES: &[&str] = &["iccdata", "emvdata", "chipdata"];
/// Words before the name of an EMV tag.
const TAG_PREFIXES: &[&str] = &["emv", "tag", "emvtag", "t"];

/// Whether the value at a path, the names of the objects around it and its own, is data that must never be
/// built, or holds such data.
pub(crate) fn is_sensitive_path<S: AsRef<str>>(names: &[S]) -> bool {
    let is_named = names.iter().any(|name| is_sensitive_name(name.as_ref()));
    let is_whole = |name: &S| {
        let reduced = reduced(last_part(name.as_ref()));
        WHOLE_NAMES.contains(&reduced.as_str()) || is_element(&reduced, WHOLE_ELEMENTS)
    };
    is_named || names.last().is_some_and(is_whole)
}

/// Whether a field of this name holds data that must never be built.
pub(crate) fn is_sensitive_name(name: &str) -> bool {
    let is_one = |reduced: String| {
        let tags = TAG_PREFIXES.iter();
        let mut tags = tags.filter_map(|prefix| reduced.strip_prefix(prefix));
        NAMES.contains(&reduced.as_str())
            || is_element(&reduced, ELEMENTS)
            || tags.any(|tag| NAMES.contains(&tag))
    };
    is_one(reduced(name)) || is_one(reduced(last_part(name)))
}

/// Whether a reduced name is the number of one of `elements`: bare, as in objects of elements by their
/// numbers, or with a word before it.
fn is_element(reduced: &str, elements: &[&str]) -> bool {
    let prefixes = ELEMENT_PREFIXES.iter();
    let numbered = prefixes.filter_map(|prefix| reduced.strip_prefix(prefix));
    let mut numbers = numbered.chain([reduced]);
    numbers.any(|number| elements.contains(&number.trim_start_matches('0')))
}

/// The part of a name behind the last character that sites separate parts of a path with.
fn last_part(name: &str) -> &str {
    name.rsplit(['/', '.', ':', '|', '['])
        .next()
        .unwrap_or(name)
}

/// A name in lower-case letters and digits alone.
fn reduced(name: &str) -> String {
    let kept = name.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|c| c.to_ascii_lowercase()).collect()
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
            "DE035",
            "F35",
            "elements/45",
            "msg.fields.52",
            "35",
            "035",
            "data_element_36",
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
            "3",
            "fields.41",
            "350",
            "t2_35x",
        ] {
            assert!(!is_sensitive_name(name), "{name}");
        }
    }

    #[test]
    fn knows_the_paths() {
        for path in [
            &["fields", "35"][..],
            &["iso", "bitmap", "045"],
            &["DE035"],
            &["card", "track2", "data"],
            &["fields", "55"],
            &["DE55"],
            &["icc_data"],
        ] {
            assert!(is_sensitive_path(path), "{path:?}");
        }
        // A part of element 55 that is none of them.
        for path in [
            &["fields", "55", "9F02"][..],
            &["fields", "41"],
            &["emv", "9F36"],
        ] {
            assert!(!is_sensitive_path(path), "{path:?}");
        }
    }
}
