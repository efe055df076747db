use super::*;
use crate::tests::{DAY_MS, Sample, assert_close, samples};

fn life(ms: i64) -> HalfLife {
    HalfLife::new(ms)
}

/// Spreads small numbers over the hashes, as the engine's hash does.
fn hash(kind: u64) -> u64 {
    kind.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn filled(seed: u64, count: usize, half_life_ms: i64) -> Cohorts {
    let mut cohorts = Cohorts::new(2, NEVER_MS);
    for s in samples(seed, count) {
        cohorts.update(life(half_life_ms), s.time_ms, hash(s.kind), s.value > 200.0);
    }
    cohorts
}

#[test]
fn older_records_count_less() {
    let mut cohorts = Cohorts::new(2, NEVER_MS);
    assert_eq!(cohorts.share(7, 0.3), 0.3);
    cohorts.update(life(1000), 0, 7, true);
    assert_eq!(cohorts.share(7, 0.3), 1.0);
    cohorts.update(life(1000), 1000, 7, false);
    assert_close(cohorts.share(7, 0.3), 1.0 / 3.0);
    assert_eq!(cohorts.share(8, 0.3), 0.3);
    cohorts.update(life(1000), 1000, 0, true);
    assert_eq!(cohorts.share(0, 0.3), 0.3);
    // Nothing is left of the first two.
    cohorts.update(life(1000), 1_000_000_000, 7, false);
    assert_eq!(cohorts.share(7, 0.3), 0.0);
}

#[test]
fn is_the_definition_on_random_records() {
    for (seed, half_life_ms) in [(1, 28 * DAY_MS), (2, DAY_MS / 3), (3, 60_000)] {
        let samples = samples(seed, 1000);
        let mut cohorts = Cohorts::new(2, NEVER_MS);
        for (n, sample) in samples.iter().enumerate() {
            let same = |s: &&Sample| s.kind == sample.kind;
            let weigh =
                |s: &Sample| ((s.time_ms - sample.time_ms) as f64 / half_life_ms as f64).exp2();
            let before = || samples[..n].iter().filter(same);
            let base: f64 = before().map(weigh).sum();
            let part: f64 = before().filter(|s| s.value > 200.0).map(weigh).sum();
            let is_first = before().next().is_none();
            let expected = if is_first { 0.5 } else { part / base };
            let found = cohorts.share(hash(sample.kind), 0.5);
            // Below, the naive sums have lost their digits.
            if is_first || (base > 1e-100 && expected > 1e-100) {
                assert_close(found, expected);
            } else {
                assert!((0.0..=1.0).contains(&found), "{found}");
            }
            let is_part = sample.value > 200.0;
            let cohort = hash(sample.kind);
            cohorts.update(life(half_life_ms), sample.time_ms, cohort, is_part);
        }
    }
}

#[test]
fn the_number_of_cohorts_is_bounded() {
    let mut cohorts = Cohorts::new(2, NEVER_MS);
    for kind in 1..=COHORTS_MAX as u64 + 5 {
        cohorts.update(life(1000), 0, hash(kind), true);
    }
    assert_eq!(cohorts.share(hash(COHORTS_MAX as u64), 0.25), 1.0);
    assert_eq!(cohorts.share(hash(COHORTS_MAX as u64 + 1), 0.25), 0.25);
    cohorts.update(life(1000), 0, hash(1), false);
    assert_eq!(cohorts.share(hash(1), 0.25), 0.5);
    assert!(cohorts.bytes() < 6_500_000, "{}", cohorts.bytes());
    check_restored(&mut cohorts);
}

/// The entries of a cut of all of them, in order.
fn written(cohorts: &mut Cohorts) -> Entries {
    let mut entries = Entries::default();
    cohorts.track(Space::cohorts(1));
    cohorts.begin_cut();
    while !cohorts.is_cut_whole() {
        cohorts.continue_cut(&mut entries, 100);
    }
    entries.sort();
    entries
}

#[track_caller]
fn check_restored(cohorts: &mut Cohorts) {
    let entries = written(cohorts);
    let mut restored = Cohorts::new(2, NEVER_MS);
    restored.begin_restore(cohorts.own());
    for entry in entries.iter() {
        assert_eq!(Cohorts::ratio_of(&entry), Some(2));
        restored.restore(&entry).expect("what was written is read");
        assert!(restored.restore(&entry).is_none(), "twice");
    }
    assert!(restored.is_restored(cohorts.own()));
    assert_eq!(restored.bytes(), cohorts.bytes());
    assert!(written(&mut restored) == entries);
}

#[test]
fn is_restored_as_it_was() {
    check_restored(&mut Cohorts::new(2, NEVER_MS));
    for kinds in 1..200 {
        let mut cohorts = Cohorts::new(2, NEVER_MS);
        for kind in 1..=kinds {
            cohorts.update(life(1000), kind as i64, hash(kind), kind % 3 == 0);
        }
        check_restored(&mut cohorts);
    }
}

#[test]
fn what_is_corrupt_is_refused() {
    let mut cohorts = filled(5, 300, DAY_MS);
    let own = cohorts.own();
    let entries = written(&mut cohorts);
    let entry = entries.iter().next().unwrap();
    let image = entry.image.unwrap();
    let refuses = |entry: Entry<'_>| {
        let mut other = Cohorts::new(2, NEVER_MS);
        other.begin_restore(own);
        assert!(other.restore(&entry).is_none(), "{entry:?}");
        other
    };
    for length in 0..image.len() {
        let image = Some(&image[..length]);
        refuses(Entry { image, ..entry });
    }
    refuses(Entry {
        image: None,
        ..entry
    });
    refuses(Entry {
        hash: entry.hash ^ 1,
        ..entry
    });
    for length in 0..entry.key.len() {
        let key = &entry.key[..length];
        refuses(Entry { key, ..entry });
    }
    let of_another_ratio: Vec<u8> = [&[3], &entry.key[1..]].concat();
    let key = &of_another_ratio;
    assert_eq!(Cohorts::ratio_of(&Entry { key, ..entry }), Some(3));
    let base = f64::from_le_bytes(image[8..16].try_into().unwrap());
    let changes = [
        (0, f64::NAN),
        (8, f64::NAN),
        (8, 0.0),
        (8, f64::INFINITY),
        (16, f64::NAN),
        (16, -1.0),
        (16, base * 2.0),
    ];
    for (at, number) in changes {
        let mut image = image.to_vec();
        image[at..at + 8].copy_from_slice(&number.to_le_bytes());
        let image = Some(&*image);
        let other = refuses(Entry { image, ..entry });
        assert!(!other.is_restored(own), "one is missing");
    }
}

#[test]
fn room_that_cannot_be_is_refused() {
    let read =
        |[cohorts, room]: [u32; 2]| CohortsOwn::read_from(&mut [cohorts, room, 0, 0].as_slice());
    assert!(read([3, 3]).is_some());
    assert!(read([4, 3]).is_none());
    assert!(read([3, CAPACITY_MAX as u32 + 1]).is_none());
    let too_many = COHORTS_MAX as u32 + 1;
    assert!(read([too_many, CAPACITY_MAX as u32]).is_none());
    assert!(CohortsOwn::read_from(&mut [3, 3, 0].as_slice()).is_none());
}
