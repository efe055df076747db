//! A value that cannot be read costs its column, and not the payment.

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Float64Type;

use crate::site::{CONFIG, RULES_MODEL, RULES_OF_COUNT, Site};
use crate::support::tillwatch;

const CATALOG: &str = r#"
name = "probe"
[[feature]]
name = "count_1h"
aggregate = "count"
window = "1h"
[[feature]]
name = "stan"
aggregate = "value"
expression = "stan"
[[feature]]
name = "queue"
aggregate = "value"
expression = "queue_ms"
"#;

const SITE: &str = r#"
[entity]
key = ["terminal_id"]
[features]
catalog = "probe.toml"
[models]
champion = "rules"
[state]
store = "off"
[decode.columns]
queue_ms = { type = "integer" }
"#;

/// What stands in each record beside its id, time and terminal.
const RECORDS: [&str; 6] = [
    r#""stan":1,"queue_ms":5"#,
    r#""stan":"12a","lat":"not read by anybody""#,
    r#""stan":[],"queue_ms":"soon""#,
    r#""stan":2,"queue_ms":"later""#,
    r#""stan":3,"card_token":"4111111111111111""#,
    r#""stan":4"#,
];

fn record(id: &str, n: usize, rest: &str) -> String {
    let time = 1_767_600_000_000_i64 + 1000 * n as i64;
    format!(r#"{{"event_id":"{id}","event_time":{time},"terminal_id":"T1",{rest}}}"#)
}

fn site(records: &[String]) -> Site {
    Site::with(&[
        ("probe.toml", CATALOG),
        ("rules/model.toml", RULES_MODEL),
        ("rules/rules.toml", RULES_OF_COUNT),
        ("in.jsonl", &records.join("\n")),
    ])
}

fn records() -> Vec<String> {
    let records = RECORDS.iter().enumerate();
    let record = |(n, rest): (usize, &&str)| record(&format!("e{n}"), n, rest);
    records.map(record).collect()
}

fn feature(table: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    let column = table.column_by_name(name).expect("the feature is there");
    column.as_primitive::<Float64Type>().iter().collect()
}

/// The flags of each row, joined by blanks.
fn flags(table: &RecordBatch) -> Vec<String> {
    let column = table.column_by_name("flags").expect("a column");
    let lists = column.as_list::<i32>().iter();
    let words = lists.map(|list| {
        let list = list.expect("no null");
        let words = list.as_string::<i32>().iter().flatten();
        words.collect::<Vec<_>>().join(" ")
    });
    words.collect()
}

#[test]
fn the_payment_is_scored_and_flagged() {
    let (said, table) = site(&records()).score(SITE);
    // The fifth names a card in clear, where the content of records is compared.
    assert_eq!(
        feature(&table, "stan"),
        [Some(1.0), None, None, Some(2.0), Some(4.0)]
    );
    assert_eq!(
        feature(&table, "queue"),
        [Some(5.0), None, None, None, None]
    );
    assert_eq!(
        feature(&table, "count_1h"),
        [1.0, 2.0, 3.0, 4.0, 5.0].map(Some)
    );
    let invalid = "FIELD_INVALID";
    assert_eq!(flags(&table), ["", invalid, invalid, invalid, ""]);
    let told = "fields that could not be read, and are null: queue_ms 2 (bad_number), stan 1 (bad_number), \
                stan 1 (wrong_type)";
    assert!(said.contains(told), "{said}");
    assert!(said.contains("flags: FIELD_INVALID 3"), "{said}");
    assert!(said.contains("refused: pan_in_clear 1"), "{said}");
}

#[test]
fn labels_between_the_rows_move_no_flag() {
    let records = records();
    let labelled = records.iter().map(|record| {
        let record = record.strip_suffix('}').expect("an object");
        format!("{record},\"is_fraud\":1}}")
    });
    let settings = "[labels]\ncolumn = \"is_fraud\"\ndelay = \"1s\"\n";
    let (said, table) = site(&labelled.collect::<Vec<_>>()).score(&format!("{SITE}{settings}"));
    let invalid = "FIELD_INVALID";
    assert_eq!(flags(&table), ["", invalid, invalid, invalid, ""], "{said}");
}

#[test]
fn a_site_may_rather_have_a_dead_letter() {
    let settings = "[decode.invalid]\ndefault = \"refuse\"\nqueue_ms = \"null\"\n";
    let (said, table) = site(&records()).score(&format!("{SITE}{settings}"));
    assert_eq!(feature(&table, "stan"), [1.0, 2.0, 4.0].map(Some));
    assert_eq!(flags(&table), ["", "FIELD_INVALID", ""]);
    let told = "refused: bad_number 1, pan_in_clear 1, wrong_type 1";
    assert!(said.contains(told), "{said}");
}

#[test]
fn a_record_that_is_sent_again_is_known_again() {
    let unread = r#""stan":"x","amount_minor":"much","card_token":[]"#;
    let records = [
        record("a", 0, unread),
        record("a", 0, unread),
        record("a", 0, r#""stan":7,"amount_minor":"much","card_token":[]"#),
        record("a", 0, r#""stan":7,"amount_minor":9,"card_token":[]"#),
    ];
    let (_, table) = site(&records).score(SITE);
    // An amount that can be read is another content than one that cannot.
    assert_eq!(
        flags(&table),
        [
            "FIELD_INVALID",
            "DUPLICATE FIELD_INVALID",
            "DUPLICATE FIELD_INVALID",
            "ID_REUSED FIELD_INVALID"
        ]
    );
}

#[test]
fn check_names_what_is_wrong_in_settings_and_samples() {
    let site = site(&records());
    let said = |config: &str| {
        site.write(CONFIG, config);
        let output = tillwatch()
            .args(["check", "--offline", "--config"])
            .arg(site.path(CONFIG))
            .arg("--sample")
            .arg(site.path("in.jsonl"))
            .output()
            .expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.success(), said)
    };
    let (passed, words) = said(SITE);
    assert!(passed, "{words}");
    let told = "column stan: 2 of 5 null, 3 distinct, 1 that cannot be read (bad_number), \
                1 that cannot be read (wrong_type)";
    assert!(words.contains(told), "{words}");
    assert!(
        words.contains("column lat: 5 of 5 null, 0 distinct, 1 that cannot be read (bad_number)"),
        "{words}"
    );
    let (passed, words) = said(&format!("{SITE}[decode.invalid]\nstam = \"refuse\"\n"));
    assert!(!passed && words.contains("did you mean `stan`?"), "{words}");
    let (passed, words) = said(&format!("{SITE}[decode.invalid]\nterminal_id = \"null\"\n"));
    assert!(!passed && words.contains("`terminal_id`"), "{words}");
}
