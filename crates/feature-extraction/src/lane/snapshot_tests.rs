//! State that is written and read back goes on as if nothing had happened.

use tillwatch_testkit::oracle::Case;
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream::{self, StreamSettings};

use super::feature_lane::FeatureLane;
use super::tests::{bits, engine, fold, lane, whole};
use crate::error::SnapshotError;

/// Everything that a lane holds.
pub(super) fn snapshots(lane: &FeatureLane) -> Vec<Vec<u32>> {
    let mut snapshots: Vec<Vec<u32>> = (0..FeatureLane::BUCKETS)
        .map(|bucket| {
            let mut snapshot = Vec::new();
            lane.write_bucket(bucket, &mut snapshot);
            snapshot
        })
        .collect();
    let mut own = Vec::new();
    lane.write_own(&mut own);
    snapshots.push(own);
    snapshots
}

pub(super) fn restore(lane: &mut FeatureLane, snapshots: &[Vec<u32>]) {
    for (bucket, snapshot) in snapshots[..FeatureLane::BUCKETS].iter().enumerate() {
        lane.read_bucket(bucket, bytemuck::cast_slice(snapshot))
            .unwrap();
    }
    let own = &snapshots[FeatureLane::BUCKETS];
    lane.read_own(bytemuck::cast_slice(own)).unwrap();
}

fn check(seed: u64, max_bytes: Option<u64>) {
    let case = Case::random(seed);
    let (catalog, mut events) = (case.catalog(), case.events);
    let mut engine = engine(&case.settings);
    if let Some(max_bytes) = max_bytes {
        engine.state.max_bytes = tillwatch_records::units::ByteSize(max_bytes);
        events = stream::events(&StreamSettings {
            keys: 300,
            events: 2_000,
            ..StreamSettings::random(seed)
        });
    }
    let mut through = lane(&catalog, &engine, 0);
    let expected = fold(&mut through, &events, &whole(&events));
    for cut in stream::cuts(seed, events.len()) {
        let mut before = lane(&catalog, &engine, 0);
        let mut rows = fold(&mut before, &events[..cut], &whole(&events[..cut]));
        let written = snapshots(&before);
        let mut after = lane(&catalog, &engine, 1);
        restore(&mut after, &written);
        assert!(
            snapshots(&after) == written,
            "seed {seed}: not what was read"
        );
        rows.extend(fold(&mut after, &events[cut..], &whole(&events[cut..])));
        let same = rows
            .iter()
            .zip(&expected)
            .position(|(a, b)| bits(a) != bits(b) || a.flags != b.flags);
        assert!(same.is_none(), "seed {seed}, cut {cut}: {same:?}");
        assert_eq!(rows.len(), expected.len());
        assert!(
            snapshots(&after) == snapshots(&through),
            "seed {seed}, cut {cut}"
        );
    }
}

/// Seeds as for `equals_the_definition`.
#[test]
fn an_interruption_changes_nothing() {
    for seed in seeds(0..60) {
        check(seed, None);
    }
}

#[test]
fn an_interruption_changes_no_eviction() {
    for seed in 0..6 {
        check(seed, Some(96 * 1024));
    }
}

#[test]
fn damage_is_found_and_leaves_the_lane_as_it_was() {
    let case = Case::random(3);
    let (catalog, events) = (case.catalog(), case.events);
    let settings = &engine(&case.settings);
    let mut full = lane(&catalog, settings, 0);
    fold(&mut full, &events, &whole(&events));
    let written = snapshots(&full);
    let bucket = (0..FeatureLane::BUCKETS)
        .max_by_key(|bucket| written[*bucket].len())
        .unwrap();
    let mut other = lane(&catalog, settings, 0);
    let untouched = snapshots(&other);
    let snapshot = &written[bucket];
    for word in (0..snapshot.len()).step_by(7) {
        let mut damaged = snapshot.clone();
        damaged[word] ^= 1 << (word % 32);
        let refused = other.read_bucket(bucket, bytemuck::cast_slice(&damaged));
        assert!(refused.is_err(), "word {word}");
    }
    for length in 0..snapshot.len() {
        let cut = bytemuck::cast_slice(&snapshot[..length]);
        assert!(other.read_bucket(bucket, cut).is_err(), "{length} words");
    }
    let bytes = bytemuck::cast_slice(snapshot);
    assert_eq!(
        other.read_bucket(bucket ^ 1, bytes),
        Err(SnapshotError::Part {
            found: bucket as u32,
            wanted: bucket as u32 ^ 1
        })
    );
    assert_eq!(
        other.read_bucket(bucket, b"abc"),
        Err(SnapshotError::Foreign)
    );
    let elsewhere = Case::random(4).catalog();
    assert_eq!(
        lane(&elsewhere, settings, 0).read_bucket(bucket, bytes),
        Err(SnapshotError::Plan)
    );
    assert!(snapshots(&other) == untouched);
    // Where bytes do not lie as words do, they are read all the same.
    let mut shifted = vec![0u8];
    shifted.extend_from_slice(bytes);
    other.read_bucket(bucket, &shifted[1..]).unwrap();
}
