//! Several stages in one configuration: what they compute together, and what is refused.

use std::path::{Path, PathBuf};

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::compute::concat_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{Setup, succeed, tillwatch};

const CARD: &str = r#"
name = "card"
[[feature]]
name = "card_count_{window}"
aggregate = "count"
windows = ["10m", "1h"]
[[feature]]
name = "card_amount_1h"
aggregate = "sum"
column = "amount_minor"
window = "1h"
exclude_current = true
"#;

const TERMINAL_KEY: &str = r#"["acquirer_id", "merchant_id", "terminal_id"]"#;

/// A setup whose configurations have stages or one key.
struct Stages(Setup);

impl Stages {
    fn new() -> Self {
        let setup = Setup::new("localhost:1", "stages", 1);
        std::fs::write(setup.directory.path().join("card.toml"), CARD).expect("it can be written");
        Self(setup)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.directory.path().join(name)
    }

    /// The shipped rules with `features` in place of the table of that name.
    fn config(&self, name: &str, features: &str) -> PathBuf {
        let path = self.0.config(name, "");
        let text = std::fs::read_to_string(&path).expect("the configuration");
        let (before, after) = text.split_once("[features]").expect("a table");
        let (_, after) = after.split_once("[models]").expect("a table");
        std::fs::write(&path, format!("{before}{features}\n[models]{after}"))
            .expect("it can be written");
        path
    }

    fn stage(&self, name: &str, key: &str, catalog: &Path) -> String {
        format!("[[stage]]\nname = {name:?}\nkey = {key}\ncatalog = {catalog:?}\n")
    }

    fn chain(&self, name: &str) -> PathBuf {
        let terminal = crate::root().join("models/features/card-present.toml");
        let stages = [
            self.stage("terminal", TERMINAL_KEY, &terminal),
            self.stage("card", "[\"card_token\"]", &self.path("card.toml")),
        ];
        self.config(name, &stages.concat())
    }

    fn score(&self, config: &Path, output: &str) -> RecordBatch {
        succeed(
            tillwatch()
                .args(["score", "--features", "--config"])
                .arg(config)
                .arg("--input")
                .arg(self.path("day.jsonl"))
                .arg("--output")
                .arg(self.path(output)),
        );
        let file = std::fs::File::open(self.path(output)).expect("the output is there");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
        let batches: Vec<RecordBatch> = reader
            .build()
            .expect("it can be read")
            .map(|batch| batch.expect("it can be read"))
            .collect();
        concat_batches(batches[0].schema_ref(), &batches).expect("of one schema")
    }

    /// What a command that is refused for its configuration says.
    fn refusal(&self, command: &str, config: &Path, args: &[&str]) -> String {
        let output = tillwatch()
            .arg(command)
            .args(args)
            .arg("--config")
            .arg(config)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        said
    }
}

#[test]
fn a_row_has_the_features_of_all_stages() {
    let stages = Stages::new();
    succeed(
        tillwatch()
            .args(["simulate", "--records", "20000", "--terminals", "500"])
            .arg("--output")
            .arg(stages.path("day.jsonl")),
    );
    let both = stages.score(&stages.chain("chain.toml"), "both.parquet");
    let terminal = stages.score(&stages.0.config("terminal.toml", ""), "terminal.parquet");
    // The stages the other way round: a feature does not depend on which stages come before.
    let terminal_catalog = crate::root().join("models/features/card-present.toml");
    let reversed = [
        stages.stage("card", "[\"card_token\"]", &stages.path("card.toml")),
        stages.stage("terminal", TERMINAL_KEY, &terminal_catalog),
    ];
    let reversed = stages.config("reversed.toml", &reversed.concat());
    let reversed = stages.score(&reversed, "reversed.parquet");
    assert_eq!(both.num_rows(), 20_000);
    assert_eq!(both.num_columns(), terminal.num_columns() + 3);
    assert_eq!(both.num_columns(), reversed.num_columns());
    for (field, column) in terminal
        .schema_ref()
        .fields()
        .iter()
        .zip(terminal.columns())
    {
        // The catalog's version is that of both, and so is what marks a row.
        if !matches!(field.name().as_str(), "catalog" | "flags") {
            assert_eq!(both.column_by_name(field.name()), Some(column), "{field}");
        }
    }
    for name in ["card_count_10m", "card_count_1h", "card_amount_1h"] {
        let column = both.column_by_name(name);
        assert!(
            column.is_some() && column == reversed.column_by_name(name),
            "{name}"
        );
    }
}

const TERMINAL: &str = r#"
name = "terminal"
[[feature]]
name = "count_1h"
aggregate = "count"
window = "1h"
[[feature]]
name = "boots_1h"
aggregate = "count"
record_type = "terminal_event"
window = "1h"
"#;

/// Rules that read nothing of what they score.
const ANY: [(&str, &str); 2] = [
    (
        "model.toml",
        "name = 'any'\nversion = '1'\nkind = 'rules'\nartefact = 'rules.toml'",
    ),
    (
        "rules.toml",
        "prior = 0.01\n[[rule]]\ncode = 'LARGE'\nseverity = 'info'\nwhen = 'amount_minor > 100000'
        probability = 0.5\nfeature = 'amount_minor'\nwords = 'large'",
    ),
];

/// Every second transaction has no card, and every fourth record is a terminal event, which has none either.
#[test]
fn a_record_without_the_key_of_a_stage_passes_it() {
    let stages = Stages::new();
    std::fs::create_dir(stages.path("any")).expect("a directory");
    for (name, text) in ANY {
        std::fs::write(stages.path("any").join(name), text).expect("it can be written");
    }
    std::fs::write(stages.path("terminal.toml"), TERMINAL).expect("it can be written");
    let lines: Vec<String> = (0..40)
        .map(|n| {
            let head = format!(
                r#""event_id":"e{n}","event_time":{},"terminal_id":"T""#,
                1_700_000_000_000_i64 + n * 1_000
            );
            match n % 4 {
                3 => format!(r#"{{{head},"type":"terminal_event","event_type":"BOOT"}}"#),
                2 => format!(r#"{{{head},"amount_minor":1,"currency":"EUR","card_token":null}}"#),
                1 => format!(r#"{{{head},"amount_minor":1,"currency":"EUR"}}"#),
                _ => format!(r#"{{{head},"amount_minor":1,"currency":"EUR","card_token":"c"}}"#),
            }
        })
        .collect();
    std::fs::write(stages.path("day.jsonl"), lines.join("\n")).expect("it can be written");
    let terminal = stages.stage(
        "terminal",
        "[\"terminal_id\"]",
        &stages.path("terminal.toml"),
    );
    let card = stages.stage("card", "[\"card_token\"]", &stages.path("card.toml"));
    let scored = |name: &str, parts: &[&String]| {
        let text: String = parts.iter().map(|part| part.as_str()).collect();
        let config = stages.path(&format!("{name}.toml"));
        let record_type = "[decode.record_type]\nfield = \"type\"\n";
        let models = format!("[models]\nchampion = {:?}\n", stages.path("any"));
        std::fs::write(&config, format!("{record_type}{text}{models}")).expect("it can be written");
        stages.score(&config, &format!("{name}.parquet"))
    };
    let alone = scored("alone", &[&terminal]);
    let cards = scored("cards", &[&card]);
    assert_eq!((alone.num_rows(), cards.num_rows()), (30, 10));
    for (name, order) in [("last", [&terminal, &card]), ("first", [&card, &terminal])] {
        let both = scored(name, &order);
        assert_eq!(both.num_rows(), 30, "{name}");
        for column in ["count_1h", "boots_1h", "event_id"] {
            assert_eq!(
                both.column_by_name(column),
                alone.column_by_name(column),
                "{name}"
            );
        }
        let counts = both.column_by_name("card_count_1h").expect("it is there");
        assert_eq!(counts.null_count(), 20, "{name}");
        let is_known = arrow::compute::is_not_null(counts).expect("a column");
        let known = arrow::compute::filter(counts, &is_known).expect("a column");
        assert_eq!(
            Some(&known),
            cards.column_by_name("card_count_1h"),
            "{name}"
        );
        // A score is of the first stage that the record has a key of.
        let keys = both.column_by_name("key").expect("it is there");
        let keys = keys.as_string::<i32>();
        let of_card = keys.iter().filter(|key| *key == Some("c")).count();
        let of_terminal = keys.iter().filter(|key| *key == Some("T")).count();
        let expected = if name == "first" { (10, 20) } else { (0, 30) };
        assert_eq!((of_card, of_terminal), expected, "{name}");
    }
}

#[test]
fn what_does_not_fit_together_is_refused_by_name() {
    let stages = Stages::new();
    let card = stages.path("card.toml");
    let twice = [
        stages.stage("one", TERMINAL_KEY, &card),
        stages.stage("two", "[\"card_token\"]", &card),
    ];
    let twice = stages.config("twice.toml", &twice.concat());
    let (input, output) = (stages.path("day.jsonl"), stages.path("out.parquet"));
    let files = [
        "--input",
        input.to_str().expect("text"),
        "--output",
        output.to_str().expect("text"),
    ];
    let said = stages.refusal("score", &twice, &files);
    assert!(
        said.contains("stages `one` and `two` both have a feature `card_count_10m`"),
        "{said}"
    );
    let chain = stages.chain("chain.toml");
    let said = stages.refusal("run", &chain, &[]);
    assert!(
        said.contains("name it with --stage (terminal, card)"),
        "{said}"
    );
    let said = stages.refusal("run", &chain, &["--stage", "cards"]);
    assert!(said.contains("did you mean `card`?"), "{said}");
    // The rules are about the terminal.
    let said = stages.refusal("run", &chain, &["--stage", "card"]);
    assert!(said.contains("terminal-rules"), "{said}");
}
