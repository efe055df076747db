//! The invariants of ARCHITECTURE.md that can be read off the manifests and the source.

mod graph;
mod purity;

use std::collections::{BTreeMap, BTreeSet};

use crate::{read, root};
use graph::Graph;
use purity::{impure_paths, sources};

/// A crate that does one step of the flow.
const STAGES: [&str; 5] = [
    "tillwatch-consumer",
    "tillwatch-decode",
    "tillwatch-feature-extraction",
    "tillwatch-scoring",
    "tillwatch-sink",
];

/// Who knows rdkafka: the crate that makes it smooth, and testkit, whose plain clients are a witness that
/// owes nothing to that crate.
const KNOWS_RDKAFKA: [&str; 2] = ["tillwatch-kafka", "tillwatch-testkit"];

/// Who may talk to a broker, all of them by `tillwatch-kafka`.
const KNOWS_KAFKA: [&str; 4] = [
    "tillwatch-consumer",
    "tillwatch-sink",
    "tillwatch-simulator",
    "tillwatch-testkit",
];

/// The crate that makes one flow of stages. It is as pure as they are.
const ENGINE: &str = "tillwatch-engine";

/// What the engine may depend on besides: the stages that it joins, and locks for what lanes share.
const ENGINE_DEPENDENCIES: [&str; 5] = [
    "parking_lot",
    "tillwatch-decode",
    "tillwatch-feature-extraction",
    "tillwatch-reference",
    "tillwatch-scoring",
];

/// Who runs lanes: the binary, and the simulation of whole sites.
const RUNS_LANES: [&str; 2] = ["tillwatch", "tillwatch-dst"];

/// Who keeps lanes' state between runs, by `tillwatch-state-store`: the same.
const KEEPS_STATE: [&str; 2] = RUNS_LANES;

/// The crates that touch no clock, file or socket, with the directory of their source.
const PURE: [(&str, &str); 9] = [
    ("tillwatch-records", "crates/records"),
    ("tillwatch-predicate", "crates/predicate"),
    ("tillwatch-decode", "crates/decode"),
    ("tillwatch-reference", "crates/reference"),
    ("tillwatch-feature-extraction", "crates/feature-extraction"),
    ("tillwatch-trees", "crates/trees"),
    ("tillwatch-detectors", "crates/detectors"),
    ("tillwatch-scoring", "crates/scoring"),
    (ENGINE, "crates/engine"),
];

/// What the pure crates may depend on: parsing, hashing, columns and plain data structures. Each of
/// these is free of I/O, clocks and random numbers as it is used here; a new one is added after a look
/// at that.
const PURE_DEPENDENCIES: [&str; 30] = [
    "arrow",
    "base64",
    "bitflags",
    "bytemuck",
    "bytesize",
    "foldhash",
    "hashbrown",
    "hmac",
    "humantime",
    "indexmap",
    "itoa",
    "jiff",
    "libm",
    "memchr",
    "ryu",
    "serde",
    "simdutf8",
    "serde_json",
    "sha2",
    "siphasher",
    "sonic-rs",
    "sqlparser",
    "strsim",
    "thiserror",
    "tillwatch-detectors",
    "tillwatch-predicate",
    "tillwatch-records",
    "tillwatch-trees",
    "toml",
    "twox-hash",
];

#[test]
fn no_stage_depends_on_another() {
    let graph = Graph::read();
    for stage in STAGES {
        let below = graph.members_below(stage);
        let others: Vec<_> = STAGES
            .into_iter()
            .filter(|other| below.contains(other))
            .collect();
        assert!(
            others.is_empty(),
            "{stage} depends on {others:?}: what two stages share belongs in records or predicate"
        );
    }
}

#[test]
fn what_stages_share_depends_on_no_stage() {
    let graph = Graph::read();
    assert!(
        graph.members_below("tillwatch-records").is_empty(),
        "records is the bottom"
    );
    for shared in [
        "tillwatch-predicate",
        "tillwatch-kafka",
        "tillwatch-testkit",
    ] {
        let below = graph.members_below(shared);
        assert!(
            STAGES.iter().all(|stage| !below.contains(stage)),
            "{shared} depends on a stage: {below:?}"
        );
    }
}

#[test]
fn only_kafka_and_its_witness_know_rdkafka() {
    let graph = Graph::read();
    let dependents = graph.dependents(|name| name.starts_with("rdkafka"));
    assert_eq!(
        dependents,
        BTreeSet::from(KNOWS_RDKAFKA),
        "go through tillwatch-kafka instead"
    );
}

#[test]
fn only_the_edges_know_kafka() {
    let graph = Graph::read();
    let dependents = graph.dependents(|name| name == "tillwatch-kafka");
    assert_eq!(
        dependents,
        BTreeSet::from(KNOWS_KAFKA),
        "who talks to a broker is decided here"
    );
}

#[test]
fn only_the_binary_keeps_state() {
    let graph = Graph::read();
    let dependents = graph.dependents(|name| name == "tillwatch-state-store");
    assert!(
        dependents.is_subset(&BTreeSet::from(KEEPS_STATE)),
        "{dependents:?} depend on the store: a step gives its state as bytes"
    );
    assert_eq!(
        graph.members_below("tillwatch-state-store"),
        BTreeSet::from(["tillwatch-records"]),
        "the store does not know what it keeps"
    );
    let dependents = graph.dependents(|name| name == "object_store");
    assert_eq!(dependents, BTreeSet::from(["tillwatch-state-store"]));
}

#[test]
fn pure_crates_depend_on_pure_crates() {
    let graph = Graph::read();
    let allowed = BTreeSet::from(PURE_DEPENDENCIES);
    for (name, _) in PURE {
        let mut allowed = allowed.clone();
        if name == ENGINE {
            allowed.extend(ENGINE_DEPENDENCIES);
        }
        let dependencies = graph.dependencies(name);
        let others: Vec<_> = dependencies.difference(&allowed).collect();
        assert!(
            others.is_empty(),
            "{name} depends on {others:?}: if they do no I/O and read no clock, add them to \
             PURE_DEPENDENCIES"
        );
    }
}

#[test]
fn only_the_engine_joins_stages() {
    let graph = Graph::read();
    for name in graph.members() {
        let dependencies = graph.dependencies(name);
        let stages: Vec<_> = STAGES
            .into_iter()
            .filter(|stage| dependencies.contains(stage))
            .collect();
        let may = name == ENGINE || RUNS_LANES.contains(&name);
        assert!(
            stages.len() < 2 || may,
            "{name} depends on {stages:?}: what joins stages belongs in {ENGINE}"
        );
    }
    let dependents = graph.dependents(|name| name == ENGINE);
    assert_eq!(
        dependents,
        BTreeSet::from(RUNS_LANES),
        "who runs lanes is named here"
    );
}

#[test]
fn testkit_and_simulation_are_for_tests_only() {
    let graph = Graph::read();
    for development in ["tillwatch-testkit", "tillwatch-dst"] {
        let dependents = graph.dependents(|name| name == development);
        assert!(
            dependents.is_empty(),
            "{dependents:?} would ship {development}: make it a dev-dependency"
        );
    }
}

#[test]
fn only_the_lab_uses_polars() {
    let graph = Graph::read();
    let mut dependents = graph.dependents(|name| name.starts_with("polars"));
    dependents.remove("tillwatch-lab");
    assert!(
        dependents.is_empty(),
        "{dependents:?} use polars: the operator's build stays small"
    );
    assert!(
        !graph.members_below("tillwatch").contains("tillwatch-lab"),
        "the operator's binary does not contain the lab"
    );
}

#[test]
fn only_onnx_knows_its_runtime_and_is_optional() {
    let graph = Graph::read();
    let dependents = graph.dependents(|name| name == "ort");
    assert_eq!(dependents, BTreeSet::from(["tillwatch-onnx"]));
    let dependents = graph.dependents(|name| name == "tillwatch-onnx");
    assert_eq!(dependents, BTreeSet::from(["tillwatch"]));
    let packages = graph.metadata.packages.iter();
    let optional = packages
        .filter(|package| package.name.as_str() == "tillwatch")
        .flat_map(|package| &package.dependencies)
        .find(|found| found.name == "tillwatch-onnx")
        .is_some_and(|found| found.optional);
    assert!(optional, "a build without the feature `onnx` leaves it out");
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    for package in &Graph::read().metadata.packages {
        let manifest: toml::Table = read(package.manifest_path.as_std_path())
            .parse()
            .expect("cargo has read this manifest");
        let inherits = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        assert_eq!(
            inherits.and_then(toml::Value::as_bool),
            Some(true),
            "{} lacks [lints] workspace = true",
            package.manifest_path
        );
    }
}

#[test]
fn pure_crates_touch_no_clock_file_or_socket() {
    let mut found = BTreeMap::new();
    for (_, directory) in PURE {
        let sources = sources(&root().join(directory).join("src"));
        assert!(!sources.is_empty(), "{directory} has source");
        for path in sources {
            let hits = impure_paths(&read(&path));
            if !hits.is_empty() {
                found.insert(path, hits);
            }
        }
    }
    assert!(
        found.is_empty(),
        "impure code where only pure code may be: {found:#?}"
    );
}
