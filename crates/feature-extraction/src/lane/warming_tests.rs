//! Lanes that begin in the middle of a log, against those that have seen all of it.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::Flags;
use tillwatch_records::units::DurationMs;
use tillwatch_testkit::oracle::{
    self, Case, OracleAggregate, OracleFeature, OracleRow, OracleSettings, OracleValue,
};
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream::{self, Event, START_MS, StreamSettings};

use super::cut_tests::Dump;
use super::feature_lane::FeatureLane;
use super::tests::{COUNT_1H, engine, fold, fold_part, lane, sale};
use crate::settings::EngineSettings;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// A random case with windows and half-lives so short that a lane becomes warm in its stream.
pub(super) fn case(seed: u64) -> Case {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x3a41);
    let is_slow = seed.is_multiple_of(3);
    let (longest_ms, half_life_ms, step_ms_max) = if is_slow {
        (6 * HOUR_MS, HOUR_MS / 2, 4 * HOUR_MS)
    } else {
        (MINUTE_MS, 100, [2_000, 20_000][random.random_range(0..2)])
    };
    let mut case = Case::random(seed);
    for feature in &mut case.features {
        shorten(feature, longest_ms, half_life_ms);
    }
    case.settings = OracleSettings {
        allowed_lateness_ms: [0, 5_000, MINUTE_MS][random.random_range(0..3)],
        max_future_skew_ms: 5_000,
        dedup_horizon_ms: [0, MINUTE_MS][random.random_range(0..2)],
        idle_ttl_ms: [0, 10 * MINUTE_MS, 90 * 24 * HOUR_MS][random.random_range(0..3)],
    };
    case.events = stream::events(&StreamSettings {
        events: random.random_range(200..500),
        keys: random.random_range(1..4),
        step_ms_max,
        disorder_ms_max: [1_000, 30_000, 10 * MINUTE_MS][random.random_range(0..3)],
        ..StreamSettings::random(seed)
    });
    case
}

fn shorten(feature: &mut OracleFeature, longest_ms: i64, half_life_ms: i64) {
    feature.window_ms = feature.window_ms.min(longest_ms);
    feature.delay_ms = feature.delay_ms.min(longest_ms / 6);
    let pane_ms = feature.resolution_ms.map(|ms| ms.min(longest_ms / 6));
    feature.resolution_ms = pane_ms.filter(|ms| *ms <= feature.window_ms);
    let has_cohort = feature
        .shrink
        .as_ref()
        .is_some_and(|s| !s.cohort.is_empty());
    let is_rate = feature.aggregate == OracleAggregate::HourOfWeekRate;
    if feature.half_life_ms.is_some() || has_cohort || is_rate {
        feature.half_life_ms = Some(half_life_ms);
    }
}

/// Lets some records from `at` on be old ones, which a terminal has kept: it sends them with the times that
/// they had, or with that of sending.
fn upload(random: &mut ChaCha8Rng, events: &mut [Event], at: usize) {
    let (count, age_ms) = (
        random.random_range(0..12),
        random.random_range(0..3 * HOUR_MS),
    );
    for event in events.iter_mut().skip(at).take(count) {
        event.event_time_ms -= age_ms;
        if random.random_range(0..2) == 0 {
            event.timestamp_ms -= age_ms;
        }
    }
}

/// A lane that begins in the middle of a log, after records with timestamps up to `newest_ms`.
fn lane_after(
    catalog: &str,
    settings: &EngineSettings,
    offset: i64,
    newest_ms: i64,
) -> FeatureLane {
    let mut lane = lane(catalog, settings, offset);
    lane.begin_after(newest_ms);
    lane
}

/// The newest timestamp of records.
fn newest_ms(events: &[Event]) -> i64 {
    let timestamps = events.iter().map(|event| event.timestamp_ms);
    timestamps.max().unwrap_or(0)
}

/// A lane of the case that begins with the record at `at`.
fn cut(case: &Case, at: usize) -> FeatureLane {
    let newest_ms = newest_ms(&case.events[..at]);
    let settings = engine(&case.settings);
    lane_after(&case.catalog(), &settings, at as i64, newest_ms)
}

/// A lane of the case that has met the records of `met`, and misses those from there to `at`; restored in
/// between, where `is_restored` says so.
fn torn(case: &Case, met: Range<usize>, at: usize, is_restored: bool) -> FeatureLane {
    let mut torn = cut(case, met.start);
    fold_part(&mut torn, &case.events[met.clone()], met.start as i64);
    if is_restored {
        let dump = Dump::of(&mut torn);
        torn = cut(case, met.start);
        dump.restore(&mut torn).unwrap();
    }
    torn.missed(newest_ms(&case.events[met.end..at]));
    torn
}

/// Whether a value is that of the whole log: by its bits, or as the definition of what is weighted by
/// age says.
fn is_same(
    feature: &OracleFeature,
    expected: &OracleValue,
    whole: Option<f64>,
    got: Option<f64>,
) -> bool {
    if feature.half_life_ms.is_none() {
        return whole.map(f64::to_bits) == got.map(f64::to_bits);
    }
    // What has decayed for hundreds of half-lives may be nothing.
    let is_nothing = |value: Option<f64>| value.is_none_or(|value| value.abs() < 1e-100);
    if is_nothing(whole) && is_nothing(got) {
        return true;
    }
    // A share of almost nothing may be nothing.
    let distance = whole.zip(got).map(|(whole, got)| (whole - got).abs());
    expected.admits(got) || distance.is_some_and(|distance| distance < 1e-12)
}

/// What is wrong with the rows without a mark of `lane`, which goes on with the record at `at`; counts values
/// that are the same.
fn objection(
    case: &Case,
    at: usize,
    lacking: &mut FeatureLane,
    same: &mut BTreeMap<&'static str, usize>,
) -> Option<String> {
    let mut whole = lane(&case.catalog(), &engine(&case.settings), 0);
    let whole = fold_part(&mut whole, &case.events, 0);
    let expected = oracle::evaluate(&case.features, &case.settings, &case.events);
    let events = &case.events[at..];
    let got = fold(lacking, events, &stream::split(case.seed, events.len()));
    let skipped = whole.len() - got.len();
    let rows = whole[skipped..].iter().zip(&expected[skipped..]).zip(&got);
    for (number, ((whole, expected), got)) in rows.enumerate() {
        if got.flags.contains(Flags::WARMING) {
            continue;
        }
        if got.flags != whole.flags {
            return Some(format!(
                "row {number}: {:?}, not {:?}",
                got.flags, whole.flags
            ));
        }
        for (at, feature) in case.features.iter().enumerate() {
            let (whole, got) = (whole.values[at], got.values[at]);
            if !is_same(feature, &expected.values[at], whole, got) {
                return Some(format!(
                    "row {number}, {}: {got:?}, not {whole:?}",
                    feature.name
                ));
            }
            *same.entry(feature.aggregate.as_str()).or_default() += 1;
        }
    }
    None
}

/// Holds lanes that lack records, made by `lacking` and going on with the record at the given place,
/// against those that lack nothing. Of each aggregate some values are not flagged.
pub(super) fn check(usual: Range<u64>, lacking: impl Fn(&Case, usize) -> FeatureLane) {
    let mut same = BTreeMap::new();
    let all = seeds(usual.clone());
    let is_usual = all == usual;
    for seed in all {
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0xc07);
        let mut case = case(seed);
        let at = random.random_range(1..case.events.len() / 2);
        upload(&mut random, &mut case.events, at);
        if let Some(problem) = objection(&case, at, &mut lacking(&case, at), &mut same) {
            let features = case.features.clone();
            let one = features.iter().find_map(|feature| {
                let alone = Case {
                    features: vec![feature.clone()],
                    ..case.clone()
                };
                let lacking = &mut lacking(&alone, at);
                let problem = objection(&alone, at, lacking, &mut BTreeMap::new())?;
                Some(format!("{problem}\n{}", alone.catalog()))
            });
            panic!(
                "seed {seed}, cut at {at}, {:?}: {problem}\n{one:?}",
                case.settings
            );
        }
    }
    for aggregate in OracleAggregate::ALL.iter().filter(|_| is_usual) {
        let count = same.get(aggregate.as_str()).copied().unwrap_or(0);
        assert!(
            count as u64 > usual.end / 6,
            "{} of {} are not flagged",
            count,
            aggregate.as_str()
        );
    }
}

/// `TILLWATCH_SEED` and `TILLWATCH_CASES` in the environment ask for others, and for more.
#[test]
fn what_is_not_flagged_is_that_of_the_whole_log() {
    check(0..600, cut);
}

/// Seeds as before.
#[test]
fn what_is_not_flagged_after_a_gap_is_that_of_the_whole_log() {
    check(0..250, |case, at| {
        let mut random = ChaCha8Rng::seed_from_u64(case.seed ^ 0x6a9);
        let end = random.random_range(0..=at);
        // Some began in the middle of the log as well.
        let start = match random.random_range(0..3) {
            0 => random.random_range(0..=end),
            _ => 0,
        };
        torn(case, start..end, at, random.random_range(0..2) == 0)
    });
}

fn flags(rows: &[OracleRow]) -> Vec<Flags> {
    rows.iter().map(|row| row.flags).collect()
}

fn hours(hours: f64) -> i64 {
    START_MS + (hours * HOUR_MS as f64) as i64
}

#[test]
fn a_lane_is_warm_once_its_windows_begin_after_all_that_it_lacks() {
    // The window, the horizon of event ids and the skew.
    let warm_ms = START_MS + 2 * HOUR_MS + 5 * MINUTE_MS;
    let events = [
        sale("a", 0, hours(0.1)),
        sale("a", 1, warm_ms - 1),
        sale("b", 2, warm_ms),
        // Of a window that is not whole, however late it comes.
        sale("a", 3, warm_ms - MINUTE_MS),
        sale("b", 4, warm_ms),
    ];
    let settings = EngineSettings::default();
    let mut cut = lane_after(COUNT_1H, &settings, 7, START_MS);
    assert_eq!(cut.stats().warm_at_ms, Some(warm_ms));
    let (warming, none) = (Flags::WARMING, Flags::empty());
    let expected = [warming, warming, none, warming, none];
    assert_eq!(flags(&fold_part(&mut cut, &events, 7)), expected);
    assert_eq!(cut.stats().warm_at_ms, None);
    // Nobody has said what came before.
    let mut untold = lane(COUNT_1H, &settings, 7);
    assert_eq!(flags(&fold_part(&mut untold, &events, 7)), [warming; 5]);
    assert_eq!(untold.stats().warm_at_ms, Some(i64::MAX));
    let mut from_first = lane_after(COUNT_1H, &settings, 0, hours(9.0));
    assert_eq!(flags(&fold_part(&mut from_first, &events, 0)), [none; 5]);
    assert_eq!(from_first.stats().warm_at_ms, None);
}

#[test]
fn an_old_record_does_not_end_it_for_others() {
    // One that its terminal has kept for three hours comes first.
    let mut old = sale("kept", 0, hours(-3.0));
    old.timestamp_ms = hours(0.5);
    let mut events = vec![old];
    events.extend((0..5).map(|n| sale("a", n + 1, hours(0.1) + n as i64 * MINUTE_MS)));
    let settings = EngineSettings::default();
    let mut cut = lane_after(COUNT_1H, &settings, 20, START_MS);
    assert_eq!(
        flags(&fold_part(&mut cut, &events, 20)),
        [Flags::WARMING; 6]
    );
}

#[test]
fn what_reads_the_record_alone_is_whole_soon() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"n\"\naggregate = \"value\"\n\
                   expression = \"amount_minor * 2\"\n";
    let mut settings = EngineSettings::default();
    settings.time.dedup_horizon = DurationMs::from_ms(0);
    let mut cut = lane_after(catalog, &settings, 1, START_MS);
    let events = [sale("a", 0, hours(0.05)), sale("a", 1, hours(0.1))];
    assert_eq!(
        flags(&fold_part(&mut cut, &events, 1)),
        [Flags::WARMING, Flags::empty()]
    );
}

#[test]
fn a_memory_is_whole_once_its_key_is_known() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"changed\"\naggregate = \"changed\"\n\
         column = \"card_token\"\n[[feature]]\nname = \"since\"\naggregate = \"time_since_last\"\n\
         filter = \"amount_minor > 1000\"\n";
    let mut cut = lane_after(catalog, &EngineSettings::default(), 1, START_MS);
    let mut large = sale("a", 4, hours(5.0));
    large.amount_minor = Some(5_000);
    let events = [
        sale("a", 1, hours(3.0)),
        sale("a", 2, hours(4.0)),
        large,
        sale("a", 5, hours(6.0)),
        sale("b", 6, hours(7.0)),
        sale("b", 7, hours(24.0 * 91.0)),
        // Too long idle to be any key that was there before.
        sale("new", 8, hours(24.0 * 91.0)),
    ];
    let (warming, none) = (Flags::WARMING, Flags::empty());
    let expected = [warming, warming, warming, none, warming, none, none];
    assert_eq!(flags(&fold_part(&mut cut, &events, 1)), expected);
}

#[test]
fn a_second_head_matters_once_a_number_does_not_go_on() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"forks\"\naggregate = \"sequence_forks\"\n\
                   column = \"stan\"\nwindow = \"1h\"\n";
    let sold = |number: usize, at: f64, stan: i64| Event {
        stan: Some(stan),
        ..sale("a", number, hours(at))
    };
    let mut cut = lane_after(catalog, &EngineSettings::default(), 1, START_MS);
    let events = [
        sold(0, 2.0, 10),
        sold(1, 2.5, 11),
        sold(2, 3.0, 12),
        // Goes on from a head that the whole log may know.
        sold(3, 3.5, 5_001),
        sold(4, 4.4, 5_002),
        sold(5, 4.5, 13),
    ];
    let (warming, none) = (Flags::WARMING, Flags::empty());
    let expected = [warming, warming, none, warming, warming, none];
    let rows = fold_part(&mut cut, &events, 1);
    assert_eq!(flags(&rows), expected);
    assert_eq!(rows[5].values, [Some(1.0)]);
}

#[test]
fn what_a_lane_lacks_is_part_of_its_snapshot() {
    for seed in 0..60 {
        let case = case(seed);
        let at = case.events.len() / 3;
        let (first, rest) = case.events[at..].split_at(case.events.len() / 3);
        let mut uninterrupted = cut(&case, at);
        fold_part(&mut uninterrupted, first, at as i64);
        let mut other = lane(&case.catalog(), &engine(&case.settings), 0);
        Dump::of(&mut uninterrupted).restore(&mut other).unwrap();
        let offset = (at + first.len()) as i64;
        let rows = fold_part(&mut uninterrupted, rest, offset);
        assert_eq!(
            flags(&fold_part(&mut other, rest, offset)),
            flags(&rows),
            "seed {seed}"
        );
        assert_eq!(other.stats().state_bytes, uninterrupted.stats().state_bytes);
    }
}

#[test]
fn a_lane_tells_how_long_its_windows_take() {
    let catalog = include_str!("../../../../models/features/job-w.toml");
    let lane = lane_after(catalog, &EngineSettings::default(), 1, START_MS);
    let day_ms = 25 * HOUR_MS + 5 * MINUTE_MS;
    assert_eq!(lane.stats().warm_at_ms, Some(START_MS + day_ms));
}
