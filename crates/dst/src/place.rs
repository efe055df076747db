//! What the lanes of a simulation are made of: small, and of each mechanism something.

use std::collections::BTreeMap;
use std::error::Error;

use tillwatch_engine::{Assembly, CatalogText, Lane, LineupFiles, ModelOrigin, Parts, StageText};
use tillwatch_feature_extraction::{EngineSettings, StateSettings, TimeSettings};
use tillwatch_records::units::{ByteSize, DurationMs};
use tillwatch_records::{KeySpec, Severity};
use tillwatch_scoring::{ModelFiles, ModelKinds};

/// Features of a terminal. The longest window is an hour.
const TERMINAL: &str = r#"
name = "terminal"
[[feature]]
name = "count_{window}"
aggregate = "count"
windows = ["10m", "1h"]
[[feature]]
name = "sum_1h"
aggregate = "sum"
column = "amount_minor"
window = "1h"
[[feature]]
name = "max_30m"
aggregate = "max"
column = "amount_minor"
window = "30m"
[[feature]]
name = "cards_1h"
aggregate = "distinct"
column = "card_token"
window = "1h"
[[feature]]
name = "usual"
aggregate = "ewma_mean"
expression = "amount_minor"
half_life = "10m"
[[feature]]
name = "stan_gap"
aggregate = "sequence_gap"
column = "stan"
[[feature]]
name = "since_last"
aggregate = "time_since_last"
[[feature]]
name = "declined_ratio"
aggregate = "ratio"
filter = "response_code != '00'"
window = "30m"
strength = 20
prior = 0.1
cohort = ["mcc"]
"#;

/// Features of a card, in a second stage.
const CARD: &str = r#"
name = "card"
[[feature]]
name = "card_30m"
aggregate = "count"
window = "30m"
[[feature]]
name = "busiest"
aggregate = "max"
column = "count_1h"
window = "30m"
"#;

/// Rules, one of which alerts often and has a cool-down.
const RULES: &str = r#"
prior = 0.001
[[rule]]
code = "BUSY"
severity = "warning"
when = "count_10m >= 3"
probability = 0.6
feature = "count_10m"
words = "many records"
[[rule]]
code = "DEAR"
severity = "info"
when = "amount_minor > usual * 2"
probability = 0.4
feature = "usual"
words = "more than usual"
"#;

/// A learner over two of the features.
const TREES: &str = r#"
seed = 7
trees = 3
height = 3
window = 8
inputs = [
    { name = "count_1h", low = 0.0, high = 40.0 },
    { name = "sum_1h", low = 0.0, high = 100000.0 },
]
"#;

/// How far a record may lie behind the newest of its key, in milliseconds.
pub(crate) const LATENESS_MS: i64 = 60_000;

/// Bytes of state of a lane: the least that is allowed, so that keys are evicted.
pub(crate) const STATE_BYTES: u64 = 64 * 1024;

/// The assembly that all lanes of a simulation are made of.
pub(crate) fn assembly() -> Result<Assembly, Box<dyn Error + Send + Sync>> {
    let stages = vec![
        stage("terminal", KeySpec::from_names(&["terminal_id"])?, TERMINAL),
        stage("card", KeySpec::from_names(&["card_token"])?, CARD),
    ];
    let rules = "name = \"rules\"\nversion = \"1\"\nkind = \"rules\"\nartefact = \"rules.toml\"\n";
    let learner = "name = \"learner\"\nversion = \"1\"\nkind = \"half_space_trees\"\n\
         artefact = \"trees.toml\"\ninputs = [\"count_1h\", \"sum_1h\"]\n[calibration]\n\
         method = \"platt\"\nslope = 1.0\nintercept = -3.0\n";
    let models = LineupFiles {
        champion: model(rules, "rules.toml", RULES),
        shadows: vec![model(learner, "trees.toml", TREES)],
        ..LineupFiles::default()
    };
    let mut parts = Parts::new(stages, models, ModelKinds::standard());
    parts.engine = EngineSettings {
        time: TimeSettings {
            allowed_lateness: DurationMs::from_ms(LATENESS_MS),
            max_future_skew: DurationMs::from_ms(60_000),
            dedup_horizon: DurationMs::from_ms(600_000),
        },
        state: StateSettings {
            max_bytes: ByteSize(STATE_BYTES),
            ..StateSettings::default()
        },
        ..EngineSettings::default()
    };
    parts.scoring.alert_severity = Severity::Warning;
    parts.scoring.alert_cooldown = DurationMs::from_ms(1_200_000);
    Ok(Assembly::new(parts)?)
}

/// How far back records matter, in milliseconds, as the binary finds it out.
pub(crate) fn needed_ms(assembly: &Assembly) -> i64 {
    const SOME_TIME_MS: i64 = 1_700_000_000_000;
    let mut lane = assembly.lane(1);
    lane.begin_after(SOME_TIME_MS);
    let warm_at_ms = lane.stats().warm_at_ms.unwrap_or(SOME_TIME_MS);
    (warm_at_ms - SOME_TIME_MS).saturating_add(LATENESS_MS)
}

/// A lane that takes `topics`, the first record at `start_offset`.
pub(crate) fn lane(assembly: &Assembly, topics: &[&'static str], start_offset: i64) -> Lane {
    let mut lane = assembly.lane(start_offset);
    if topics.len() > 1 {
        let topics: Vec<_> = topics.iter().map(|topic| (*topic).into()).collect();
        lane.merge(&topics);
    }
    lane
}

fn stage(name: &str, key: KeySpec, catalog: &str) -> StageText {
    StageText {
        name: name.to_owned(),
        key,
        catalog: CatalogText {
            origin: format!("{name}.toml"),
            text: catalog.to_owned(),
        },
    }
}

fn model(description: &str, file: &str, text: &str) -> ModelOrigin {
    ModelOrigin {
        origin: "a simulation".to_owned(),
        files: ModelFiles {
            description: description.to_owned(),
            files: BTreeMap::from([(file.to_owned(), text.as_bytes().to_vec())]),
            members: BTreeMap::new(),
        },
    }
}
