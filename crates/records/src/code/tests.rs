//! Each form of each kind of code, typed in every way.

use super::word::are_digits;
use super::*;

/// `text` in the form of `column`, whether it is a known code, and what it says of PINs.
fn mended_as(column: Column, text: &str, edition: Edition) -> (String, bool, Option<char>) {
    let form = CodeForm::of(column).unwrap();
    if form.fits(text.as_bytes()) {
        return (text.to_owned(), true, None);
    }
    let mut out = b"before".to_vec();
    let mended = form.mend(text.as_bytes(), edition, &mut out);
    let out = String::from_utf8(out).unwrap();
    let code = out.strip_prefix("before").unwrap().to_owned();
    let pin = mended.pin_capability.map(char::from);
    (code, mended.is_known, pin)
}

fn known(column: Column, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let (code, is_known, _) = mended_as(column, text, Edition::Unknown);
        assert_eq!((&*code, is_known), (*expected, true), "{column:?} {text}");
    }
}

fn unknown(column: Column, texts: &[&str]) {
    for text in texts {
        let (code, is_known, _) = mended_as(column, text, Edition::Unknown);
        assert_eq!((&*code, is_known), (*text, false), "{column:?} {text}");
    }
}

#[test]
fn every_column_of_codes_is_text_and_once_in_the_table() {
    for (at, (column, form)) in TABLE.iter().enumerate() {
        assert_eq!(position(*column), Some(at));
        assert_eq!(CodeForm::of(*column), Some(*form));
        assert_eq!(column.kind(), crate::column::ColumnType::Text);
    }
    assert_eq!(CodeForm::of(Column::TerminalId), None);
}

#[test]
fn digits_have_their_width() {
    known(
        Column::Mcc,
        &[
            ("5411", "5411"),
            ("742", "0742"),
            ("742.0", "0742"),
            ("5411.000", "5411"),
            ("005411", "5411"),
            ("0", "0000"),
        ],
    );
    unknown(
        Column::Mcc,
        &[
            "54111",
            "5411.5",
            "grocery",
            "-742",
            ".",
            "1".repeat(99).as_str(),
        ],
    );
    known(
        Column::Mti,
        &[
            ("100", "0100"),
            ("0200", "0200"),
            ("800", "0800"),
            ("1100", "1100"),
        ],
    );
    known(Column::Last4, &[("42", "0042"), ("1234", "1234")]);
    known(Column::Psn, &[("1", "001"), ("01", "001"), ("0001", "001")]);
    known(
        Column::PinCapability,
        &[("1", "1"), ("2.0", "2"), ("01", "1")],
    );
    known(Column::PosCondition, &[("0", "00"), ("59", "59")]);
}

#[test]
fn a_processing_code_begins_with_the_kind_of_transaction() {
    known(
        Column::ProcessingCode,
        &[
            ("0", "000000"),
            ("000000", "000000"),
            ("200000", "200000"),
            ("200000.0", "200000"),
            ("10000", "010000"),
            ("3000", "003000"),
            ("20", "200000"),
            ("00", "000000"),
            ("1", "010000"),
        ],
    );
    unknown(Column::ProcessingCode, &["2000000", "refund"]);
}

#[test]
fn response_codes_are_those_of_1987() {
    known(
        Column::ResponseCode,
        &[
            ("0", "00"),
            ("0.0", "00"),
            ("5", "05"),
            ("51", "51"),
            ("n7", "N7"),
            ("a1", "A1"),
            ("000", "00"),
            ("100", "05"),
            ("116", "51"),
            ("909", "96"),
            ("0000", "00"),
            ("1016", "51"),
            ("2008", "41"),
        ],
    );
    // 005 is approved on another account, or not honoured.
    unknown(
        Column::ResponseCode,
        &[
            "005", "0005", "001", "112", "APPROVED", "true", "N", "5100", "1A6",
        ],
    );
    let of = |text, edition| mended_as(Column::ResponseCode, text, edition).0;
    assert_eq!(of("001", Edition::Later), "08");
    assert_eq!(of("0003", Edition::Later), "11");
    assert_eq!(of("005", Edition::Later), "005");
    assert_eq!(of("005", Edition::First), "05");
    assert_eq!(of("0051", Edition::First), "51");
    assert_eq!(of("116", Edition::First), "116");
    for (text, edition) in [
        ("1987", Edition::First),
        ("1993", Edition::Later),
        ("2003.0", Edition::Later),
        ("", Edition::Unknown),
    ] {
        assert_eq!(Edition::of(text.as_bytes()), edition);
    }
}

#[test]
fn entry_modes_are_split() {
    for (text, mode, pin) in [
        ("05", "05", None),
        ("5", "05", None),
        ("5.0", "05", None),
        ("051", "05", Some('1')),
        ("51", "05", Some('1')),
        ("51.0", "05", Some('1')),
        ("22", "02", Some('2')),
        ("012", "01", Some('2')),
        ("72", "07", Some('2')),
        ("80", "80", None),
        ("801", "80", Some('1')),
        ("800", "80", Some('0')),
        ("080", "80", None),
        ("005", "05", None),
        ("901", "90", Some('1')),
        // Four digits, of which the last or the first fills up.
        ("0510", "05", Some('1')),
        ("510", "05", Some('1')),
        ("0051", "05", Some('1')),
        ("0801", "80", Some('1')),
        ("9010", "90", Some('1')),
        ("0005", "05", None),
        ("0000", "00", Some('0')),
        // Twelve characters.
        ("510101510130", "05", Some('1')),
        ("210101211130", "02", Some('1')),
        ("000000600000", "01", Some('2')),
        ("10101510130", "05", Some('1')),
        ("M50101M1314C", "07", Some('8')),
        ("b90101b13140", "90", None),
    ] {
        let found = mended_as(Column::EntryMode, text, Edition::Unknown);
        assert_eq!(found, (mode.to_owned(), true, pin), "{text}");
    }
    // 001 and a filler, or a filler and 010.
    unknown(
        Column::EntryMode,
        &["CHIP", "0010", "77", "999", "510101Z10130", "51010", "5-0"],
    );
}

#[test]
fn a_split_entry_mode_is_the_same_typed_as_text_or_number() {
    let of = |text: &str| {
        let (mode, _, pin) = mended_as(Column::EntryMode, text, Edition::Unknown);
        (mode, pin)
    };
    for mode in ["01", "02", "05", "07", "79", "80", "90", "91"] {
        for pin in ["0", "1", "2"] {
            let text = format!("{mode}{pin}");
            let number = text.trim_start_matches('0');
            // 10 is a mode by itself: on file.
            let expected = match number {
                "10" => ("10".to_owned(), None),
                _ => of(&text),
            };
            assert_eq!(of(number), expected, "{text}");
            assert_eq!(of(&format!("{number}.0")), expected, "{text}");
        }
    }
}

#[test]
fn countries_and_currencies_have_two_spellings() {
    for column in [Column::AcquirerCountry, Column::IssuerCountry] {
        known(
            column,
            &[
                ("de", "DE"),
                ("DEU", "DEU"),
                ("276", "276"),
                ("56", "056"),
                ("0276", "276"),
                ("8.0", "008"),
            ],
        );
        unknown(column, &["D", "GERMANY", "1276", "D3"]);
    }
    known(
        Column::Currency,
        &[
            ("eur", "EUR"),
            ("Jpy", "JPY"),
            ("978", "978"),
            ("48", "048"),
            ("8", "008"),
            ("392.0", "392"),
            ("0392", "392"),
        ],
    );
    unknown(Column::Currency, &["EURO", "XXX", "999", "E", "1978", "€"]);
    let (code, is_known, _) = mended_as(Column::Currency, "xxx", Edition::Unknown);
    assert_eq!((&*code, is_known), ("XXX", false));
}

#[test]
fn data_objects_of_a_chip_are_hexadecimal() {
    known(
        Column::Tvr,
        &[
            ("0000008000", "0000008000"),
            ("8000", "0000008000"),
            ("8000.0", "0000008000"),
            ("0", "0000000000"),
            ("00000080ab", "00000080AB"),
            ("0x0000008000", "0000008000"),
        ],
    );
    // Two bytes are no five with zeros in front: whoever wrote them as text has lost none.
    unknown(Column::Tvr, &["0080", "80FF", "00000080001", "none"]);
    known(Column::Cid, &[("80", "80"), ("0", "00"), ("4f", "4F")]);
    known(
        Column::Arc,
        &[
            ("y1", "Y1"),
            ("0", "00"),
            ("3030", "00"),
            ("5931", "Y1"),
            ("5a33", "Z3"),
            ("51", "51"),
        ],
    );
    unknown(Column::Arc, &["approved", "1205"]);
}

#[test]
fn fraud_types_have_one_or_two_characters() {
    known(
        Column::FraudType,
        &[("4", "04"), ("a", "A"), ("51", "51"), ("1.0", "01")],
    );
    unknown(Column::FraudType, &["stolen", "?"]);
}

#[test]
fn unknown_codes_are_counted_by_column() {
    let mut codes = UnknownCodes::default();
    codes.count(position(Column::EntryMode).unwrap());
    codes.count(TABLE.len());
    let more = codes;
    codes += &more;
    assert_eq!(codes.total(), 2);
    let is_right = |(column, count)| (column == Column::EntryMode) == (count == 2);
    assert!(codes.iter().all(is_right));
}

#[test]
fn digits_are_told_by_words_as_one_by_one() {
    for length in 0..=12_usize {
        let digits: Vec<u8> = b"0918273645091".iter().copied().take(length).collect();
        assert_eq!(are_digits(&digits), length > 0, "{length}");
        for at in 0..length {
            for other in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                let mut text = digits.clone();
                text[at] = other;
                assert!(!are_digits(&text), "{text:?}");
            }
        }
    }
}
