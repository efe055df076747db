//! Windows with a resolution give what they would if no row had been compacted.

use super::cut_tests::Dump;
use super::feature_lane::LaneStats;
use super::tests::{bits, engine, fold, lane, whole};
use tillwatch_records::Flags;
use tillwatch_testkit::oracle::{OracleRow, OracleSettings};
use tillwatch_testkit::stream::{self, Event, StreamSettings};

const SETTINGS: OracleSettings = OracleSettings {
    allowed_lateness_ms: 600_000,
    max_future_skew_ms: 5_000,
    dedup_horizon_ms: 300_000,
    // Longer than any window here, so that a longer one changes nothing else.
    idle_ttl_ms: 500 * 86_400_000,
};

/// Windows that share bounds, columns and queues, and some that share nothing.
const FEATURES: [&str; 12] = [
    "aggregate = \"count\"\nwindow = \"2h\"\nresolution = \"10m\"",
    "aggregate = \"sum\"\ncolumn = \"amount_minor\"\nwindow = \"5h\"\nresolution = \"1h\"",
    "aggregate = \"max\"\ncolumn = \"amount_minor\"\nwindow = \"5h\"\nresolution = \"7m\"",
    "aggregate = \"max\"\ncolumn = \"amount_minor\"\nwindow = \"2h\"\nresolution = \"1h\"",
    "aggregate = \"min\"\ncolumn = \"amount_minor\"\nwindow = \"5h\"\nresolution = \"5h\"",
    "aggregate = \"min\"\nexpression = \"lat - lon\"\nwindow = \"3h\"\nresolution = \"10m\"",
    "aggregate = \"max\"\ncolumn = \"lat\"\nwindow = \"3h\"\nresolution = \"11m\"\ndelay = \"5m\"",
    "aggregate = \"max\"\ncolumn = \"amount_minor\"\nwindow = \"10m\"",
    "aggregate = \"distinct\"\ncolumn = \"card_token\"\nwindow = \"5h\"\nresolution = \"1h\"",
    "aggregate = \"distinct\"\ncolumn = \"card_token\"\nwindow = \"90m\"\nresolution = \"13m\"\n\
     delay = \"5m\"",
    "aggregate = \"distinct\"\ncolumns = [\"card_token\", \"amount_minor\"]\nwindow = \"4h\"\n\
     resolution = \"10m\"\nexclude_current = true",
    "aggregate = \"distinct\"\ncolumn = \"response_code\"\nfilter = \"amount_minor > 1000\"\n\
     window = \"5h\"\nresolution = \"30m\"",
];

/// An exact window that keeps every record.
const KEEPS_ALL: &str = "aggregate = \"count\"\nwindow = \"399d\"";

fn catalog<'a>(features: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from("name = \"c\"\n");
    for (number, feature) in features.enumerate() {
        text += &format!("[[feature]]\nname = \"f{number}\"\n{feature}\n");
    }
    text
}

fn run(catalog: &str, events: &[Event]) -> (Vec<OracleRow>, LaneStats) {
    let mut lane = lane(catalog, &engine(&SETTINGS), 0);
    let rows = fold(&mut lane, events, &whole(events));
    (rows, lane.stats())
}

/// Bytes of state with rows compacted, and without.
fn check(settings: &StreamSettings) -> (u64, u64) {
    let events = stream::events(settings);
    let features = || FEATURES.into_iter();
    let (compacted, small) = run(&catalog(features()), &events);
    let (whole, large) = run(&catalog(features().chain([KEEPS_ALL])), &events);
    assert_eq!(compacted.len(), whole.len());
    for (number, (compacted, mut whole)) in compacted.iter().zip(whole).enumerate() {
        assert_eq!(compacted.flags, whole.flags);
        // What comes too late sees what happens to be there.
        if compacted.flags.contains(Flags::LATE) {
            continue;
        }
        whole.values.pop();
        let (compacted, whole) = (bits(compacted), bits(&whole));
        let differs = compacted.iter().zip(&whole).position(|(a, b)| a != b);
        assert!(
            differs.is_none(),
            "seed {}, record {number}: {}",
            settings.seed,
            FEATURES[differs.unwrap_or_default()]
        );
    }
    (small.state_bytes, large.state_bytes)
}

fn settings(seed: u64, events: usize) -> StreamSettings {
    StreamSettings {
        events,
        keys: 1,
        step_ms_max: 6_000,
        disorder_ms_max: 900_000,
        disorder_percent: 10,
        ..StreamSettings::random(seed)
    }
}

#[test]
fn thinning_changes_no_value() {
    for seed in 0..12 {
        let cards = [3, 40, 300][(seed % 3) as usize];
        check(&StreamSettings {
            cards,
            keys: 1 + (seed % 2) as u32,
            ..settings(seed, 2_500)
        });
    }
}

#[test]
fn thinning_changes_no_estimate() {
    // Windows with up to some six thousand cards, most of them among rows that are compacted.
    check(&StreamSettings {
        cards: 200_000,
        disorder_percent: 2,
        step_ms_max: 4_000,
        ..settings(1, 16_000)
    });
}

#[test]
fn an_interruption_changes_nothing_of_an_estimate() {
    let events = stream::events(&StreamSettings {
        cards: 200_000,
        step_ms_max: 4_000,
        ..settings(2, 9_000)
    });
    let catalog = catalog(FEATURES.into_iter());
    let engine = engine(&SETTINGS);
    let mut through = lane(&catalog, &engine, 0);
    let expected = fold(&mut through, &events, &whole(&events));
    for cut in [4_000, 7_777] {
        let mut before = lane(&catalog, &engine, 0);
        let mut rows = fold(&mut before, &events[..cut], &whole(&events[..cut]));
        let mut after = lane(&catalog, &engine, 1);
        Dump::of(&mut before).restore(&mut after).unwrap();
        rows.extend(fold(&mut after, &events[cut..], &whole(&events[cut..])));
        assert!(rows.iter().map(bits).eq(expected.iter().map(bits)), "{cut}");
        let ends = [&mut after, &mut through].map(Dump::of);
        assert!(ends[0] == ends[1], "{cut}");
    }
}

#[test]
fn few_rows_remain_of_few_values() {
    let (compacted, whole) = check(&StreamSettings {
        cards: 12,
        ..settings(5, 8_000)
    });
    // What is left of five hours are the last twenty minutes, panes, and a row per card and amount.
    assert!(compacted * 4 < whole, "{compacted} of {whole} bytes");
}
