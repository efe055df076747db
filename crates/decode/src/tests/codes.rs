//! What a field means decides, not how it was typed: codes, ids, amounts, counters.

use tillwatch_records::code;

use super::*;

const MAJOR: &str = "[units]\namount = \"major\"";

fn of(column: Column, written: &str) -> Result<Option<String>, String> {
    let member = format!("\"{}\":{written}", column.name());
    let payload = match GOOD.contains(&format!("\"{}\"", column.name())) {
        true => replaced(column.name(), written),
        false => with(&member),
    };
    value("", &payload, column)
}

fn are(column: Column, cases: &[(&str, &str)]) {
    for (written, expected) in cases {
        let found = of(column, written);
        assert_eq!(
            found,
            Ok(Some((*expected).to_owned())),
            "{column:?} {written}"
        );
    }
}

#[test]
fn codes_are_the_same_however_they_are_typed() {
    are(
        Column::ResponseCode,
        &[
            ("\"00\"", "00"),
            ("0", "00"),
            ("0.0", "00"),
            ("\"0\"", "00"),
            ("\"00  \"", "00"),
            ("\" 00\"", "00"),
            ("\"\\u0030\\u0030 \"", "00"),
            ("5", "05"),
            ("5.1e1", "51"),
            ("\"n7\"", "N7"),
            ("true", "true"),
            ("\"APPROVED\"", "APPROVED"),
            ("1e300", "1e300"),
        ],
    );
    are(
        Column::Mcc,
        &[("742", "0742"), ("5411.0", "5411"), ("\"5411 \"", "5411")],
    );
    are(
        Column::ProcessingCode,
        &[("0", "000000"), ("200000", "200000"), ("10000.0", "010000")],
    );
    are(Column::Mti, &[("100", "0100"), ("\"0200\"", "0200")]);
    are(
        Column::Currency,
        &[("48", "048"), ("978.0", "978"), ("\"eur\"", "EUR")],
    );
    are(
        Column::Tvr,
        &[("8000", "0000008000"), ("\"0000008000\"", "0000008000")],
    );
    assert_eq!(of(Column::ResponseCode, "\"  \""), Ok(None));
    assert_eq!(of(Column::Mcc, "null"), Ok(None));
    let refused = of(Column::Mcc, "[]").unwrap_err();
    assert!(refused.starts_with("wrong_type: `mcc`"), "{refused}");
}

#[test]
fn a_longer_entry_mode_says_the_pin_capability_as_well() {
    let both = |members: &str| {
        let decoded = decode("", &[with(members)]);
        let text = |column| {
            let texts = decoded.events.text(column).unwrap();
            (!texts.is_null(0)).then(|| texts.value(0).to_owned())
        };
        (
            text(Column::EntryMode).unwrap(),
            text(Column::PinCapability),
        )
    };
    let split = |mode: &str, pin: Option<&str>| (mode.to_owned(), pin.map(str::to_owned));
    assert_eq!(both(r#""entry_mode":"051""#), split("05", Some("1")));
    assert_eq!(both(r#""entry_mode":51"#), split("05", Some("1")));
    assert_eq!(
        both(r#""entry_mode":"510101510130""#),
        split("05", Some("1"))
    );
    assert_eq!(both(r#""entry_mode":"05""#), split("05", None));
    // What the record says itself counts.
    let own = r#""entry_mode":"051","pin_capability":2"#;
    assert_eq!(both(own), split("05", Some("2")));
    // Of the next record nothing is left.
    let records = [
        with(r#""entry_mode":"051","lat":"x""#),
        with(r#""entry_mode":"05""#),
    ];
    let decoded = decode(STRICT, &records);
    assert!(
        decoded
            .events
            .text(Column::PinCapability)
            .unwrap()
            .is_null(0)
    );
    // The entry mode need not be read for its own sake.
    let mut decoder = decoder("", Projection::new([Column::PinCapability]));
    let decoded = decoder.decode(&batch(&[with(r#""entry_mode":"072""#)]));
    assert_eq!(show(&decoded.events), ["transaction@0: pin_capability=2"]);
}

#[test]
fn three_digits_mean_what_their_edition_says() {
    let response = |settings: &str, member: &str| {
        value(settings, &with(member), Column::ResponseCode)
            .unwrap()
            .unwrap()
    };
    assert_eq!(response("", r#""response_code":"000""#), "00");
    assert_eq!(response("", r#""response_code":"116""#), "51");
    assert_eq!(response("", r#""response_code":"001""#), "001");
    assert_eq!(
        response("", r#""response_code":"001","spec_version":"1993""#),
        "08"
    );
    assert_eq!(
        response("", r#""response_code":"005","spec_version":1987"#),
        "05"
    );
    let constant = "fields.spec_version = { constant = 1993 }";
    assert_eq!(response(constant, r#""response_code":"002""#), "10");
    // A mapping that leaves no place for the edition is none the worse.
    let taken = "fields.rrn = \"spec_version.rrn\"";
    let mut decoder = decoder(taken, Projection::new([Column::ResponseCode, Column::Rrn]));
    let decoded = decoder.decode(&batch(&[with(r#""response_code":"001""#)]));
    assert_eq!(show(&decoded.events), ["transaction@0: response_code=001"]);
}

#[test]
fn unknown_codes_of_rows_are_counted() {
    let count = |payloads: &[String]| {
        let unknown = decode(STRICT, payloads).unknown_codes;
        let found = unknown.iter().filter(|(_, count)| *count > 0);
        found
            .map(|(column, count)| (column.name(), count))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        count(&[GOOD.to_owned(), with(r#""mcc":5411,"entry_mode":"051""#)]),
        []
    );
    let unknown = with(r#""mcc":"grocery","entry_mode":"CHIP""#);
    let refused = with(r#""mcc":"grocery","lat":"x""#);
    let found = count(&[unknown.clone(), refused, GOOD.to_owned(), unknown]);
    assert_eq!(found, [("mcc", 2), ("entry_mode", 2)]);
    assert_eq!(
        code::position(Column::Mcc).map(|at| code::TABLE[at].0),
        Some(Column::Mcc)
    );
}

#[test]
fn ids_are_exact() {
    are(
        Column::TerminalId,
        &[
            ("3343", "3343"),
            ("3343.0", "3343"),
            ("3.343e3", "3343"),
            ("-0.0", "0"),
            ("\"T0003343        \"", "T0003343"),
            ("\"T0003343\\u0000\"", "T0003343"),
            ("\"T0003343\\n\"", "T0003343"),
            ("\"\u{feff}T 1\u{a0}\"", "T 1"),
            ("\"t1\"", "t1"),
            ("\"3343.0\"", "3343.0"),
            ("57.5", "57.5"),
        ],
    );
    are(
        Column::CardToken,
        &[
            ("6011000000000001.0", "6011000000000001"),
            ("6.011000000000002e15", "6011000000000002"),
            ("9007199254740991.0", "9007199254740991"),
            ("12345678901234567890", "12345678901234567890"),
            ("-12345678901234567890", "-12345678901234567890"),
        ],
    );
    for written in [
        "9007199254740992.0",
        "1.2345678901234568e18",
        "1e300",
        "-1e16",
    ] {
        let refused = of(Column::CardToken, written).unwrap_err();
        let expected = "number_out_of_range: `card_token`: a floating-point number of 2^53 or more";
        assert!(refused.starts_with(expected), "{written}: {refused}");
    }
    let blank = of(Column::TerminalId, r#"" \t ""#).unwrap_err();
    assert!(blank.starts_with("missing_field"), "{blank}");
    // A card number is one as a double as well.
    assert!(
        of(Column::CardToken, "4.111111111111111e15")
            .unwrap_err()
            .starts_with("pan_in_clear")
    );
}

#[test]
fn amounts_are_rounded_where_binary_arithmetic_left_noise() {
    let amount = |written: &str| {
        value(
            MAJOR,
            &replaced("amount_minor", written),
            Column::AmountMinor,
        )
    };
    for (written, minor) in [
        ("57.160000000000004", "5716"),
        ("85.64999999999999", "8565"),
        ("0.30000000000000004", "30"),
        ("28.999999999999996", "2900"),
        ("0.99999999999999994", "100"),
        ("1234567.8900000001", "123456789"),
        ("\"85.64999999999999\"", "8565"),
        ("8.564999999999999e1", "8565"),
        ("\" 57.16 \"", "5716"),
    ] {
        assert_eq!(amount(written), Ok(Some(minor.to_owned())), "{written}");
    }
    for written in [
        "57.165",
        "57.1650000000000001",
        "0.001",
        "57.1600000000004",
        "\"57,16\"",
    ] {
        assert!(amount(written).is_err(), "{written}");
    }
    let minor = value(
        "",
        &replaced("amount_minor", "5715.999999999999"),
        Column::AmountMinor,
    );
    assert_eq!(minor, Ok(Some("5716".to_owned())));
}

#[test]
fn an_unknown_currency_has_no_decimals() {
    let amount = |settings: &str, currency: &str| {
        let payload = replaced("amount_minor", "1.5").replace("\"EUR\"", currency);
        value(settings, &payload, Column::AmountMinor)
    };
    for (currency, minor) in [
        ("\"bhd \"", "1500"),
        ("48", "1500"),
        ("\"0978\"", "150"),
        ("\"TWD\"", "150"),
    ] {
        assert_eq!(
            amount(MAJOR, currency),
            Ok(Some(minor.to_owned())),
            "{currency}"
        );
    }
    for currency in ["\"EURO\"", "\"XXX\"", "\"E\"", "1978", "true"] {
        let refused = amount(MAJOR, currency).unwrap_err();
        assert!(
            refused.starts_with("unknown_currency: `amount_minor`"),
            "{refused}"
        );
        assert!(!refused.contains(currency.trim_matches('"')), "{refused}");
    }
    // In minor units nobody needs to know.
    let payload = GOOD.replace("EUR", "EURO");
    assert_eq!(
        value("", &payload, Column::Currency),
        Ok(Some("EURO".to_owned()))
    );
}

#[test]
fn counters_of_the_card_are_read_in_the_base_they_are_written_in() {
    let atc = |base: &str, written: &str| {
        let settings = format!("units.atc = \"{base}\"");
        value(&settings, &with(&format!("\"atc\":{written}")), Column::Atc)
    };
    for (base, written, expected) in [
        ("hexadecimal", "\"0010\"", Some("16")),
        ("hexadecimal", "\"001A\"", Some("26")),
        ("hexadecimal", "\"0x00ff\"", Some("255")),
        ("hexadecimal", "16", Some("16")),
        ("hexadecimal", "\"1000\"", Some("4096")),
        ("decimal", "\"0010\"", Some("10")),
        ("decimal", "10", Some("10")),
        ("auto", "16", Some("16")),
        ("auto", "\"16\"", Some("16")),
        ("auto", "\"0010\"", Some("16")),
        ("auto", "\"001a\"", Some("26")),
        ("auto", "\"0X1A\"", Some("26")),
        ("auto", "\"00012\"", Some("12")),
        ("auto", "\"1000\"", Some("1000")),
        ("auto", "1e3", Some("1000")),
        ("auto", "null", None),
    ] {
        let found = atc(base, written);
        assert_eq!(found, Ok(expected.map(str::to_owned)), "{base} {written}");
    }
    for (base, written) in [
        ("hexadecimal", "\"xyz\""),
        ("auto", "\"00GA\""),
        ("decimal", "\"1A\""),
    ] {
        assert!(
            atc(base, written).unwrap_err().starts_with("bad_number"),
            "{base} {written}"
        );
    }
}

#[test]
fn constants_are_brought_to_their_form() {
    let settings = "fields.currency = { constant = \"eur \" }\nfields.mcc = { constant = 742 }";
    let decoded = decode(settings, &[GOOD]);
    let text = |column| decoded.events.text(column).unwrap().value(0).to_owned();
    assert_eq!(
        (&*text(Column::Currency), &*text(Column::Mcc)),
        ("EUR", "0742")
    );
}
