//! What rules, board and runbook name is what a running process exports.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tillwatch_testkit::broker::Mock;

use super::queries::{Selector, selectors};
use super::{BOARD, RULES, RUNBOOK, rules, text};
use crate::support::{Instance, Setup};
use crate::{read, root};

/// Labels that Prometheus adds, with `le` of histograms.
const ADDED: [&str; 4] = ["job", "instance", "namespace", "le"];

/// What a process exports: metrics, and the values that their labels have.
#[derive(Default)]
struct Exported(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Exported {
    /// Reads what `/metrics` answers.
    fn read(page: &str) -> Self {
        let mut exported = Self::default();
        for line in page.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                exported.add_type(kind);
            } else if !line.starts_with('#') {
                exported.add_sample(line);
            }
        }
        exported
    }

    /// A metric without a sample is known by its type.
    fn add_type(&mut self, line: &str) {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        let suffixes: &[&str] = match kind {
            "counter" if name.ends_with("_total") => &[""],
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        for suffix in suffixes {
            self.0.entry(format!("{name}{suffix}")).or_default();
        }
    }

    fn add_sample(&mut self, line: &str) {
        let end = line.find(['{', ' ']).unwrap_or(line.len());
        let labels = self.0.entry(line[..end].to_owned()).or_default();
        let inside = line[end..].strip_prefix('{').unwrap_or_default();
        let inside = inside.split_once('}').map_or("", |(inside, _)| inside);
        for pair in inside.split(',').filter(|pair| !pair.is_empty()) {
            let (label, value) = pair.split_once('=').expect("a label has a value");
            let values = labels.entry(label.to_owned()).or_default();
            values.insert(value.trim_matches('"').to_owned());
        }
    }

    /// What a query of `place` selects in vain, in words.
    fn missing(&self, place: &str, selector: &Selector) -> Vec<String> {
        let metric = &selector.metric;
        let Some(labels) = self.0.get(metric) else {
            return vec![format!("{place}: no metric is called `{metric}`")];
        };
        let mut missing = Vec::new();
        for (label, values) in &selector.matchers {
            // Without a sample nothing is known of a metric's labels.
            if ADDED.contains(&label.as_str()) || labels.is_empty() {
                continue;
            }
            let Some(known) = labels.get(label) else {
                missing.push(format!("{place}: `{metric}` has no label `{label}`"));
                continue;
            };
            for value in values.iter().filter(|value| !known.contains(*value)) {
                missing.push(format!(
                    "{place}: `{label}` of `{metric}` is never `{value}`, but {known:?}"
                ));
            }
        }
        missing
    }
}

/// `/metrics` of a process that has all that brings metrics: shadows, reference data, refused records.
fn exported() -> Exported {
    let names = Setup::new("", "deploy", 2).topics();
    let topics: Vec<(&str, i32)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mock = Mock::start(1, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), "deploy", 2);
    let table = setup.directory.path().join("terminals.csv");
    let rows = "acquirer_id,merchant_id,terminal_id,floor\n1,2,3,4\n";
    std::fs::write(&table, rows).expect("it can be written");
    let config = setup.config("tillwatch.toml", "[reference]\npath = \"terminals.csv\"\n");
    let shadow = root().join("models/terminal-gbdt");
    let with_shadow = read(&config).replace("[sink]", &format!("shadows = [{shadow:?}]\n[sink]"));
    std::fs::write(&config, with_shadow).expect("it can be written again");

    let instance = Instance::start(&config);
    instance.wait_until_ready();
    setup.simulate(2_000, 1);
    setup.wait_until_scored();
    let (status, page) = instance.get("/metrics");
    assert_eq!(status, 200);
    assert!(instance.stop().0.success());
    Exported::read(&page)
}

fn queries_of_the_board() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value.as_str() {
                        Some(query) if ["expr", "query"].contains(&key.as_str()) => {
                            found.push(query.to_owned());
                        }
                        _ => collect(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let board: Value = serde_json::from_str(&read(&root().join(BOARD))).expect("it is JSON");
    let mut found = Vec::new();
    collect(&board, &mut found);
    found
}

#[test]
fn what_is_asked_for_is_exported() {
    let mut exported = exported();
    let rules = rules();
    for rule in &rules {
        if let Some(recorded) = rule.get("record").and_then(Value::as_str) {
            // A share has the labels of what it is a share of.
            let source = &selectors(text(rule, "/expr"))[0].metric;
            let labels = exported.0.get(source).cloned().unwrap_or_default();
            exported.0.insert(recorded.to_owned(), labels);
        }
    }
    let (mut checked, mut missing) = (0, BTreeSet::new());
    let mut check = |place: &str, query: &str| {
        for selector in selectors(query) {
            missing.extend(exported.missing(place, &selector));
            checked += 1;
        }
    };
    for rule in &rules {
        check(RULES, text(rule, "/expr"));
    }
    for query in queries_of_the_board() {
        check(BOARD, &query);
    }
    for line in read(&root().join(RUNBOOK)).lines() {
        check(RUNBOOK, line);
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(checked > 150, "only {checked} metrics were looked for");
}

#[test]
fn what_is_not_exported_is_found() {
    let page = "# TYPE tillwatch_x counter\ntillwatch_x_total{flag=\"WARMING\"} 0\n";
    let exported = Exported::read(page);
    for (query, said) in [
        ("tillwatch_x_total{flag=\"WARMING\",job=\"a\"}", None),
        (
            "tillwatch_x_total{flag=~\"WARM|WARMING\"}",
            Some("is never `WARM`"),
        ),
        (
            "tillwatch_x_total{flags=\"WARMING\"}",
            Some("has no label `flags`"),
        ),
        (
            "rate(tillwatch_x[5m]) > 0",
            Some("no metric is called `tillwatch_x`"),
        ),
    ] {
        let missing = exported.missing("here", &selectors(query)[0]);
        assert_eq!(missing.len(), usize::from(said.is_some()), "{missing:?}");
        assert!(missing.concat().contains(said.unwrap_or_default()));
    }
}
