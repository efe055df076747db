//! Columns that a site declares itself, read by everything that reads columns.

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Float64Type;

use crate::site::{CONFIG, RULES_MODEL, Site};
use crate::support::tillwatch;

const COLUMNS: &str = r#"
[decode.invalid]
queue_ms = "refuse"
[decode.columns]
store_tier = { type = "text", field = "store.tier" }
queue_ms   = { type = "integer" }
is_kiosk   = { type = "boolean", field = "kiosk" }
basket     = { type = "float", field = "basket.weight" }
received   = { type = "timestamp", format = "rfc3339", field = "recv" }
unread     = { type = "integer", field = "store" }
"#;

const REST: &str = r#"
[[stage]]
name = "terminal"
key = ["terminal_id"]
catalog = "terminal.toml"
[[stage]]
name = "card"
key = ["card_token"]
catalog = "card.toml"
[registry]
path = "terminals.csv"
key = ["terminal_id"]
types = { floor_minor = "integer" }
[models]
champion = "rules"
"#;

const TERMINAL: &str = r#"
name = "terminal"
[[feature]]
name = "gold_kiosk_1h"
aggregate = "count"
filter = "is_kiosk AND store_tier = 'gold'"
window = "1h"
[[feature]]
name = "kinds_1h"
aggregate = "distinct"
columns = ["store_tier", "is_kiosk"]
window = "1h"
[[feature]]
name = "baskets_1h"
aggregate = "distinct"
column = "basket"
window = "1h"
[[feature]]
name = "queue_sum_1h"
aggregate = "sum"
column = "queue_ms"
window = "1h"
[[feature]]
name = "basket_max_1h"
aggregate = "max"
column = "basket"
window = "1h"
[[feature]]
name = "tier_changed"
aggregate = "changed"
column = "store_tier"
[[feature]]
name = "delay_ms"
aggregate = "value"
expression = "received - event_time"
"#;

const CARD: &str = r#"
name = "card"
[[feature]]
name = "card_tiers_1h"
aggregate = "distinct"
column = "store_tier"
window = "1h"
"#;

const RULES: &str = r#"
prior = 0.001
[[rule]]
code = "SLOW_GOLD_KIOSK"
severity = "warning"
when = "is_kiosk AND store_tier = 'gold' AND queue_ms > registry_floor_minor"
probability = 0.7
feature = "queue_ms"
words = "A kiosk that lets its best customers wait"
"#;

/// (terminal, card, what else is in the record); one every second.
const RECORDS: [(&str, &str, &str); 5] = [
    (
        "t1",
        "c1",
        r#""store":{"tier":"gold"},"queue_ms":150,"kiosk":true,"basket":{"weight":1.5},"recv":"2018-04-01T00:00:00.250Z""#,
    ),
    (
        "t1",
        "c1",
        r#""store":{"tier":"blue"},"queue_ms":20,"kiosk":true,"basket":{"weight":0.5}"#,
    ),
    (
        "t1",
        "c2",
        r#""store":{"tier":"blue"},"kiosk":false,"basket":{"weight":1.5}"#,
    ),
    ("t1", "c2", r#""queue_ms":"soon""#),
    (
        "t2",
        "c1",
        r#""store":{"tier":"gold"},"queue_ms":90,"kiosk":true"#,
    ),
];

struct Own(Site);

impl Own {
    fn new() -> Self {
        let records = RECORDS.iter().enumerate().map(|(n, (terminal, card, rest))| {
            let (time, fraud) = (1_522_540_800_000 + 1000 * n, n % 2);
            format!(
                r#"{{"event_id":"e{n}","event_time":{time},"terminal_id":"{terminal}","card_token":"{card}","fraud":{fraud},{rest}}}"#
            )
        });
        let records: Vec<String> = records.collect();
        Self(Site::with(&[
            ("terminal.toml", TERMINAL),
            ("card.toml", CARD),
            ("rules/model.toml", RULES_MODEL),
            ("rules/rules.toml", RULES),
            ("terminals.csv", "terminal_id,floor_minor\nt1,100\nt2,100\n"),
            ("in.jsonl", &records.join("\n")),
        ]))
    }

    fn score(&self, config: &str) -> RecordBatch {
        self.0.score(config).1
    }

    /// Whether `config` passes the check, and what that says.
    fn check(&self, config: &str) -> (bool, String) {
        self.0.write(CONFIG, config);
        let output = tillwatch()
            .args(["check", "--offline", "--config"])
            .arg(self.0.path(CONFIG))
            .output()
            .expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.success(), said)
    }

    /// What is said of a configuration that is refused.
    fn refusal(&self, config: &str) -> String {
        let (passed, said) = self.check(config);
        assert!(!passed, "accepted:\n{config}\n{said}");
        said
    }
}

fn numbers(scores: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    let column = scores.column_by_name(name).expect(name);
    column.as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn features_rules_and_outputs_read_them() {
    let site = Own::new();
    let scores = site.score(&format!("{COLUMNS}{REST}"));
    // The fourth record's queue is no number.
    assert_eq!(scores.num_rows(), 4);
    let letters = std::fs::read_to_string(site.0.path("scores.parquet.dead-letters.jsonl"));
    let letters = letters.expect("a row is refused");
    assert!(
        letters.contains("\"bad_number\"") && letters.contains("`queue_ms`"),
        "{letters}"
    );
    let all = |values: [f64; 4]| values.map(Some).to_vec();
    assert_eq!(numbers(&scores, "gold_kiosk_1h"), all([1.0, 1.0, 1.0, 1.0]));
    assert_eq!(numbers(&scores, "kinds_1h"), all([1.0, 2.0, 3.0, 1.0]));
    assert_eq!(numbers(&scores, "baskets_1h"), all([1.0, 2.0, 2.0, 0.0]));
    assert_eq!(
        numbers(&scores, "queue_sum_1h"),
        all([150.0, 170.0, 170.0, 90.0])
    );
    let heaviest = [Some(1.5), Some(1.5), Some(1.5), None];
    assert_eq!(numbers(&scores, "basket_max_1h"), heaviest);
    let changed = numbers(&scores, "tier_changed");
    assert_eq!(changed[1..3], [Some(1.0), Some(0.0)]);
    assert_eq!(
        numbers(&scores, "delay_ms"),
        [Some(250.0), None, None, None]
    );
    // The second stage is given them as well.
    assert_eq!(numbers(&scores, "card_tiers_1h"), all([1.0, 2.0, 1.0, 2.0]));
    // A rule reads them beside reference data, and its reason says their value.
    let reasons = scores.column_by_name("reasons").expect("a column");
    let reasons: Vec<_> = reasons.as_string::<i32>().iter().collect();
    let first = reasons[0].expect("a reason");
    assert!(
        first.contains("\"feature\":\"queue_ms\",\"value\":150.0"),
        "{first}"
    );
    assert!(reasons[1..].iter().all(Option::is_none), "{reasons:?}");

    // Labels between the rows have none of them, and change nothing of what was computed.
    let labels = "[labels]\ncolumn = \"fraud\"\ndelay = \"1s\"\n";
    let labelled = site.score(&format!("{COLUMNS}{REST}{labels}"));
    assert_eq!(labelled, scores);
}

#[test]
fn the_check_lists_them_with_those_that_nobody_reads() {
    let site = Own::new();
    let (passed, said) = site.check(&format!("{COLUMNS}{REST}"));
    assert!(passed, "{said}");
    let listed = "columns of the site's own: basket, is_kiosk, queue_ms, received, store_tier, \
                  unread (not read: no catalog or model names it)";
    assert!(said.contains(listed), "{said}");
}

#[test]
fn names_that_cannot_be_are_refused() {
    let site = Own::new();
    let with = |column: &str| format!("{COLUMNS}{column}\n{REST}");
    for (column, expected) in [
        (
            "mcc = { type = \"text\" }",
            "has the name of a canonical column",
        ),
        (
            "registry_x = { type = \"text\" }",
            "has a name of the reference table",
        ),
        ("queue_ms = { type = \"text\" }", "duplicate key"),
        ("x = { typ = \"text\" }", "did you mean `type`?"),
        ("x = { type = \"txt\" }", "did you mean `text`?"),
        (
            "card_tiers_1h = { type = \"text\" }",
            "stage `card` has a feature `card_tiers_1h`",
        ),
    ] {
        let said = site.refusal(&with(column));
        assert!(said.contains(expected), "{column}: {said}");
    }
    let without = COLUMNS.replace("store_tier", "store_teir");
    let said = site.refusal(&format!("{without}{REST}"));
    assert!(said.contains("did you mean `store_teir`?"), "{said}");
    let key = REST.replace("key = [\"card_token\"]", "key = [\"store_tier\"]");
    let said = site.refusal(&format!("{COLUMNS}{key}"));
    assert!(
        said.contains("`store_tier`") && said.contains("cannot be part of a key"),
        "{said}"
    );
}
