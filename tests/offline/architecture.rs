//! The invariants of ARCHITECTURE.md that can be read off the manifests and the source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::{read, root};

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

/// Who runs lanes: the binary.
const RUNS_LANES: [&str; 1] = ["tillwatch"];

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
const PURE_DEPENDENCIES: [&str; 25] = [
    "arrow",
    "bitflags",
    "bytemuck",
    "bytesize",
    "foldhash",
    "hashbrown",
    "humantime",
    "itoa",
    "jiff",
    "libm",
    "memchr",
    "ryu",
    "serde",
    "serde_json",
    "sha2",
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

/// Paths that a pure crate never writes outside its tests, with what to do instead.
const IMPURE_PATHS: [(&str, &str); 14] = [
    ("std::env", "settings are data and are passed in"),
    ("std::fs", "the caller reads files and passes their bytes"),
    (
        "std::net",
        "only consumer, sink and the binary open sockets",
    ),
    ("std::os", "nothing here depends on the system"),
    ("std::process", "an error is returned, never an exit"),
    ("std::thread", "lanes are run by the binary"),
    ("std::io::stdin", "the caller reads input"),
    ("std::io::stdout", "the sink writes output"),
    ("std::io::stderr", "errors are returned"),
    ("SystemTime", "time comes from records"),
    ("Instant::now", "only the edge measures durations"),
    ("Timestamp::now", "time comes from records"),
    ("RandomState", "its seed is random: use a fixed one"),
    ("rand::", "the fold is deterministic"),
];

/// Normal and build dependencies by package, as the manifests of the workspace name them. No network
/// and no resolution: the test sees what people wrote.
struct Graph {
    metadata: Metadata,
}

impl Graph {
    fn read() -> Self {
        let metadata = MetadataCommand::new()
            .manifest_path(root().join("Cargo.toml"))
            .no_deps()
            .exec()
            .expect("cargo metadata reads the workspace");
        Self { metadata }
    }

    fn members(&self) -> BTreeSet<&str> {
        let names = self.metadata.packages.iter();
        names.map(|package| package.name.as_str()).collect()
    }

    /// Direct dependencies of `name` that end up in what it builds.
    fn dependencies(&self, name: &str) -> BTreeSet<&str> {
        let package = self
            .metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == name);
        let package = package.unwrap_or_else(|| panic!("{name} is a member of the workspace"));
        let shipped = package.dependencies.iter();
        let shipped = shipped.filter(|found| found.kind != DependencyKind::Development);
        shipped.map(|found| found.name.as_str()).collect()
    }

    /// Members that `name` depends on, directly or not.
    fn members_below<'a>(&'a self, name: &'a str) -> BTreeSet<&'a str> {
        let members = self.members();
        let mut below = BTreeSet::new();
        let mut open = vec![name];
        while let Some(next) = open.pop() {
            for found in self.dependencies(next) {
                if members.contains(found) && below.insert(found) {
                    open.push(found);
                }
            }
        }
        below
    }

    /// Members whose own manifest names a dependency that `is_it`.
    fn dependents(&self, is_it: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        let members = self.members();
        members
            .into_iter()
            .filter(|name| self.dependencies(name).into_iter().any(&is_it))
            .collect()
    }
}

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
fn testkit_is_for_tests_only() {
    let graph = Graph::read();
    let dependents = graph.dependents(|name| name == "tillwatch-testkit");
    assert!(
        dependents.is_empty(),
        "{dependents:?} would ship testkit: make it a dev-dependency"
    );
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

#[test]
fn the_scan_sees_what_it_is_for() {
    for code in [
        "use std::fs;\n",
        "use std::{fmt, fs::File};\n",
        "use std::{\n    collections::{BTreeMap, HashMap},\n    net,\n};\n",
        "fn f() { std::fs::read(\"x\"); }\n",
        "fn f() -> u64 { std::time::Instant::now().elapsed() }\n",
        "use std::time::SystemTime;\n",
        "fn f() { let x: u8 = rand::random(); }\n",
        "#[cfg(test)]\nmod tests;\n\nuse std::thread;\n",
    ] {
        assert!(!impure_paths(code).is_empty(), "not seen: {code}");
    }
    for code in [
        "//! Never uses std::fs or SystemTime.\n",
        "use std::{fmt, io};\n",
        "/// An operand:: is fine.\nfn operand::x() {}\n",
        "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
    ] {
        assert_eq!(impure_paths(code), Vec::<String>::new(), "{code}");
    }
}

/// The impure paths in `source`, outside comments and test modules, each with its advice.
fn impure_paths(source: &str) -> Vec<String> {
    let code = without_comments_and_tests(source);
    let expanded = format!("{code}\n{}", expand_std_groups(&code));
    let hits = IMPURE_PATHS
        .iter()
        .filter(|(path, _)| contains_path(&expanded, path));
    hits.map(|(path, advice)| format!("{path}: {advice}"))
        .collect()
}

/// Whether `path` occurs in `code` as whole identifiers: `rand::` is not found in `operand::`.
fn contains_path(code: &str, path: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(path).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + path.len()..].chars().next();
        !before.is_some_and(part_of_name)
            && (path.ends_with(':') || !after.is_some_and(part_of_name))
    })
}

/// `use std::{a, b::c};` as `std::a std::b::c`, so that one search finds grouped imports as well.
fn expand_std_groups(code: &str) -> String {
    let mut expanded = String::new();
    for (start, opening) in code.match_indices("std::{") {
        let group = &code[start + opening.len()..];
        expanded.push_str(" std::");
        let mut depth = 0;
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expanded.push_str(" std::");
                    continue;
                }
                c if c.is_whitespace() => continue,
                _ => {}
            }
            expanded.push(c);
        }
    }
    expanded
}

/// `source` without line comments and without the inline modules under `#[cfg(test)]`.
fn without_comments_and_tests(source: &str) -> String {
    let mut code = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("//") {
            continue;
        }
        if trimmed.starts_with("#[cfg(test)]") {
            let opening = lines.next().unwrap_or_default();
            if opening.trim_end().ends_with('{') {
                // rustfmt closes the module at the indentation at which it opened it.
                let indent = &opening[..opening.len() - opening.trim_start().len()];
                let closing = format!("{indent}}}");
                lines.by_ref().find(|line| line.trim_end() == closing);
            }
            continue;
        }
        code.push_str(line);
        code.push('\n');
    }
    code
}

/// Rust files below `directory` that are not tests.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", directory.display()));
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_test = stem == "tests" || stem.ends_with("_tests");
        if is_test {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
