//! Records of a type that is ignored: no score, no dead letter, no change.

use arrow::array::AsArray as _;
use arrow::datatypes::Float64Type;

use crate::site::{CONFIG, RULES_MODEL, RULES_OF_COUNT, Site};
use crate::support::tillwatch;

const CATALOG: &str = "name = \"probe\"\n[[feature]]\nname = \"count_1h\"\naggregate = \"count\"\n\
                       window = \"1h\"\n";

/// What Debezium writes, with deletions passed over.
const SITE: &str = r#"
[entity]
key = ["terminal_id"]
[features]
catalog = "probe.toml"
[models]
champion = "rules"
[state]
store = "off"
[decode.fields]
event_id = "payload.after.id"
event_time = "payload.after.at"
terminal_id = "payload.after.till"
[decode.record_type]
field = "payload.op"
values = { c = "transaction", r = "transaction", d = "ignored" }
"#;

fn changed(op: &str, n: i64) -> String {
    let row = format!(
        r#"{{"id":"e{n}","at":{},"till":"T1"}}"#,
        1_767_600_000_000 + n
    );
    match op {
        "d" => format!(r#"{{"payload":{{"before":{row},"after":null,"op":"d"}}}}"#),
        _ => format!(r#"{{"payload":{{"before":null,"after":{row},"op":"{op}"}}}}"#),
    }
}

fn site(ops: &[&str]) -> Site {
    let records = ops.iter().zip(0..).map(|(op, n)| changed(op, n));
    Site::with(&[
        ("probe.toml", CATALOG),
        ("rules/model.toml", RULES_MODEL),
        ("rules/rules.toml", RULES_OF_COUNT),
        ("in.jsonl", &records.collect::<Vec<_>>().join("\n")),
    ])
}

#[test]
fn what_is_ignored_is_counted_and_leaves_nothing() {
    let site = site(&["c", "d", "r", "u", "d", "c"]);
    let (said, table) = site.score(SITE);
    let counts = table
        .column_by_name("count_1h")
        .expect("the feature is there");
    let counts: Vec<_> = counts.as_primitive::<Float64Type>().values().to_vec();
    assert_eq!(counts, [1.0, 2.0, 3.0]);
    assert!(
        said.contains("3 transactions scored, 0 records folded into state, 1 refused"),
        "{said}"
    );
    assert!(said.contains("ignored because of their type: 2"), "{said}");
    let letters = site.path("scores.parquet.dead-letters.jsonl");
    let letters = std::fs::read_to_string(letters).expect("an unknown word is refused");
    assert_eq!(letters.lines().count(), 1, "{letters}");
    let output = tillwatch()
        .args(["check", "--offline", "--config"])
        .arg(site.path(CONFIG))
        .arg("--sample")
        .arg(site.path("in.jsonl"))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("2 ignored because of their type"), "{said}");
}

#[test]
fn a_file_of_ignored_records_is_no_error() {
    let site = site(&["d", "d"]);
    site.write(CONFIG, SITE);
    let output = tillwatch()
        .args(["score", "--config"])
        .arg(site.path(CONFIG))
        .arg("--input")
        .arg(site.path("in.jsonl"))
        .arg("--output")
        .arg(site.path("scores.parquet"))
        .output()
        .expect("it runs");
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("0 refused"), "{said}");
    assert!(said.contains("ignored because of their type: 2"), "{said}");
}
