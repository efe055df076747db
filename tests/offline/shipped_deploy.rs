//! What is under `deploy/`, Docker's files and the runbook fit the program and each other.
//! `scripts/check_deploy.sh` holds them to the tools that read them.

mod manifests;
mod metrics;
mod queries;
mod runbook;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::{read, root};

const RULES: &str = "deploy/prometheus/rules.yaml";
const BOARD: &str = "deploy/grafana/tillwatch.json";
const RUNBOOK: &str = "docs/runbook.md";

/// Set to anything, it rewrites what is generated instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

/// A file of one YAML document.
fn yaml(path: &str) -> Value {
    let text = read(&root().join(path));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text at `at`, a JSON pointer; fails the test where there is none.
fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    let found = value.pointer(at).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("{at} is no text in {value:#}"))
}

fn list<'a>(value: &'a Value, at: &str) -> &'a [Value] {
    let found = value.pointer(at).and_then(Value::as_array);
    found.unwrap_or_else(|| panic!("{at} is no list in {value:#}"))
}

/// Every rule, alerts and recorded series alike.
fn rules() -> Vec<Value> {
    let file = yaml(RULES);
    let groups = list(&file, "/groups").iter();
    groups
        .flat_map(|group| list(group, "/rules").to_vec())
        .collect()
}

/// Every alert by its name.
fn alerts() -> Vec<(String, Value)> {
    let rules = rules().into_iter();
    let alerts = rules.filter_map(|rule| Some((rule.get("alert")?.as_str()?.to_owned(), rule)));
    let alerts: Vec<_> = alerts.collect();
    assert!(alerts.len() > 30, "only {} alerts were found", alerts.len());
    alerts
}

#[test]
fn every_alert_says_what_happens_and_how_urgent_it_is() {
    let mut names = BTreeSet::new();
    for (name, alert) in alerts() {
        let severity = text(&alert, "/labels/severity");
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}: {severity}"
        );
        for part in ["summary", "description"] {
            let words = text(&alert, &format!("/annotations/{part}"));
            assert!(
                words.len() > 10 && words.trim() == words,
                "{name}: {words:?}"
            );
        }
        // An alert that waits for nothing looks back over a time itself.
        let looks_back = text(&alert, "/expr").contains('[');
        assert!(alert.get("for").is_some() || looks_back, "{name}");
        assert!(names.insert(name.clone()), "{name} is there twice");
    }
}

#[test]
fn every_alert_fires_in_a_test_of_promtool() {
    let directory = root().join("deploy/prometheus");
    let tests: String = ["rules.test.yaml", "days.test.yaml"]
        .map(|name| read(&directory.join(name)))
        .concat();
    for (name, _) in alerts() {
        let wanted = format!("alertname=\"{name}\"");
        assert!(tests.contains(&wanted), "no test lets {name} fire");
    }
}

const OPERATOR_HEAD: &str = "\
# The rules of deploy/prometheus/rules.yaml for the Prometheus operator, generated from that file:
#   UPDATE_DOCS=1 cargo test --test offline shipped_deploy
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: tillwatch
  labels:
    app.kubernetes.io/name: tillwatch
spec:
";

#[test]
fn the_operators_rules_are_those_of_the_file() {
    let rules = read(&root().join(RULES));
    let (_, groups) = rules.split_once("\ngroups:").expect("it has groups");
    let mut wanted = OPERATOR_HEAD.to_owned();
    for line in format!("groups:{groups}").lines() {
        let indent = if line.is_empty() { "" } else { "  " };
        wanted.push_str(&format!("{indent}{line}\n"));
    }
    let path = root().join("deploy/kubernetes/prometheus-operator/prometheusrule.yaml");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, wanted).expect("the file can be written");
        return;
    }
    let differs = read(&path) != wanted;
    assert!(
        !differs,
        "{} is not that of {RULES}: run with {UPDATE}=1",
        path.display()
    );
}

#[test]
fn the_board_is_complete() {
    let board: Value = serde_json::from_str(&read(&root().join(BOARD))).expect("it is JSON");
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in list(&board, "/panels") {
        let title = text(panel, "/title");
        assert!(ids.insert(panel["id"].as_u64()), "{title}: its id is taken");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| {
            let number = panel["gridPos"][key].as_u64();
            number.unwrap_or_else(|| panic!("{title}: no {key}"))
        });
        assert!(x + w <= 24, "{title} is wider than the board");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} lies on another panel");
        }
        if text(panel, "/type") == "row" {
            continue;
        }
        assert!(text(panel, "/description").ends_with('.'), "{title}");
        for target in list(panel, "/targets") {
            // The reader chooses the data source.
            assert_eq!(text(target, "/datasource/uid"), "${datasource}", "{title}");
            assert!(!text(target, "/expr").is_empty(), "{title}");
        }
    }
}

/// Files below `directory`, by their paths from the root.
fn files(directory: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(directory)];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory).expect("the directory is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(from_root(&path));
            }
        }
    }
    found.sort();
    found
}

fn from_root(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("it is of this project");
    path.to_str().expect("its name is text").to_owned()
}
