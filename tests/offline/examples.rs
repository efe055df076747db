//! The configurations under examples/ work, and the reference among them is complete and true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tillwatch_consumer::{ConsumerSettings, Properties};
use tillwatch_decode::DecodeSettings;
use tillwatch_feature_extraction::{StateSettings, TimeSettings};
use tillwatch_scoring::ScoringSettings;
use tillwatch_sink::{SinkKind, SinkSettings, SinksSettings, Topics};

use crate::{read, root};

const REFERENCE: &str = "examples/tillwatch.toml";

/// Tables whose keys are settings, the whole file first. Keys of the others are names of columns or
/// of librdkafka properties.
const TABLES: [&str; 21] = [
    "",
    "consumer",
    "decode",
    "decode.units",
    "decode.record_type",
    "entity",
    "features",
    "labels",
    "reference",
    "time",
    "state",
    "ids",
    "models",
    "scoring",
    "sink",
    "sink.topics",
    "sink.kafka",
    "sink.file",
    "lanes",
    "http",
    "log",
];

/// A key that no table has.
const UNKNOWN_KEY: &str = "qqq";

#[test]
fn every_configuration_passes_the_check() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut checked = 0;
    for path in files(&root().join("examples")) {
        let text = read(&path);
        let table: toml::Table = text.parse().unwrap_or_else(|error| {
            panic!("{}: {error}", path.display());
        });
        let is_configuration = table.contains_key("models")
            && (table.get("features").is_some_and(toml::Value::is_table)
                || table.contains_key("stage"));
        if !is_configuration {
            continue;
        }
        let models = root().join("models");
        let models = models.to_string_lossy();
        // A container has the models elsewhere.
        let in_image = "/usr/share/tillwatch/models";
        let path = if text.contains(in_image) {
            let here = directory.path().join(format!("{checked}.toml"));
            std::fs::write(&here, text.replace(in_image, &models)).expect("a file is written");
            here
        } else {
            path
        };
        let (passed, output) = check(&path, None);
        assert!(passed, "{} is refused:\n{output}", path.display());
        checked += 1;
    }
    assert!(checked >= 2, "only {checked} configurations were found");
}

#[test]
fn the_reference_names_every_key() {
    let text = read(&root().join(REFERENCE));
    for table in TABLES {
        let written = keys_written(&text, table);
        let known = keys_known(table);
        let missing: Vec<_> = known.difference(&written).collect();
        assert!(
            missing.is_empty(),
            "{REFERENCE}: [{table}] says nothing about {missing:?}"
        );
        let strange: Vec<_> = written.difference(&known).collect();
        assert!(
            strange.is_empty(),
            "{REFERENCE}: [{table}] has no {strange:?}"
        );
    }
}

#[test]
fn what_the_reference_writes_out_is_the_default() {
    let reference: toml::Table = read(&root().join(REFERENCE)).parse().expect("it is TOML");
    let part = |name: &str, without: &str| {
        let mut table = reference[name].as_table().expect("a table").clone();
        table.remove(without);
        toml::Value::Table(table)
    };
    let consumer: ConsumerSettings = part("consumer", "properties")
        .try_into()
        .expect("[consumer]");
    let topics = consumer.topics.clone();
    let default = ConsumerSettings::new(topics, consumer.group.clone(), Properties::default());
    assert_eq!(format!("{consumer:#?}"), format!("{default:#?}"));

    let decode: DecodeSettings = part("decode", "").try_into().expect("[decode]");
    assert_eq!(decode, DecodeSettings::default());
    let time: TimeSettings = part("time", "").try_into().expect("[time]");
    assert_eq!(time, TimeSettings::default());
    let mut state = part("state", "").as_table().expect("a table").clone();
    // What the engine keeps; where it is stored is compared where it is read.
    state.retain(|key, _| ["max_bytes", "idle_ttl"].contains(&key));
    let state: StateSettings = state.try_into().expect("[state]");
    assert_eq!(state, StateSettings::default());
    let scoring: ScoringSettings = part("scoring", "").try_into().expect("[scoring]");
    assert_eq!(scoring, ScoringSettings::default());

    let sink: SinksSettings = part("sink", "properties").try_into().expect("[sink]");
    let mut default = SinkSettings::new(SinkKind::Kafka);
    default.topics = Some(Topics::default());
    let default = SinksSettings(vec![default]);
    assert_eq!(format!("{sink:#?}"), format!("{default:#?}"));
}

/// The keys that the program knows of `table`: it names them when it meets one that it does not know.
fn keys_known(table: &str) -> BTreeSet<String> {
    let mut variable = "TILLWATCH__".to_owned();
    for part in table.split('.').filter(|part| !part.is_empty()) {
        variable.push_str(&part.to_uppercase());
        variable.push_str("__");
    }
    variable.push_str(&UNKNOWN_KEY.to_uppercase());
    let (passed, output) = check(&root().join(REFERENCE), Some(&variable));
    assert!(!passed, "[{table}] accepts any key");
    let (_, expected) = output
        .split_once(&format!("unknown field `{UNKNOWN_KEY}`, expected"))
        .unwrap_or_else(|| panic!("[{table}] is refused for another reason:\n{output}"));
    let expected = expected.lines().next().unwrap_or_default();
    let expected = expected.split("did you mean").next().unwrap_or_default();
    let names = expected.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

/// The keys of `table` in a configuration, those that are commented out included.
fn keys_written(text: &str, table: &str) -> BTreeSet<String> {
    let parsed: toml::Table = text.parse().expect("it is TOML");
    let mut value = Some(&parsed);
    for part in table.split('.').filter(|part| !part.is_empty()) {
        value = value.and_then(|value| value.get(part)?.as_table());
    }
    let mut keys: BTreeSet<String> = value
        .into_iter()
        .flat_map(|value| value.keys().cloned())
        .collect();
    let mut current = "";
    for line in text.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(header) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            current = header.trim_matches(['[', ']']);
            let (parent, key) = current.rsplit_once('.').unwrap_or(("", current));
            if parent == table {
                keys.insert(key.to_owned());
            }
            continue;
        }
        let Some((key, _)) = line.split_once(" = ") else {
            continue;
        };
        let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if current == table && is_key {
            keys.insert(key.to_owned());
        }
    }
    keys
}

/// Runs `tillwatch check --offline`, with `variable` set to 1: whether it passed, and what it said.
fn check(config: &Path, variable: Option<&str>) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillwatch"));
    command
        .args(["check", "--offline", "--config"])
        .arg(config)
        .env_clear();
    if read(config).contains("\n[decode.tokenise]\n") {
        // Its key is a secret, and no part of the example.
        let key = "0123456789abcdef0123456789abcdef";
        command.env("TILLWATCH__DECODE__TOKENISE__SECRET", key);
    }
    command.envs(variable.map(|name| (name, "1")));
    let output = command.output().expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// TOML files below `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("the directory is there");
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            found.push(path);
        }
    }
    found
}
