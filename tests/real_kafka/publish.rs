//! `publish` of rows of which a broker refuses some.

use std::fmt::Write as _;

use tillwatch_testkit::broker::{RealBroker, read_all};

use crate::setup;
use crate::support::tillwatch;

const ROWS: i64 = 2_000;

/// Rows stamped two days ahead, which a topic does not take unless told to.
const AHEAD: [i64; 3] = [6, 7, 1_500];

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_refused_row_is_lost_alone_and_named() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "rows");
    let now_ms = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a time after 1970")
        .as_millis() as i64;
    let mut rows = String::new();
    for row in 0..ROWS {
        let time = if AHEAD.contains(&row) {
            now_ms + 2 * 86_400_000
        } else {
            now_ms - 86_400_000 + row
        };
        let _ = writeln!(
            rows,
            r#"{{"event_id":"e{row}","event_time":{time},"acquirer_id":"a","merchant_id":"m","terminal_id":"T{}","amount_minor":100,"currency":"EUR"}}"#,
            row % 20
        );
    }
    let input = setup.directory.path().join("rows.jsonl");
    std::fs::write(&input, rows).expect("it can be written");
    let output = tillwatch()
        .arg("publish")
        .arg("--config")
        .arg(setup.config("tillwatch.toml", ""))
        .arg("--input")
        .arg(&input)
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let words = "3 records were refused and are not in rows";
    assert!(said.contains(words), "{said}");
    assert!(
        said.contains("row 6, row 7, row 1500; 1997 records are delivered"),
        "{said}"
    );

    let records = read_all(&setup.brokers, "rows", setup.partitions).expect("they can be read");
    let ids: std::collections::BTreeSet<String> = records
        .iter()
        .map(crate::support::json)
        .map(|record| record["event_id"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!((records.len(), ids.len()), (1_997, 1_997));
    for row in AHEAD {
        assert!(!ids.contains(&format!("e{row}")), "row {row}");
    }
}
