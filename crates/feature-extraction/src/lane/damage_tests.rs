//! State that was damaged, with a checksum that says otherwise: it is refused, or the lane goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_testkit::oracle::Case;
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream::START_MS;

use super::feature_lane::FeatureLane;
use super::snapshot_tests::{restore, snapshots};
use super::tests::{engine, fold, lane, whole};
use crate::snapshot::{self, LANE};

/// Damages per case.
const DAMAGES: u64 = 30;

/// Records that a lane goes on with: cursors move, rows expire, late ones are put between.
const RECORDS_AFTER: usize = 60;

/// Longest that one damage may take: thousands of times what it does.
const DAMAGE_MAX: Duration = Duration::from_secs(60);

/// Failures after which no more are looked for.
const FAILURES_MAX: usize = 10;

/// Bytes of state per byte of a snapshot, at most: a key whose queues and holdings are empty has the least.
const BYTES_PER_BYTE: usize = 32;

/// Words that lie at the ends of what numbers can be.
const EXTREMES: [u32; 7] = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0x7ff0_0000, u32::MAX];

/// Times and totals that lie at the ends, or where sums with them do.
const WIDE_EXTREMES: [i64; 6] = [
    i64::MIN,
    i64::MIN + 1,
    i64::MAX,
    i64::MAX - 1,
    i64::MIN / 2,
    START_MS,
];

/// What one try says.
enum Outcome {
    Refused,
    Taken,
}

fn damage(random: &mut ChaCha8Rng, payload: &mut Vec<u32>) {
    for _ in 0..random.random_range(1..4) {
        if payload.is_empty() {
            return;
        }
        let at = random.random_range(0..payload.len());
        let any = payload[random.random_range(0..payload.len())];
        let extreme = EXTREMES[random.random_range(0..EXTREMES.len())];
        let wide = WIDE_EXTREMES[random.random_range(0..WIDE_EXTREMES.len())];
        match random.random_range(0..9) {
            0 => payload[at] ^= 1 << random.random_range(0..32),
            1 => payload[at] = extreme,
            2 => payload[at] = payload[at].wrapping_add(random.random_range(1..4)),
            3 => payload[at] = payload[at].wrapping_sub(random.random_range(1..4)),
            4 => payload[at] = any,
            5 => payload[at..].iter_mut().take(2).for_each(|w| *w = extreme),
            6 => drop(payload.remove(at)),
            7 => payload.insert(at, any),
            _ => {
                let halves = [wide as u32, (wide >> 32) as u32];
                payload[at..]
                    .iter_mut()
                    .zip(halves)
                    .for_each(|(w, half)| *w = half);
            }
        }
        if random.random_range(0..20) == 0 {
            payload.truncate(at);
        }
    }
}

/// Reads the part of a lane that `seed` chooses, damaged as it says, and folds on where it is taken.
fn try_damage(case: &Case, written: &[Vec<u32>], seed: u64) -> Outcome {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let settings = &engine(&case.settings);
    let mut lane = lane(&case.catalog(), settings, 0);
    restore(&mut lane, written);
    let fingerprint = snapshot::fingerprint(&lane.plan, &lane.key);
    let filled: Vec<usize> = (0..FeatureLane::BUCKETS)
        .filter(|bucket| lane.keys.bucket(*bucket).len() > 0)
        .collect();
    let is_own = filled.is_empty() || random.random_range(0..6) == 0;
    let (part, kind) = if is_own {
        (FeatureLane::BUCKETS, LANE)
    } else {
        let bucket = filled[random.random_range(0..filled.len())];
        (bucket, bucket as u32)
    };
    let mut payload = snapshot::open(&written[part], kind, fingerprint)
        .unwrap()
        .to_vec();
    damage(&mut random, &mut payload);
    let mut damaged = Vec::new();
    snapshot::write(&mut damaged, kind, fingerprint, |out| {
        out.extend_from_slice(&payload);
    });
    let bytes = bytemuck::cast_slice(&damaged);
    let taken = if is_own {
        lane.read_own(bytes)
    } else {
        lane.read_bucket(part, bytes)
    };
    if taken.is_err() {
        assert!(
            snapshots(&lane) == written,
            "what is refused changes nothing"
        );
        return Outcome::Refused;
    }
    if !is_own {
        let held = lane.keys.bucket(part).bytes();
        let most = BYTES_PER_BYTE * bytes.len();
        assert!(held <= most, "{held} bytes of {} bytes", bytes.len());
    }
    let events = &case.events[case.events.len() / 2..];
    let events = &events[..events.len().min(RECORDS_AFTER)];
    fold(&mut lane, events, &whole(events));
    snapshots(&lane);
    lane.stats();
    Outcome::Taken
}

/// Tries every damage of every case, says which one is next, and gives the failures and how many were
/// refused and taken.
fn try_all(next: &Sender<(u64, u64)>) -> (Vec<String>, usize, usize) {
    let (mut failures, mut refused, mut taken) = (Vec::new(), 0, 0);
    for number in seeds(0..200) {
        let case = Case::random(number);
        let events = &case.events[..case.events.len() / 2];
        let mut before = lane(&case.catalog(), &engine(&case.settings), 0);
        fold(&mut before, events, &whole(events));
        let written = snapshots(&before);
        for seed in number * DAMAGES..(number + 1) * DAMAGES {
            next.send((number, seed)).unwrap();
            let outcome = catch_unwind(AssertUnwindSafe(|| try_damage(&case, &written, seed)));
            match outcome {
                Ok(Outcome::Taken) => taken += 1,
                Ok(Outcome::Refused) => refused += 1,
                Err(_) => failures.push(format!("case {number}, damage {seed}")),
            }
            if failures.len() == FAILURES_MAX {
                return (failures, refused, taken);
            }
        }
    }
    (failures, refused, taken)
}

/// Seeds as for `equals_the_definition`: `TILLWATCH_SEED` names the case, and its damages follow from it.
/// Why one panicked is printed where it does.
#[test]
fn damaged_state_is_refused_or_harmless() {
    let (next, nexts) = mpsc::channel();
    let trying = std::thread::spawn(move || try_all(&next));
    let mut last = None;
    loop {
        match nexts.recv_timeout(DAMAGE_MAX) {
            Ok(damage) => last = Some(damage),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("(case, damage) {last:?} does not end"),
        }
    }
    let (failures, refused, taken) = trying.join().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("; "));
    assert!(
        refused > taken / 4 && taken > refused / 20,
        "{refused} refused, {taken} taken"
    );
}
