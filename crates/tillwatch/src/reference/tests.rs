use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use tillwatch_engine::Lane;
use tillwatch_records::ScoreBatch;
use tillwatch_scoring::Effort;

use super::*;
use crate::config::Config;
use crate::serve::metrics::Metrics;
use crate::setup::Setup;
use crate::test_support;
use crate::watch::Stamp;

const MODELS: &str = "[models]\nchampion = \"rules\"\n";

const REFERENCE: &str = r#"
[reference]
path = "terminals.csv"
types = { floor_limit_minor = "integer" }
"#;

const TERMINALS: &str = "merchant_id,terminal_id,model,floor_limit_minor\nm,01,007,1000\n";

/// A configuration with everything it names.
struct Place(test_support::Place);

impl Place {
    fn new(terminals: &str) -> Self {
        let filter = "amount_minor > registry_floor_limit_minor";
        let rules = [
            ("UNREGISTERED_TERMINAL", "registry_known = 0", 0.5),
            ("FLOOR_LIMIT", "over_limit_1h >= 1", 0.9),
            ("MODEL", "registry_model = '007'", 0.8),
        ];
        Self(test_support::Place::new(&[
            (
                "catalog.toml",
                &test_support::catalog("over_limit_1h", Some(filter)),
            ),
            ("rules/model.toml", &test_support::rules_model("1")),
            (
                "rules/rules.toml",
                &test_support::rules("over_limit_1h", &rules),
            ),
            ("terminals.csv", terminals),
        ]))
    }

    /// Loads a configuration that ends in `reference`.
    fn load(&self, reference: &str) -> Result<Setup, String> {
        let config = test_support::config(&format!("{MODELS}{reference}"));
        self.0.write("tillwatch.toml", &config);
        let config = Config::load(&self.0.path("tillwatch.toml"));
        let config = config.map_err(|error| error.to_string())?;
        Setup::load(&config).map_err(|error| error.to_string())
    }

    fn setup(&self) -> Setup {
        self.load(REFERENCE).unwrap()
    }

    fn refusal(&self) -> String {
        self.load(REFERENCE).map(|_| ()).unwrap_err()
    }

    fn write(&self, terminals: &str) {
        self.0.write("terminals.csv", terminals);
    }
}

/// Scores one transaction of a terminal; the codes of its reasons.
fn score(lane: &mut Lane, row: i64, terminal: &str, amount: i64) -> (Vec<String>, ScoreBatch) {
    let scores = test_support::score(lane, row..row + 1, (terminal, amount), Effort::Full);
    let reasons = scores.reasons.row(0).iter();
    let mut codes: Vec<String> = reasons.map(|r| r.definition.code.clone()).collect();
    codes.sort_unstable();
    (codes, scores)
}

/// Looks until the file has come to rest.
fn look(reference: &ReferenceFile, last: &mut Option<Stamp>) -> Look {
    match reference.look(last) {
        Look::Same => reference.look(last),
        other => other,
    }
}

#[test]
fn a_changed_file_takes_effect_between_two_batches_of_every_lane() {
    let place = Place::new(TERMINALS);
    let setup = place.setup();
    let reference = setup.reference.as_ref().unwrap();
    let first_version = reference.current().version().to_owned();
    let (mut one, mut two) = (setup.assembly.lane(0), setup.assembly.lane(0));
    let (codes, scores) = score(&mut one, 0, "01", 1_500);
    assert_eq!(codes, ["FLOOR_LIMIT", "MODEL"]);
    assert_eq!(scores.versions.reference.as_ref(), Some(&first_version));
    assert_eq!(score(&mut two, 0, "1", 1_500).0, ["UNREGISTERED_TERMINAL"]);

    let mut last = None;
    assert!(matches!(look(reference, &mut last), Look::Same));
    place.write(&TERMINALS.replace("01,007,1000", "1,008,2000"));
    let Look::Taken(table) = look(reference, &mut last) else {
        panic!("a changed file is taken");
    };
    assert_ne!(table.version(), first_version);
    assert!(matches!(look(reference, &mut last), Look::Same));

    let (codes, scores) = score(&mut one, 1, "01", 500);
    // The record of before the change counted by the limit of then.
    assert_eq!(codes, ["FLOOR_LIMIT", "UNREGISTERED_TERMINAL"]);
    assert_eq!(scores.versions.reference.as_deref(), Some(table.version()));
    assert_eq!(score(&mut two, 1, "1", 1_500).0, Vec::<String>::new());
    assert_eq!(score(&mut two, 2, "1", 2_500).0, ["FLOOR_LIMIT"]);
}

#[test]
fn a_bad_file_is_refused_and_the_old_table_stays() {
    let place = Place::new(TERMINALS);
    let setup = place.setup();
    let reference = setup.reference.as_ref().unwrap();
    let version = reference.current().version().to_owned();
    let mut last = None;
    for (text, words) in [
        (TERMINALS.replace("1000", "much"), "much"),
        (
            TERMINALS.replace("floor_limit_minor", "limit"),
            "no column `floor_limit_minor`",
        ),
        (
            TERMINALS.replace(",model,", ",type,"),
            "`registry_model` is read by catalog or models",
        ),
        (
            format!("{TERMINALS}m,01,x,1\n"),
            "row 2: the key `m/01` is there already, in row 1",
        ),
        (format!("{TERMINALS}m,02\n"), "incorrect number of fields"),
        (String::new(), "`floor_limit_minor`"),
    ] {
        place.write(&text);
        let Look::Refused(error) = look(reference, &mut last) else {
            panic!("{text} is refused");
        };
        assert!(error.to_string().contains(words), "{error}");
        assert!(
            matches!(look(reference, &mut last), Look::Same),
            "told once"
        );
        assert_eq!(reference.current().version(), version);
    }
    std::fs::remove_file(place.0.path("terminals.csv")).unwrap();
    assert!(matches!(look(reference, &mut last), Look::Refused(_)));
    assert!(matches!(look(reference, &mut last), Look::Same));
    // Back with the same content: nothing to reload.
    place.write(TERMINALS);
    assert!(matches!(look(reference, &mut last), Look::Same));
    assert_eq!(score(&mut setup.assembly.lane(0), 0, "01", 1).0, ["MODEL"]);
}

#[test]
fn any_usual_separator_is_found() {
    let place = Place::new(TERMINALS);
    let version = place
        .setup()
        .reference
        .unwrap()
        .current()
        .version()
        .to_owned();
    for separator in [";", "\t", "|"] {
        place.write(&TERMINALS.replace(',', separator));
        let other = place.setup().reference.unwrap().current();
        assert_eq!(other.version(), version, "{separator:?}");
    }
    // As Excel writes it where a comma is the sign before decimals.
    place.write("\u{feff}merchant_id;terminal_id;model;floor_limit_minor\r\nm;01;\"007\";1000\r\n");
    assert_eq!(
        place.setup().reference.unwrap().current().version(),
        version
    );
}

#[test]
fn every_bad_cell_is_said_at_once_and_each_once() {
    let rows = "m,01,007,much\nm,02,007,1,5\nm,03,007,much\nm,04,007,more\nm,01,007,1\nm,,007,1\n";
    let place = Place::new(&format!(
        "merchant_id,terminal_id,model,floor_limit_minor\n{rows}"
    ));
    let message = place.refusal();
    for words in [
        "row 1: `floor_limit_minor`: `much` is no integer",
        "row 2: incorrect number of fields: 5 in place of 4",
        "row 4: `floor_limit_minor`: `more` is no integer",
        "row 5: the key `m/01` is there already, in row 1",
        "row 6: `terminal_id` is missing",
    ] {
        assert_eq!(message.matches(words).count(), 1, "{words}: {message}");
    }
    assert_eq!(message.matches("much").count(), 1, "{message}");
    let many: String = (0..30).map(|row| format!("m,{row},007,x{row}\n")).collect();
    place.write(&format!(
        "merchant_id,terminal_id,model,floor_limit_minor\n{many}"
    ));
    let message = place.refusal();
    assert!(
        message.contains("`x19`") && !message.contains("`x20`"),
        "{message}"
    );
    assert!(message.contains("and 10 more"), "{message}");
}

#[test]
fn a_file_that_is_still_being_written_waits() {
    let place = Place::new(TERMINALS);
    let setup = place.setup();
    let reference = setup.reference.as_ref().unwrap();
    let mut last = None;
    place.write(&format!("{TERMINALS}m,02,"));
    assert!(matches!(reference.look(&mut last), Look::Same));
    place.write(&format!("{TERMINALS}m,02,x,5\n"));
    assert!(matches!(reference.look(&mut last), Look::Same));
    assert!(matches!(reference.look(&mut last), Look::Taken(_)));
}

#[test]
fn what_is_missing_is_said_at_the_start() {
    let place = Place::new(TERMINALS);
    let message = place.load("").map(|_| ()).unwrap_err();
    assert!(message.contains("registry_floor_limit_minor"), "{message}");
    assert!(
        message.ends_with("name its file in [reference] path"),
        "{message}"
    );
    place.write(&TERMINALS.replace("floor_limit_minor", "floor_limit"));
    let message = place.refusal();
    assert!(
        message.contains("no column `floor_limit_minor`") && message.contains("`floor_limit`?"),
        "{message}"
    );
    place.write(&TERMINALS.replace(",model,", ",modell,"));
    let message = place.refusal();
    assert!(
        message.contains("did you mean `registry_modell`?"),
        "{message}"
    );
    std::fs::remove_file(place.0.path("terminals.csv")).unwrap();
    assert!(
        place.refusal().contains("cannot read"),
        "{}",
        place.refusal()
    );
    let wrong = format!("{REFERENCE}reload = \"1ms\"\n");
    let message = place.load(&wrong).map(|_| ()).unwrap_err();
    assert!(
        message.contains("[reference] reload: `1ms` is not from 10ms to 24h"),
        "{message}"
    );
}

#[test]
fn parquet_and_csv_give_the_same_table() {
    let place = Place::new(&format!("\u{feff}{TERMINALS}"));
    let csv = place.setup().reference.unwrap().current();
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as _;
    let limits = Arc::new(Int64Array::from(vec![1_000]));
    let rows = RecordBatch::try_from_iter([
        ("merchant_id", text("m")),
        ("terminal_id", text("01")),
        ("model", text("007")),
        ("floor_limit_minor", limits as _),
    ])
    .unwrap();
    let path = place.0.path("terminals.parquet");
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let named = "[reference]\npath = \"terminals.parquet\"\nreload = \"off\"\n";
    let setup = place.load(named).unwrap();
    let reference = setup.reference.as_ref().unwrap();
    assert_eq!(reference.current().version(), csv.version());
    assert_eq!(reference.settings().reload, None);
}

#[test]
fn the_watch_reloads_and_counts() {
    let place = Place::new(TERMINALS);
    let setup = place.setup();
    let reference = Arc::clone(setup.reference.as_ref().unwrap());
    let metrics = Arc::new(Metrics::default());
    metrics.set_reference(&reference.current());
    let before = reference.current().version().to_owned();
    let interval = Duration::from_millis(5);
    let counting = Arc::clone(&metrics);
    let listener = move |look: &_| counting.count_reference(look);
    let watch = watch(Arc::clone(&reference), interval, listener).unwrap();
    place.write(&TERMINALS.replace("1000", "2000"));
    for _ in 0..2_000 {
        if reference.current().version() != before {
            break;
        }
        std::thread::park_timeout(interval);
    }
    drop(watch);
    assert_ne!(reference.current().version(), before);
    let status = metrics.reference().unwrap();
    assert_eq!((status.taken, status.refused, status.rows), (1, 0, 1));
    assert_eq!(status.version, reference.current().version());
}
