//! Scores of other records than transactions: `[scoring] record_types`.

use std::fmt::Write as _;

use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Float64Type, Int64Type};

use crate::site::Site;

const TERMINAL: &str = r#"
name = "terminal"
[[feature]]
name = "sales_1h"
aggregate = "count"
window = "1h"
[[feature]]
name = "events_1h"
aggregate = "count"
record_type = "terminal_event"
window = "1h"
"#;

const MERCHANT: &str = r#"
name = "merchant"
[[feature]]
name = "twice"
aggregate = "value"
expression = "2 * sales_1h"
"#;

/// Every sixth record is a terminal event.
const RECORDS: usize = 60;

/// A model of one rule, two stages, and a file of records of a terminal, one a minute.
struct Case(Site);

impl Case {
    fn new() -> Self {
        let mut records = String::new();
        for n in 0..RECORDS {
            let kind = match n % 6 {
                5 => r#""terminal_event","event_type":"tamper""#,
                _ => r#""transaction","amount_minor":100,"currency":"EUR""#,
            };
            let time_ms = 1_767_225_600_000 + 60_000 * n;
            let line = writeln!(
                records,
                r#"{{"type":{kind},"event_id":"e{n}","event_time":{time_ms},"terminal_id":"T","merchant_id":"M"}}"#
            );
            line.expect("a string can be written to");
        }
        let model = "name = 'rules'\nversion = '1'\nkind = 'rules'\nartefact = 'rules.toml'\n";
        Self(Site::with(&[
            ("terminal.toml", TERMINAL),
            ("merchant.toml", MERCHANT),
            ("rules/model.toml", model),
            ("in.jsonl", &records),
        ]))
    }

    /// Scores the file where `types` are scored and a critical rule fires `when`; what the command says of it
    /// and the table.
    fn score(&self, types: &str, when: &str) -> (String, RecordBatch) {
        let rule = format!(
            "[[rule]]\ncode = 'OPENED'\ntypology = 'cloned_terminal'\nseverity = 'critical'\nwhen = \"{when}\"\n\
             probability = 0.99\nfeature = 'sales_1h'\nwords = 'opened after sales'\n"
        );
        self.0.write("rules/rules.toml", &rule);
        self.0.score(&format!(
            r#"
[decode]
record_type = {{ field = "type" }}
[[stage]]
name = "terminal"
key = ["terminal_id"]
catalog = "terminal.toml"
[[stage]]
name = "merchant"
key = ["merchant_id"]
catalog = "merchant.toml"
[models]
champion = "rules"
[scoring]
record_types = {types}
"#
        ))
    }
}

fn texts(table: &RecordBatch, name: &str) -> Vec<String> {
    let column = table.column_by_name(name).expect("it is there");
    let texts = column.as_string::<i32>().iter();
    texts
        .map(|text| text.unwrap_or_default().to_owned())
        .collect()
}

fn numbers(table: &RecordBatch, name: &str) -> Vec<f64> {
    let column = table.column_by_name(name).expect("it is there");
    column.as_primitive::<Float64Type>().values().to_vec()
}

#[test]
fn what_a_transaction_scores_does_not_depend_on_what_else_is_scored() {
    let case = Case::new();
    let when = "sales_1h >= 3 AND events_1h >= 1";
    let (said, alone) = case.score(r#"["transaction"]"#, when);
    assert!(
        said.contains("50 transactions scored, 10 records folded"),
        "{said}"
    );
    assert!(alone.column_by_name("cause").is_none());
    let (said, both) = case.score(r#"["transaction", "terminal_event"]"#, when);
    assert!(
        said.contains("60 records scored, 0 records folded"),
        "{said}"
    );
    let causes = texts(&both, "cause");
    let expected = (0..RECORDS).map(|n| match n % 6 {
        5 => "terminal_event",
        _ => "transaction",
    });
    assert_eq!(causes, expected.collect::<Vec<_>>());
    let is_transaction: BooleanArray = causes
        .iter()
        .map(|cause| Some(cause == "transaction"))
        .collect();
    let kept = filter_record_batch(&both, &is_transaction).expect("as many rows");
    for (field, column) in alone.schema_ref().fields().iter().zip(alone.columns()) {
        assert_eq!(kept.column_by_name(field.name()), Some(column), "{field}");
    }
}

#[test]
fn a_terminal_event_is_scored_by_the_features_of_all_stages_and_by_its_own_columns() {
    let case = Case::new();
    let when = "event_type = 'tamper' AND sales_1h >= 10";
    let (said, table) = case.score(r#"["terminal_event"]"#, when);
    assert!(
        said.contains("10 records scored, 50 records folded"),
        "{said}"
    );
    let offsets = table.column_by_name("offset").expect("it is there");
    let offsets = offsets.as_primitive::<Int64Type>();
    let ids: Vec<String> = offsets
        .values()
        .iter()
        .map(|at| format!("in/0/{at}"))
        .collect();
    assert_eq!(texts(&table, "score_id"), ids);
    // An event is no sale: five sales before the first, ten before the second, fifty in an hour.
    let sales: Vec<f64> = (1..=10).map(|n| f64::from(5 * n)).collect();
    assert_eq!(numbers(&table, "sales_1h"), sales);
    assert_eq!(
        numbers(&table, "events_1h"),
        (1..=10).map(f64::from).collect::<Vec<_>>()
    );
    let twice: Vec<f64> = sales.iter().map(|sales| 2.0 * sales).collect();
    assert_eq!(numbers(&table, "twice"), twice);
    let bands = texts(&table, "band");
    assert_eq!(
        (bands[0].as_str(), bands[1].as_str()),
        ("approve", "decline")
    );
}
