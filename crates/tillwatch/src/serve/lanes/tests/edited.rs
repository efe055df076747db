//! Lanes whose catalog was edited while nothing ran.

use std::ops::Range;

use tillwatch_records::Flags;

use super::rig::{Rig, partition};
use crate::serve::metrics::PassedOver;
use crate::test_support::{Place, catalog, config};

/// A feature that no row has a field for yet.
const LARGE: &str = r#"
[[feature]]
name = "large_1h"
aggregate = "count"
window = "1h"
filter = "amount_minor > 4"
"#;

/// A feature that outlives every window.
const CHANGED: &str = r#"
[[feature]]
name = "changed"
aggregate = "changed"
column = "currency"
"#;

/// A feature with cohorts, which have entries of their own in a snapshot.
const SHARE: &str = r#"
[[feature]]
name = "share_1h"
aggregate = "ratio"
window = "1h"
filter = "amount_minor > 4"
prior = 0.5
strength = 2
cohort = ["currency"]
"#;

/// The catalog with these features besides the one that all have.
fn with(features: &[&str]) -> String {
    catalog("records_1h", None) + &features.concat()
}

/// The process that follows one with this catalog, which has read `first`; it has another catalog and scores
/// these records.
fn edited(first: Range<i64>, catalogs: [&str; 2], then: i64) -> Rig {
    edited_in(Rig::place(), first, catalogs, then)
}

/// As [`edited`], in this directory.
fn edited_in(place: Place, first: Range<i64>, [before, after]: [&str; 2], then: i64) -> Rig {
    place.write("catalog.toml", before);
    let mut rig = Rig::at(place);
    rig.append(first.clone());
    rig.source.assign(&partition());
    rig.go_on_until((first.end - first.start) as usize, first.end);
    rig.leave();
    next(rig, after, first.end..then)
}

/// The process that follows `rig` with this catalog and has scored these records.
fn next(rig: Rig, catalog: &str, records: Range<i64>) -> Rig {
    rig.place.write("catalog.toml", catalog);
    let mut rig = rig.next();
    rig.append(records.clone());
    rig.source.assign(&partition());
    rig.go_on_until((records.end - records.start) as usize, records.end);
    rig
}

/// What each snapshot was passed over for.
fn passed_over(rig: &Rig) -> Vec<(&'static str, u64)> {
    let all =
        PassedOver::ALL.map(|reason| (reason.as_str(), rig.metrics.state().passed_over(reason)));
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Features of the newest score.
fn newest(rig: &Rig) -> [Option<f64>; 2] {
    let score = rig.last_score();
    ["records_1h", "large_1h"].map(|name| score["features"][name].as_f64())
}

#[test]
fn an_edit_keeps_what_outlives_the_log_and_flags_what_is_new() {
    let catalogs = [with(&[CHANGED]), with(&[LARGE, CHANGED])];
    let [before, after] = catalogs.each_ref().map(String::as_str);
    let mut rig = edited(0..20, [before, after], 25);
    assert_eq!(rig.origins(), [1, 0, 0, 0]);
    assert_eq!(rig.metrics.state().replayed(), 0);
    assert_eq!(passed_over(&rig), []);
    assert_eq!(newest(&rig), [Some(25.0), Some(5.0)]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 5);
    rig.leave();
    // What it wrote is its own.
    let mut rig = next(rig, after, 25..30);
    assert_eq!(rig.origins(), [1, 0, 0, 0]);
    assert_eq!(passed_over(&rig), []);
    assert_eq!(newest(&rig), [Some(30.0), Some(10.0)]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 5);
    rig.leave();
    // Taken back: what was there before the edit is exact, and the log has the rest.
    let rig = next(rig, before, 30..35);
    assert_eq!(rig.origins(), [1, 0, 0, 0]);
    assert!(rig.metrics.state().replayed() >= 10);
    let passed_over = passed_over(&rig);
    assert!(
        matches!(passed_over[..], [("catalog", count)] if count > 0),
        "{passed_over:?}"
    );
    assert_eq!(newest(&rig), [Some(35.0), None]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 0);
}

#[test]
fn an_edit_reads_the_log_again_where_that_says_all() {
    let catalogs = [with(&[]), with(&[LARGE])];
    let [before, after] = catalogs.each_ref().map(String::as_str);
    let rig = edited(0..20, [before, after], 25);
    assert_eq!(rig.origins(), [0, 0, 1, 0]);
    assert_eq!(rig.metrics.state().replayed(), 20);
    assert!(matches!(passed_over(&rig)[..], [("catalog", 1..)]));
    assert_eq!(newest(&rig), [Some(25.0), Some(25.0)]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 0);
}

#[test]
fn an_edit_keeps_what_the_log_has_lost() {
    let catalogs = [with(&[]), with(&[LARGE])];
    let [before, after] = catalogs.each_ref().map(String::as_str);
    // Records before the first may have been deleted.
    let rig = edited(5..20, [before, after], 25);
    assert_eq!(rig.origins(), [1, 0, 0, 0]);
    assert_eq!(newest(&rig), [Some(20.0), Some(5.0)]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 5);
}

#[test]
fn an_edit_keeps_what_models_have_learnt() {
    let place = Rig::place();
    let models = "[models]\nchampion = \"rules\"\nshadows = [\"learner\"]\n";
    place.write("tillwatch.toml", &config(models));
    place.write(
        "learner/model.toml",
        "name = \"learner\"\nversion = \"1\"\nkind = \"half_space_trees\"\nartefact = \"trees.toml\"\n\
         inputs = [\"records_1h\"]\n[calibration]\nmethod = \"platt\"\nslope = 1.0\nintercept = -3.0\n",
    );
    place.write(
        "learner/trees.toml",
        "seed = 1\ntrees = 5\nheight = 4\nwindow = 4\n\
         inputs = [{ name = \"records_1h\", low = 0.0, high = 100.0 }]\n",
    );
    let catalogs = [with(&[]), with(&[LARGE])];
    let rig = edited_in(place, 0..20, catalogs.each_ref().map(String::as_str), 25);
    // The log would say all of the features, and not all that was learnt.
    assert_eq!(rig.origins(), [1, 0, 0, 0]);
    assert_eq!(newest(&rig), [Some(25.0), Some(5.0)]);
    assert_eq!(rig.metrics.flagged(Flags::MODEL_WARMING), 0);
}

#[test]
fn an_edit_that_asks_for_nothing_new_flags_nothing() {
    let catalogs = [with(&[LARGE]), with(&[])];
    let [before, after] = catalogs.each_ref().map(String::as_str);
    let rig = edited(0..20, [before, after], 25);
    assert_eq!(rig.origins(), [1, 0, 0, 0]);
    assert_eq!(rig.metrics.state().replayed(), 0);
    assert_eq!(passed_over(&rig), []);
    assert_eq!(newest(&rig), [Some(25.0), None]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 0);
}

#[test]
fn what_an_edit_leaves_out_is_in_no_later_snapshot() {
    let catalogs = [with(&[SHARE]), with(&[])];
    let [before, after] = catalogs.each_ref().map(String::as_str);
    let mut rig = edited(0..20, [before, after], 25);
    assert_eq!(rig.origins(), [1, 0, 0, 0]);
    rig.leave();
    let rig = next(rig, after, 25..30);
    assert_eq!(rig.origins(), [1, 0, 0, 0]);
    assert_eq!(passed_over(&rig), []);
    assert_eq!(newest(&rig), [Some(30.0), None]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 0);
}
