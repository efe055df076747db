//! Card numbers in clear: refused, hidden, or made tokens.

use tillwatch_records::Flags;
use tillwatch_records::card_key::CardKey;

use super::*;

const PAN: &str = "4111111111111111";
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn with(member: &str) -> String {
    format!("{},{member}}}", &GOOD[..GOOD.len() - 1])
}

/// The value of `column` in the one row that `payload` becomes, or why it becomes none.
fn value(settings: &str, column: &str, payload: &str) -> Result<Option<String>, String> {
    let decoded = decode(settings, &[payload]);
    if let Some(refusal) = decoded.refusals.first() {
        return Err(refusal.reason.code().to_owned());
    }
    let array = decoded.events.columns.column_by_name(column).unwrap();
    Ok(array.is_valid(0).then(|| cell(array, 0)))
}

fn keyed(table: &str) -> DecodeSettings {
    let mut settings: DecodeSettings = toml::from_str(table).unwrap();
    if let Some(tokenise) = &mut settings.tokenise {
        tokenise.keys = vec![
            CardKey::new(KEY).unwrap(),
            CardKey::new(&"o".repeat(32)).unwrap(),
        ];
    }
    settings
}

fn keyed_plan(table: &str) -> Result<DecodePlan, DecodeError> {
    DecodePlan::new(&keyed(table), Arc::new(all_columns()), &KeySpec::terminal())
}

fn tokenised(table: &str, payload: &str) -> Vec<String> {
    let plan = keyed_plan(table).unwrap();
    let decoded = Decoder::new(Arc::new(plan)).decode(&batch(&[payload]));
    assert!(decoded.refusals.is_empty(), "{:?}", decoded.refusals);
    ["card_token", "bin", "last4"]
        .map(|name| {
            let array = decoded.events.columns.column_by_name(name).unwrap();
            match array.is_valid(0) {
                true => cell(array, 0),
                false => String::new(),
            }
        })
        .to_vec()
}

fn token(key: &str) -> String {
    let hash = CardKey::new(key).unwrap().hash(PAN.as_bytes());
    String::from_utf8(hash.to_vec()).unwrap()
}

#[test]
fn no_text_column_shows_a_card_number() {
    let stars = "*".repeat(PAN.len());
    for column in Column::ALL.iter().filter(|c| c.kind() == ColumnType::Text) {
        let (name, carried) = (column.name(), column.spec().carried_by);
        if !carried.contains(&RecordKind::Transaction) {
            continue;
        }
        let payload = match GOOD.split_once(&format!("\"{name}\":\"")) {
            Some((before, after)) => {
                let (_, after) = after.split_once('"').unwrap();
                format!("{before}\"{name}\":\"{PAN}\"{after}")
            }
            None => with(&format!("\"{name}\":\"{PAN}\"")),
        };
        let of_card = ["card_token", "par", "bin", "last4", "psn"].contains(&name);
        let found = value("", name, &payload);
        if of_card {
            assert_eq!(found, Err("pan_in_clear".to_owned()), "{name}");
            continue;
        }
        assert_eq!(found, Ok(Some(stars.clone())), "{name}");
        let decoded = decode("", &[&payload]);
        let counts: Vec<_> = decoded.invalid_fields.iter().collect();
        assert_eq!(counts, [(name, "pan_in_clear", 1)], "{name}");
        assert_eq!(decoded.events.marks, [Flags::FIELD_INVALID], "{name}");
    }
}

#[test]
fn no_integer_is_a_card_number() {
    for column in ["stan", "atc", "latency_ms"] {
        for written in [PAN.to_owned(), format!("\"{PAN}\"")] {
            let payload = with(&format!("\"{column}\":{written}"));
            assert_eq!(value("", column, &payload), Ok(None), "{column}");
            let decoded = decode("", &[&payload]);
            assert_eq!(decoded.events.marks, [Flags::FIELD_INVALID], "{column}");
        }
        // As many digits, and none.
        let payload = with(&format!("\"{column}\":1767600064966"));
        let found = value("", column, &payload);
        assert_eq!(found, Ok(Some("1767600064966".to_owned())), "{column}");
    }
}

#[test]
fn the_rest_of_a_text_stays() {
    let payload = with(&format!("\"rrn\":\"{PAN}-000123\""));
    let expected = format!("{}-000123", "*".repeat(16));
    assert_eq!(value("", "rrn", &payload), Ok(Some(expected)));
    // A surrogate pair beside it, and blanks around it.
    let payload = with(&format!("\"name_location\":\" \\ud83d\\ude00 {PAN} \""));
    let expected = format!("\u{1f600} {}", "*".repeat(16));
    assert_eq!(value("", "name_location", &payload), Ok(Some(expected)));
}

#[test]
fn nobody_looks_where_the_site_says_that_there_are_none() {
    let settings = "no_card_numbers_in = [\"rrn\", \"card_token\", \"store\"]\n\
                    columns.store = { type = \"text\" }";
    let payload = with(&format!("\"rrn\":\"{PAN}\",\"card_token\":\"{PAN}\""));
    assert_eq!(value(settings, "rrn", &payload), Ok(Some(PAN.to_owned())));
    assert_eq!(
        value(settings, "card_token", &payload),
        Ok(Some(PAN.to_owned()))
    );
    assert!(decode(settings, &[&payload]).invalid_fields.is_empty());
    let message = |settings: &str| plan_of(settings, all_columns()).unwrap_err().to_string();
    let unknown = message("no_card_numbers_in = [\"event_idd\"]");
    assert!(unknown.contains("did you mean `event_id`"), "{unknown}");
    let number = message("no_card_numbers_in = [\"stan\"]");
    assert!(number.contains("no text column"), "{number}");
}

#[test]
fn a_clear_number_becomes_a_token_whatever_it_is_written_as() {
    let expected = [token(KEY), "41111111".to_owned(), "1111".to_owned()];
    for value in [
        format!("\"{PAN}\""),
        PAN.to_owned(),
        format!("{PAN}.0"),
        "4.111111111111111e15".to_owned(),
        "\"4111 1111 1111 1111\"".to_owned(),
        format!("\"{PAN}=25121010000\""),
        "\"\\u0034111111111111111\"".to_owned(),
    ] {
        // Under a name that may be mapped to no column.
        let payload = with(&format!("\"card\":{{\"pan\":{value}}}"));
        let found = tokenised("tokenise = { field = \"card.pan\" }", &payload);
        assert_eq!(found, expected, "{value}");
    }
    let amex = with("\"cc\":\"378282246310005\"");
    let found = tokenised("tokenise = { field = \"cc\" }", &amex);
    assert_eq!(found[1..], ["378282", "0005"]);
}

#[test]
fn fields_that_are_mapped_keep_their_columns() {
    let table = "fields.bin = \"iin\"\ntokenise = { field = \"cc\" }";
    let payload = with(&format!(
        "\"cc\":\"{PAN}\",\"iin\":\"411111\",\"last4\":\"9999\""
    ));
    let found = tokenised(table, &payload);
    assert_eq!(found, [token(KEY), "411111".to_owned(), "1111".to_owned()]);
}

#[test]
fn what_is_no_whole_number_costs_the_token_alone() {
    let table = "tokenise = { field = \"cc\" }";
    let decoder = || Decoder::new(Arc::new(keyed_plan(table).unwrap()));
    for value in ["\"411111******1111\"", "\"tok_1\"", "12", "true", "[1]"] {
        let decoded = decoder().decode(&batch(&[with(&format!("\"cc\":{value}"))]));
        assert!(decoded.refusals.is_empty(), "{value}");
        let column = decoded.events.columns.column_by_name("card_token").unwrap();
        assert!(column.is_null(0), "{value}");
        assert_eq!(decoded.events.marks, [Flags::FIELD_INVALID], "{value}");
        let counted = decoded.invalid_fields.iter().next().unwrap();
        assert_eq!(counted.0, "card_token");
    }
    for absent in ["\"cc\":null", "\"cc\":\" \"", "\"x\":1"] {
        let decoded = decoder().decode(&batch(&[with(absent)]));
        assert!(
            decoded.refusals.is_empty() && decoded.events.marks.is_empty(),
            "{absent}"
        );
    }
    let strict = format!("{table}\ninvalid.card_token = \"refuse\"");
    let plan = keyed_plan(&strict).unwrap();
    let decoded = Decoder::new(Arc::new(plan)).decode(&batch(&[with("\"cc\":\"x\"")]));
    assert_eq!(decoded.refusals[0].reason, RefusalReason::BAD_CARD_NUMBER);
}

#[test]
fn records_before_the_change_of_keys_have_tokens_of_the_old_one() {
    // The record is of 2018-04-01.
    let payload = with(&format!("\"cc\":\"{PAN}\""));
    for (until, key) in [
        ("2018-04-01T00:00:31Z", KEY),
        ("2018-04-01T00:00:32Z", &*"o".repeat(32)),
    ] {
        let table =
            format!("tokenise = {{ field = \"cc\", previous = {{ until = \"{until}\" }} }}");
        assert_eq!(tokenised(&table, &payload)[0], token(key), "{until}");
    }
}

#[test]
fn settings_of_tokens_are_checked() {
    for (table, words) in [
        ("tokenise = { field = \"a..b\" }", "an empty name"),
        (
            "tokenise = { field = \"rrn\" }",
            "is also mapped to a column",
        ),
        (
            "fields.card_token = \"t\"\ntokenise = { field = \"cc\" }",
            "keep one of them",
        ),
        (
            "tokenise = { field = \"cc\", previous = { until = \"soon\" } }",
            "until = `soon` is no time",
        ),
    ] {
        let error = keyed_plan(table).unwrap_err().to_string();
        assert!(error.contains(words), "{table}: {error}");
    }
    let without_key = plan_of("tokenise = { field = \"cc\" }", all_columns());
    assert_eq!(without_key.unwrap_err(), DecodeError::NoCardKey);
}

#[test]
fn track_and_pin_data_can_be_mapped_under_no_address() {
    for path in [
        "fields.35",
        "elements/45",
        "de35",
        "DE035",
        "F35",
        "msg.fields.52",
        "iso.2",
        "emv.57",
        "DE55",
    ] {
        let error = plan_of(&format!("fields.rrn = \"{path}\""), all_columns()).unwrap_err();
        assert!(
            matches!(error, DecodeError::Sensitive { .. }),
            "{path}: {error}"
        );
    }
    // Other elements, and parts of element 55.
    plan_of(
        "fields.rrn = \"fields.37\"\nfields.atc = \"fields.55.9F36\"",
        all_columns(),
    )
    .unwrap();
}
