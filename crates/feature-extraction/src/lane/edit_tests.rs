//! Lanes that go on from the state of another catalog, against those that had theirs from the first record.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::{Flags, RecordKind};
use tillwatch_testkit::oracle::{Case, OracleFeature, OracleRow, catalog_toml};
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream::{Event, START_MS};

use super::cut_tests::Dump;
use super::edited::{Edited, Rebuilt};
use super::feature_lane::FeatureLane;
use super::key_head::KeyHead;
use super::tests::{COUNT_1H, bits, engine, fold, fold_part, lane, sale, whole};
use super::warming_tests::{case, check};
use crate::catalog::Catalog;
use crate::error::SnapshotError;
use crate::settings::EngineSettings;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The kinds of record that features read.
fn kinds(features: &[OracleFeature]) -> BTreeSet<RecordKind> {
    let kinds = features.iter().map(|feature| feature.record_type);
    kinds.chain([RecordKind::Transaction]).collect()
}

/// Another feature of the same name, or the same.
fn changed(random: &mut ChaCha8Rng, before: &OracleFeature) -> OracleFeature {
    let mut feature = before.clone();
    match random.random_range(0..12) {
        0 => feature.filter = None,
        1 => feature.window_ms = (feature.window_ms + 1) / 2,
        2 => feature.window_ms *= 2,
        3 => feature.half_life_ms = feature.half_life_ms.map(|ms| ms * 2),
        4 => feature.resolution_ms = None,
        5 => feature.delay_ms = 0,
        6 => feature.last = None,
        7 => feature.exclude_current ^= feature.window_ms > 0,
        _ => {}
    }
    feature.resolution_ms = feature.resolution_ms.filter(|ms| *ms <= feature.window_ms);
    match Catalog::parse(&catalog_toml(std::slice::from_ref(&feature))) {
        Ok(_) => feature,
        // A ratio needs a filter, say.
        Err(_) => before.clone(),
    }
}

/// A case whose catalog may become that of `case` by an edit: features are added, removed, changed and put in
/// another order.
fn before(random: &mut ChaCha8Rng, case: &Case) -> Case {
    let wanted = kinds(&case.features);
    loop {
        let mut features: Vec<OracleFeature> = case
            .features
            .iter()
            .filter(|_| random.random_range(0..6) > 0)
            .cloned()
            .collect();
        for feature in &mut features {
            *feature = changed(random, feature);
        }
        let others = self::case(random.random_range(0..10_000)).features;
        let others = others.into_iter().take(random.random_range(0..4));
        features.extend(others.map(|feature| OracleFeature {
            name: format!("{}_gone", feature.name),
            ..feature
        }));
        features.shuffle(random);
        if !features.is_empty() && kinds(&features) == wanted {
            return Case {
                features,
                ..case.clone()
            };
        }
    }
}

/// A lane of `case` that goes on from what `before` holds.
fn taken_over(case: &Case, before: &mut FeatureLane) -> (FeatureLane, Option<Edited>) {
    let dump = Dump::of(before);
    let mut after = lane(&case.catalog(), &engine(&case.settings), 1);
    after.track(0);
    let edited = dump.restore_edited(&mut after).unwrap();
    after.track(0);
    (after, edited)
}

/// A lane of the case that has met the records before `at` under other catalogs, one or two.
fn edited(case: &Case, at: usize) -> FeatureLane {
    let mut random = ChaCha8Rng::seed_from_u64(case.seed ^ 0xed17);
    let first = before(&mut random, case);
    let mut lane = lane(&first.catalog(), &engine(&case.settings), 0);
    let middle = match random.random_range(0..3) {
        0 => random.random_range(0..=at),
        _ => 0,
    };
    fold_part(&mut lane, &case.events[..middle], 0);
    if middle > 0 {
        lane = taken_over(&before(&mut random, case), &mut lane).0;
    }
    fold_part(&mut lane, &case.events[middle..at], middle as i64);
    taken_over(case, &mut lane).0
}

/// `TILLWATCH_SEED` and `TILLWATCH_CASES` in the environment ask for others, and for more.
#[test]
fn what_is_not_flagged_after_an_edit_is_that_of_the_whole_log() {
    check(0..600, edited);
}

/// What is kept has the bits of a lane that had the catalog from the first record, also where it is flagged
/// for the sake of others. Seeds as before.
#[test]
fn what_an_edit_keeps_is_as_if_nothing_had_happened() {
    let (mut kept, mut rebuilt) = (0, 0);
    for seed in seeds(0..400) {
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x4e97);
        let case = case(seed);
        let at = random.random_range(1..case.events.len());
        let first = before(&mut random, &case);
        let settings = engine(&case.settings);
        let mut old = lane(&first.catalog(), &settings, 0);
        fold_part(&mut old, &case.events[..at], 0);
        let (mut after, edited) = taken_over(&case, &mut old);
        let Some(edited) = edited else { continue };
        let mut calm = lane(&case.catalog(), &settings, 0);
        fold_part(&mut calm, &case.events[..at], 0);
        let expected = fold_part(&mut calm, &case.events[at..], at as i64);
        let got = fold_part(&mut after, &case.events[at..], at as i64);
        rebuilt += edited.rebuilt.len();
        for (number, (expected, got)) in expected.iter().zip(&got).enumerate() {
            // A late one sees what is kept, which may be less.
            if got.flags.contains(Flags::LATE) {
                continue;
            }
            assert_eq!(got.flags - Flags::WARMING, expected.flags, "seed {seed}");
            for (at, feature) in case.features.iter().enumerate() {
                if edited.kept.contains(&feature.name) {
                    kept += 1;
                    assert_eq!(
                        bits(got)[at],
                        bits(expected)[at],
                        "seed {seed}, row {number}, {}\n{}{}",
                        feature.name,
                        first.catalog(),
                        case.catalog()
                    );
                }
            }
        }
    }
    assert!(
        kept > 10_000 && rebuilt > 100,
        "{kept} kept, {rebuilt} rebuilt"
    );
}

/// A catalog of these features, each as TOML.
fn catalog(features: &[&str]) -> String {
    let features = features.iter().map(|text| format!("[[feature]]\n{text}\n"));
    format!("name = \"c\"\n{}", features.collect::<String>())
}

const COUNT: &str = "name = \"n\"\naggregate = \"count\"\nwindow = \"1h\"";
const SUM: &str = "name = \"sum\"\naggregate = \"sum\"\ncolumn = \"amount_minor\"\nwindow = \"1h\"";
const SUM_2H: &str =
    "name = \"sum_2h\"\naggregate = \"sum\"\ncolumn = \"amount_minor\"\nwindow = \"2h\"";
const CHANGED: &str = "name = \"changed\"\naggregate = \"changed\"\ncolumn = \"card_token\"";

pub(super) fn hours(hours: f64) -> i64 {
    START_MS + (hours * HOUR_MS as f64) as i64
}

/// What becomes of a lane that has met `events` under the catalog `from` and goes on under `to`.
pub(super) fn edit(from: &[&str], to: &[&str], events: &[Event]) -> (FeatureLane, Edited) {
    let settings = EngineSettings::default();
    let mut old = lane(&catalog(from), &settings, 0);
    fold_part(&mut old, events, 0);
    let mut new = lane(&catalog(to), &settings, 1);
    let edited = Dump::of(&mut old).restore_edited(&mut new).unwrap();
    (new, edited.unwrap())
}

fn flags(rows: &[OracleRow]) -> Vec<Flags> {
    rows.iter().map(|row| row.flags).collect()
}

#[test]
fn removing_and_reordering_loses_nothing() {
    let events = [sale("a", 0, hours(0.0)), sale("a", 1, hours(0.5))];
    let (mut new, edited) = edit(&[COUNT, SUM, CHANGED], &[CHANGED, COUNT], &events);
    assert_eq!(edited.kept, ["changed", "n"]);
    assert!(edited.rebuilt.is_empty());
    let rows = fold_part(&mut new, &[sale("a", 2, hours(0.9))], 2);
    assert_eq!(rows[0].values, [Some(0.0), Some(3.0)]);
    assert_eq!(flags(&rows), [Flags::empty()]);
    assert_eq!(new.stats().warm_at_ms, None);
}

#[test]
fn what_is_new_is_flagged_until_it_is_whole_and_what_is_kept_goes_on() {
    let events = [sale("a", 0, hours(0.0)), sale("b", 1, hours(0.5))];
    let (mut new, edited) = edit(&[COUNT], &[COUNT, SUM], &events);
    assert_eq!(edited.kept, ["n"]);
    let expected = Rebuilt {
        feature: "sum".to_owned(),
        window_ms: Some(HOUR_MS),
        is_memory_new: false,
    };
    assert_eq!(edited.rebuilt, [expected]);
    // The newest key is whole an hour after its newest record.
    assert_eq!(new.stats().warm_at_ms, Some(hours(1.5)));
    let events = [
        sale("a", 2, hours(0.9)),
        // A key that is new lacks nothing.
        sale("c", 3, hours(0.9)),
        sale("a", 4, hours(1.0)),
        sale("b", 5, hours(1.0)),
        sale("b", 6, hours(1.5)),
    ];
    let rows = fold_part(&mut new, &events, 2);
    let (warming, none) = (Flags::WARMING, Flags::empty());
    assert_eq!(flags(&rows), [warming, none, none, warming, none]);
    let counts: Vec<Option<f64>> = rows.iter().map(|row| row.values[0]).collect();
    assert_eq!(counts, [2.0, 1.0, 2.0, 2.0, 2.0].map(Some));
    assert_eq!(new.stats().warm_at_ms, None);
}

#[test]
fn a_wider_window_lacks_no_more_than_rows_that_are_gone() {
    let events = [sale("a", 0, hours(0.0)), sale("a", 1, hours(1.0))];
    let (_, edited) = edit(&[COUNT, SUM], &[COUNT, SUM, SUM_2H], &events);
    assert_eq!(edited.kept, ["n", "sum"]);
    // Rows of an hour and the allowed lateness are there.
    assert_eq!(edited.rebuilt[0].window_ms, Some(50 * MINUTE_MS));
    // The rows of a longer window have it all.
    let (mut new, edited) = edit(&[SUM_2H], &[SUM_2H, SUM], &events);
    assert_eq!(edited.kept, ["sum_2h", "sum"]);
    let rows = fold_part(&mut new, &[sale("a", 2, hours(1.9))], 2);
    assert_eq!(flags(&rows), [Flags::empty()]);
}

/// The time after which each feature is whole that is rebuilt.
fn whole_after(edited: &Edited) -> Vec<(&str, Option<i64>)> {
    let rebuilt = edited.rebuilt.iter();
    rebuilt
        .map(|rebuilt| (&*rebuilt.feature, rebuilt.window_ms))
        .collect()
}

#[test]
fn compaction_left_rows_for_nothing_but_the_windows_that_were_there() {
    let pane = |name: &str, aggregate: &str| {
        format!(
            "name = \"{name}\"\naggregate = \"{aggregate}\"\ncolumn = \"amount_minor\"\n\
             window = \"24h\"\nresolution = \"1h\""
        )
    };
    let [max, min, sum] = [("max", "max"), ("min", "min"), ("sum_24h", "sum")]
        .map(|(name, aggregate)| pane(name, aggregate));
    let events = [sale("a", 0, hours(0.0)), sale("a", 1, hours(1.0))];
    // A day and a pane, less an hour and the allowed lateness.
    let lacking = Some(25 * HOUR_MS - 70 * MINUTE_MS);
    let (_, edited) = edit(&[COUNT, &max], &[COUNT, &min, &max], &events);
    assert_eq!(edited.kept, ["n", "max"]);
    assert_eq!(whole_after(&edited), [("min", lacking)]);
    // The sum is in all rows, but nobody asked for it of so old ones.
    let (_, edited) = edit(&[SUM, &max], &[SUM, &max, &sum], &events);
    assert_eq!(edited.kept, ["sum", "max"]);
    assert_eq!(whole_after(&edited), [("sum_24h", lacking)]);
    let (_, edited) = edit(&[SUM, &sum], &[&sum, SUM], &events);
    assert_eq!(edited.kept, ["sum_24h", "sum"]);
}

#[test]
fn labels_are_kept_where_rows_are_kept_as_long() {
    let labelled = |name: &str, kind: &str| {
        format!(
            "name = \"{name}\"\naggregate = \"count\"\nlabel = \"label_kind = '{kind}'\"\n\
             window = \"1h\""
        )
    };
    let (tc40, fraud) = (labelled("tc40", "TC40"), labelled("fraud", "CONFIRMED"));
    let sold = sale("a", 0, hours(0.0));
    let label = Event {
        label_kind: Some("TC40"),
        ..Event::bare(RecordKind::Label, "a", &sold.event_id, hours(0.1))
    };
    let events = [sold, label];
    // Its bit is another one.
    let (mut new, edited) = edit(&[&fraud, &tc40], &[&tc40], &events);
    assert_eq!(edited.kept, ["tc40"]);
    let rows = fold_part(&mut new, &[sale("a", 1, hours(0.5))], 2);
    assert_eq!(rows[0].values, [Some(1.0)]);
    assert_eq!(flags(&rows), [Flags::empty()]);
    // The window, and for as long as labels find their transactions.
    let lacking = |retention_ms: i64| Some(HOUR_MS + retention_ms + 10 * MINUTE_MS);
    let (_, edited) = edit(&[&tc40], &[&tc40, &fraud], &events);
    assert_eq!(edited.kept, ["tc40"]);
    assert_eq!(whole_after(&edited), [("fraud", lacking(HOUR_MS))]);
    let (_, edited) = edit(&[&tc40, SUM], &[&tc40, SUM, SUM_2H], &events);
    let expected = [
        ("tc40", lacking(2 * HOUR_MS)),
        ("sum_2h", Some(50 * MINUTE_MS)),
    ];
    assert_eq!(whole_after(&edited), expected);
}

#[test]
fn another_time_to_live_flags_all() {
    let mut settings = EngineSettings::default();
    settings.state.idle_ttl = tillwatch_records::units::DurationMs::from_ms(0);
    let mut old = lane(&catalog(&[SUM_2H, CHANGED]), &settings, 0);
    fold_part(&mut old, &[sale("a", 0, hours(0.0))], 0);
    let mut new = lane(&catalog(&[SUM, CHANGED]), &settings, 1);
    let edited = Dump::of(&mut old).restore_edited(&mut new).unwrap();
    // The horizon of ids and the window.
    let edited = edited.unwrap();
    let expected = [("sum", Some(2 * HOUR_MS)), ("changed", None)];
    assert_eq!(whole_after(&edited), expected);
    assert!(edited.rebuilt[1].is_memory_new);
}

#[test]
fn a_new_memory_is_flagged_until_it_is_known() {
    let events = [sale("a", 0, hours(0.0))];
    let (mut new, edited) = edit(&[COUNT], &[COUNT, CHANGED], &events);
    assert!(edited.rebuilt[0].is_memory_new && edited.rebuilt[0].window_ms.is_none());
    // Windows lack nothing, and whoever looks at the key sees that.
    let head = KeyHead::read(Dump::of(&mut new).live.values().next().unwrap()).unwrap();
    assert_eq!((head.rows, head.lacks), (1, Flags::WARMING));
    assert_eq!(head.whole_at_ms, None);
    let events = [sale("a", 1, hours(5.0)), sale("a", 2, hours(6.0))];
    let rows = fold_part(&mut new, &events, 1);
    assert_eq!(flags(&rows), [Flags::WARMING, Flags::empty()]);
}

#[test]
fn what_an_edit_leaves_open_is_in_the_next_cut() {
    let events = [sale("a", 0, hours(0.0))];
    let (mut new, _) = edit(&[COUNT], &[COUNT, SUM], &events);
    let dump = Dump::of(&mut new);
    let mut again = lane(&catalog(&[COUNT, SUM]), &EngineSettings::default(), 1);
    dump.restore(&mut again).unwrap();
    assert_eq!(again.stats().warm_at_ms, Some(hours(1.0)));
    assert!(Dump::of(&mut again) == dump);
    let rows = fold_part(&mut again, &[sale("a", 1, hours(0.9))], 1);
    assert_eq!(flags(&rows), [Flags::WARMING]);
}

#[test]
fn an_edit_is_told_without_being_made() {
    let mut old = lane(COUNT_1H, &EngineSettings::default(), 0);
    fold_part(&mut old, &[sale("a", 0, hours(0.0))], 0);
    let part = Dump::of(&mut old).part;
    assert_eq!(old.edited_of(&part), Ok(None));
    let new = lane(&catalog(&[SUM]), &EngineSettings::default(), 0);
    let edited = new.edited_of(&part).unwrap().unwrap();
    assert_eq!(edited.rebuilt.len(), 1);
    assert_eq!(new.stats().keys, 0);
}

#[test]
fn another_ground_is_refused() {
    let mut old = lane(&catalog(&[COUNT]), &EngineSettings::default(), 0);
    fold_part(&mut old, &[sale("a", 0, hours(0.0))], 0);
    let dump = Dump::of(&mut old);
    let mut later = EngineSettings::default();
    later.time.allowed_lateness = tillwatch_records::units::DurationMs::from_ms(1);
    let events = "name = \"e\"\naggregate = \"count\"\nwindow = \"1h\"\n\
                  record_type = \"terminal_event\"";
    let of_events = catalog(&[COUNT, events]);
    for (catalog, settings) in [
        (catalog(&[COUNT]), later),
        (of_events, EngineSettings::default()),
    ] {
        let mut new = lane(&catalog, &settings, 1);
        assert_ne!(new.ground(), old.ground());
        assert_eq!(dump.restore(&mut new), Err(SnapshotError::Plan));
    }
}

/// A column that an earlier stage makes is what that stage says it is.
#[test]
fn what_reads_a_feature_of_another_meaning_is_new() {
    let settings = EngineSettings::default();
    let of_origin = |identity: u64| {
        let joined = arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new(
            "busy",
            arrow::datatypes::DataType::Float64,
            true,
        )]);
        let busiest = "name = \"busiest\"\naggregate = \"max\"\ncolumn = \"busy\"\nwindow = \"1h\"";
        let catalog = catalog(&[COUNT, busiest]);
        let catalog = Catalog::parse_with(&catalog, &joined).unwrap();
        let plan = crate::plan::Plan::compile(&catalog, &settings).unwrap();
        let key = tillwatch_records::KeySpec::from_names(&["terminal_id"]).unwrap();
        let mut lane = FeatureLane::new(std::sync::Arc::new(plan), key, 0);
        lane.read_from("busy", identity);
        lane
    };
    let mut one = of_origin(1);
    fold_part(&mut one, &[sale("a", 0, hours(0.0))], 0);
    let part = Dump::of(&mut one).part;
    assert_eq!(of_origin(1).edited_of(&part), Ok(None));
    let edited = of_origin(2).edited_of(&part).unwrap().unwrap();
    assert_eq!(edited.kept, ["n"]);
    assert_eq!(edited.rebuilt[0].feature, "busiest");
    assert_ne!(of_origin(1).identity_of("n"), of_origin(2).identity_of("n"));
    assert_eq!(of_origin(1).identity_of("n"), one.identity_of("n"));
    assert_eq!(one.identity_of("nothing"), None);
}

/// Large windows, queues and labels are made of rows again, whatever the batches.
#[test]
fn batches_make_no_difference_after_an_edit() {
    for seed in 0..40 {
        let case = case(seed);
        let at = case.events.len() / 2;
        let rest = &case.events[at..];
        let mut one = edited(&case, at);
        let mut other = edited(&case, at);
        let pieces = tillwatch_testkit::stream::split(seed, rest.len());
        let one = fold(&mut one, rest, &whole(rest));
        let other = fold(&mut other, rest, &pieces);
        assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().zip(&other) {
            assert_eq!((bits(one), one.flags), (bits(other), other.flags));
        }
    }
}
