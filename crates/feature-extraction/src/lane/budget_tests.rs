//! What state takes, and what happens when it may take no more.

use tillwatch_records::Flags;
use tillwatch_records::units::ByteSize;
use tillwatch_testkit::stream::{self, Event, START_MS, StreamSettings};

use super::tests::{COUNT_1H, bits, fold, fold_part, lane, sale, whole};
use crate::settings::EngineSettings;

#[test]
fn keeps_the_memory_budget_under_a_flood_of_keys() {
    let mut settings = EngineSettings::default();
    settings.state.max_bytes = ByteSize(1024 * 1024);
    let events: Vec<Event> = (0..20_000)
        .map(|n| sale(&format!("terminal-{n}"), n, START_MS + n as i64))
        .collect();
    let mut lane = lane(COUNT_1H, &settings, 0);
    for (number, part) in events.chunks(500).enumerate() {
        fold_part(&mut lane, part, number as i64 * 500);
        let stats = lane.stats();
        assert!(stats.state_bytes <= 1024 * 1024 * 105 / 100, "{stats:?}");
    }
    let stats = lane.stats();
    assert!(
        stats.evicted_keys > 10_000 && stats.keys > 1_000,
        "{stats:?}"
    );
    // An evicted key that comes back says so; one that was kept does not, and knows its past.
    let back = [
        sale("terminal-0", 30_000, START_MS + 20_001),
        sale("terminal-19999", 30_001, START_MS + 20_001),
    ];
    let rows = fold_part(&mut lane, &back, 20_000);
    assert_eq!(rows[0].flags, Flags::STATE_EVICTED);
    assert_eq!(rows[0].values, [Some(1.0)]);
    assert_eq!(rows[1].values, [Some(2.0)]);
    // Once everything evicted is out of reach, a new key is beyond doubt.
    let later = [sale(
        "terminal-1",
        30_002,
        START_MS + 20_000 + 3_600_000 * 24 * 91,
    )];
    assert!(fold_part(&mut lane, &later, 20_002)[0].flags.is_empty());
}

#[test]
fn eviction_does_not_depend_on_batching() {
    let mut engine = EngineSettings::default();
    engine.state.max_bytes = ByteSize(128 * 1024);
    let settings = StreamSettings {
        events: 6_000,
        keys: 900,
        ..StreamSettings::random(3)
    };
    let events = stream::events(&settings);
    let catalog = include_str!("../../../../models/features/job-w.toml");
    let run = |pieces: &[std::ops::Range<usize>]| {
        let mut lane = lane(catalog, &engine, 0);
        let rows = fold(&mut lane, &events, pieces);
        assert!(lane.stats().evicted_keys > 100);
        (
            rows.iter().map(|r| (bits(r), r.flags)).collect::<Vec<_>>(),
            lane.stats(),
        )
    };
    let in_one = run(&whole(&events));
    for seed in 0..3 {
        assert!(run(&stream::split(seed, events.len())) == in_one);
    }
}

#[test]
fn an_idle_key_is_small() {
    let catalog = include_str!("../../../../models/features/job-w.toml");
    let mut lane = lane(catalog, &EngineSettings::default(), 0);
    let events: Vec<Event> = (0..20_000)
        .map(|n| {
            sale(
                &format!("acq00001/merchant-000001/terminal-{:06}", n % 10_000),
                n,
                START_MS,
            )
        })
        .collect();
    fold(&mut lane, &events, &whole(&events));
    // Beside the two ids of the horizon.
    let per_key = lane.stats().state_bytes as usize / 10_000 - 64;
    assert!(per_key <= 600, "{per_key} bytes");
}
