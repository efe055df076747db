use std::sync::Arc;

use tillwatch_records::KeySpec;
use tillwatch_testkit::steady::Steady;

use super::*;
use crate::{Catalog, EngineSettings, FeatureLane};

/// How far an estimate may be from what was measured.
const OFF_MAX: f64 = 0.2;

/// Records per measurement, those that fill the windows included.
const RECORDS: f64 = 80_000.0;

/// Least records per key: room has been made for the busiest days of a few windows.
const RECORDS_PER_KEY: f64 = 60.0;

const BATCH_RECORDS: u64 = 2_000;

/// Nearly every aggregate, with windows that a test can fill.
const EVERYTHING: &str = include_str!("everything.toml");

/// The page that has an example of every aggregate.
const PAGE: &str = include_str!("../../../../../docs/catalog.md");

/// Windows that look at values among rows that are compacted.
const SAWTOOTH: &str = r#"
name = "sawtooth"

[[feature]]
name = "count_1h"
aggregate = "count"
window = "1h"

[[feature]]
name = "amount_max_20d"
aggregate = "max"
column = "amount_minor"
window = "20d"
resolution = "1d"

[[feature]]
name = "distinct_cards_{window}"
aggregate = "distinct"
column = "card_token"
windows = ["10d", "20d"]
resolution = "1d"
"#;

/// Without values: a row per pane, and the few that may be the largest.
const PEAKS: &str = r#"
name = "peaks"

[[feature]]
name = "amount_{window}"
aggregate = "max"
column = "amount_minor"
windows = ["10d", "20d"]
resolution = "1d"
"#;

fn plan(catalog: &str) -> Plan {
    let catalog = Catalog::parse(catalog).unwrap();
    Plan::compile(&catalog, &EngineSettings::default()).unwrap()
}

/// Mean bytes of keys with `per_day` transactions that have been there for longer than their windows.
fn measured(plan: Plan, per_day: f64) -> f64 {
    let longest = (plan.longest_window_ms() + plan.lateness_ms()) as f64 / DAY_MS;
    let days = (2.5 * longest).max(RECORDS_PER_KEY / per_day);
    let keys = (RECORDS / (per_day * days)).clamp(8.0, 4_000.0) as u64;
    let key = KeySpec::from_names(&["terminal_id"]).unwrap();
    let mut lane = FeatureLane::new(Arc::new(plan), key, 0);
    let mut source = Steady::new(7, DAY_MS / (per_day * keys as f64));
    let records = (per_day * days * keys as f64) as u64;
    for _ in 0..records / BATCH_RECORDS + 1 {
        let drawn: Vec<u64> = (0..BATCH_RECORDS).map(|_| source.draw(keys)).collect();
        lane.process(source.batch(&drawn)).unwrap();
    }
    let stats = lane.stats();
    assert!(stats.keys * 100 >= keys * 99, "nearly every key was drawn");
    stats.state_bytes as f64 / stats.keys as f64
}

#[track_caller]
fn check(name: &str, catalog: &str, rates: &[f64]) {
    for per_day in rates {
        let rates = Rates {
            events_per_day: 0.0,
            ..Rates::of_terminal(*per_day)
        };
        let estimate = plan(catalog).estimate(&rates);
        let measured = measured(plan(catalog), *per_day);
        let off = estimate.bytes_per_key / measured - 1.0;
        eprintln!("{name} at {per_day}: measured {measured:.0}, off by {off:.3}");
        assert!(
            off.abs() <= OFF_MAX,
            "{name} at {per_day}: measured {measured:.0}, off by {off:.3}, {estimate:?}"
        );
    }
}

#[test]
fn job_w() {
    let catalog = include_str!("../../../../../models/features/job-w.toml");
    check("job-w", catalog, &[5.0, 50.0, 500.0]);
}

#[test]
fn card_present() {
    let catalog = include_str!("../../../../../models/features/card-present.toml");
    check("card-present", catalog, &[5.0, 50.0]);
}

#[test]
fn handbook() {
    let catalog = include_str!("../../../../../models/features/handbook-customer.toml");
    check("handbook-customer", catalog, &[2.0, 20.0]);
    let catalog = include_str!("../../../../../models/features/handbook-terminal.toml");
    check("handbook-terminal", catalog, &[2.0, 20.0]);
}

#[test]
fn every_aggregate() {
    check("everything", &everything(), &[10.0, 100.0, 300.0]);
}

#[test]
fn windows_with_a_resolution() {
    check("sawtooth", SAWTOOTH, &[5.0, 50.0, 500.0]);
    check("peaks", PEAKS, &[5.0, 50.0, 500.0]);
}

/// [`EVERYTHING`], and the first example on the page of each aggregate that it lacks.
fn everything() -> String {
    let catalog = Catalog::parse(EVERYTHING).unwrap();
    let mut text = EVERYTHING.to_owned();
    for aggregate in crate::Aggregate::all() {
        if catalog.features().iter().any(|f| f.aggregate == aggregate) {
            continue;
        }
        let line = format!("aggregate = \"{}\"\n", aggregate.as_str());
        let mut examples = PAGE.split("[[feature]]\n");
        let example = examples.find(|example| example.contains(&line)).unwrap();
        let example = example.split("```").next().unwrap();
        text.push_str(&format!("\n[[feature]]\n{example}"));
    }
    text
}

#[test]
fn the_catalog_with_everything_has_every_aggregate() {
    let catalog = Catalog::parse(&everything()).unwrap();
    for aggregate in crate::Aggregate::all() {
        let found = catalog.features().iter().any(|f| f.aggregate == aggregate);
        assert!(found, "{aggregate:?}");
    }
}

#[test]
fn fewer_keys_fit_where_a_lane_keeps_cohorts() {
    let estimate = plan(EVERYTHING).estimate(&Rates::of_terminal(50.0));
    assert!(estimate.lane_bytes_max > 0);
    let budget = 1 << 30;
    let without = budget as f64 / estimate.bytes_per_key;
    assert!(estimate.keys_in(budget) < without as u64);
    assert_eq!(estimate.keys_in(1_000), 0);
}

#[test]
fn room_grows_as_a_history_does() {
    assert_eq!(room_for_rows(0.0), 3.0);
    assert_eq!(room_for_rows(1.6), 3.0);
    assert_eq!(room_for_rows(1.7), 5.0);
    assert_eq!(room_for_rows(100.0), 140.0);
}
