//! State that was damaged, with a checksum that says otherwise: it is refused, or the lane goes on.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::units::ByteSize;
use tillwatch_records::{Entry, RecordKind};
use tillwatch_testkit::oracle::{Case, OracleFeature};
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream::START_MS;
use twox_hash::XxHash3_64;

use super::cut_tests::Dump;
use super::tests::{engine, fold, lane, whole};
use crate::error::SnapshotError;
use crate::settings::EngineSettings;

/// Words of a part before what it says, the last two of them the length of that.
const HEADER_WORDS: usize = 8;

/// Damages per case.
const DAMAGES: u64 = 30;

/// Records that a lane goes on with: cursors move, rows expire, late ones are put between.
const RECORDS_AFTER: usize = 60;

/// Longest that one damage may take: thousands of times what it does.
const DAMAGE_MAX: Duration = Duration::from_secs(60);

/// Failures after which no more are looked for.
const FAILURES_MAX: usize = 10;

/// Bytes of state per byte of images, at most: a key whose queues and holdings are empty has the least.
const BYTES_PER_BYTE: u64 = 32;

/// Budget of a lane, which bounds the room that a damaged part may ask for.
const BUDGET_BYTES: u64 = 1024 * 1024;

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

/// Changes what is between the header of a part and its checksum, which is made anew.
fn damage_part(random: &mut ChaCha8Rng, part: &mut Vec<u8>) {
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(part);
    let mut payload = words[HEADER_WORDS..words.len() - 2].to_vec();
    damage(random, &mut payload);
    let mut words = words[..HEADER_WORDS - 2].to_vec();
    words.extend([payload.len() as u32, 0]);
    words.extend(payload);
    let checksum = XxHash3_64::oneshot(bytemuck::cast_slice(&words));
    words.extend([checksum as u32, (checksum >> 32) as u32]);
    *part = bytemuck::cast_slice(&words).to_vec();
}

/// A catalog of which state is taken over in part: that of the case without its first feature, and with what
/// reads other fields.
fn edited(case: &Case) -> String {
    let more = "[[feature]]\nname = \"more\"\naggregate = \"sum\"\ncolumn = \"amount_minor\"\n\
                filter = \"mcc = '1'\"\nwindow = \"5m\"\n";
    let mut features = case.features.clone();
    let first = features.remove(0);
    let kinds = |features: &[OracleFeature]| -> BTreeSet<RecordKind> {
        let kinds = features.iter().map(|feature| feature.record_type);
        kinds.chain([RecordKind::Transaction]).collect()
    };
    if kinds(&features) != kinds(&case.features) {
        features.push(first);
    }
    let case = Case {
        features,
        ..case.clone()
    };
    format!("{}{more}", case.catalog())
}

/// Reads what `written` holds, damaged in the one place that `seed` chooses and as it says, and folds on
/// where it is taken.
fn try_damage(case: &Case, settings: &EngineSettings, written: &Dump, seed: u64) -> Outcome {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let catalog = match seed % 3 {
        0 => edited(case),
        _ => case.catalog(),
    };
    let mut lane = lane(&catalog, settings, 0);
    let mut dump = written.clone();
    let of_entry = (random.random_range(0..6) > 0).then(|| {
        let number = random.random_range(0..dump.live.len().max(1));
        dump.live.values_mut().nth(number)
    });
    if let Some(Some(image)) = of_entry {
        let mut words = bytemuck::pod_collect_to_vec(image);
        damage(&mut random, &mut words);
        *image = bytemuck::cast_slice(&words).to_vec();
    } else {
        damage_part(&mut random, &mut dump.part);
    }
    if dump.restore(&mut lane).is_err() {
        return Outcome::Refused;
    }
    let images = dump.live.values().map(Vec::len).sum::<usize>();
    let (held, most) = (lane.stats().state_bytes, BYTES_PER_BYTE * images as u64);
    assert!(held <= most + BUDGET_BYTES, "{held} bytes of {images}");
    let events = &case.events[case.events.len() / 2..];
    let events = &events[..events.len().min(RECORDS_AFTER)];
    fold(&mut lane, events, &whole(events));
    Dump::of(&mut lane);
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
        let mut settings = engine(&case.settings);
        settings.state.max_bytes = ByteSize(BUDGET_BYTES);
        let mut before = lane(&case.catalog(), &settings, 0);
        fold(&mut before, events, &whole(events));
        let written = Dump::of(&mut before);
        for seed in number * DAMAGES..(number + 1) * DAMAGES {
            next.send((number, seed)).unwrap();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                try_damage(&case, &settings, &written, seed)
            }));
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

/// A lane that has seen something, and what is written of it.
fn written() -> (Case, Dump) {
    let case = Case::random(3);
    let mut full = lane(&case.catalog(), &engine(&case.settings), 0);
    fold(&mut full, &case.events, &whole(&case.events));
    let dump = Dump::of(&mut full);
    assert!(!dump.live.is_empty());
    (case, dump)
}

#[test]
fn a_part_that_is_changed_or_cut_off_is_refused() {
    let (case, dump) = written();
    let refused = |part: Vec<u8>| {
        let live = dump.live.clone();
        let mut lane = lane(&case.catalog(), &engine(&case.settings), 0);
        Dump { part, live }.restore(&mut lane).unwrap_err()
    };
    for byte in 0..dump.part.len() {
        let mut part = dump.part.clone();
        part[byte] ^= 1 << (byte % 8);
        refused(part);
        refused(dump.part[..byte].to_vec());
    }
    refused([&dump.part[..], &[0; 4]].concat());
    assert_eq!(refused(b"abc".to_vec()), SnapshotError::Foreign);
    let mut settings = engine(&case.settings);
    settings.time.dedup_horizon = tillwatch_records::units::DurationMs::from_ms(7);
    let mut other = lane(&case.catalog(), &settings, 0);
    assert_eq!(dump.restore(&mut other), Err(SnapshotError::Plan));
}

#[test]
fn an_image_that_is_cut_off_or_prolonged_is_refused() {
    let (case, dump) = written();
    let (name, image) = dump.live.iter().max_by_key(|(_, i)| i.len()).unwrap();
    let lengths = (0..image.len()).step_by(3).chain([image.len() - 4]);
    let changed = lengths.map(|length| image[..length].to_vec());
    for image in changed.chain([[&image[..], &[0; 4]].concat()]) {
        let mut dump = dump.clone();
        dump.live.insert(name.clone(), image);
        let mut lane = lane(&case.catalog(), &engine(&case.settings), 0);
        assert!(dump.restore(&mut lane).is_err());
    }
}

#[test]
fn entries_that_do_not_belong_are_refused() {
    let (case, dump) = written();
    let new = || lane(&case.catalog(), &engine(&case.settings), 0);
    let all = dump.live.iter().map(|((space, hash, key), image)| Entry {
        space: *space,
        hash: *hash,
        key,
        image: Some(image),
    });
    let all: Vec<Entry<'_>> = all.collect();
    assert!(new().restore(&all[0]).is_err(), "without a part");
    assert!(new().end_restore().is_err(), "without a part");
    let begun = || {
        let mut lane = new();
        lane.begin_restore(&dump.part).unwrap();
        assert!(!lane.begin_cut(&mut Vec::new()));
        lane
    };
    let wrong = [
        Entry {
            image: None,
            ..all[0]
        },
        Entry {
            hash: !all[0].hash,
            ..all[0]
        },
        Entry {
            space: tillwatch_records::Space::ALERTS,
            ..all[0]
        },
        Entry {
            key: b"another",
            ..all[0]
        },
    ];
    for entry in wrong {
        assert!(begun().restore(&entry).is_err(), "{entry:?}");
    }
    for entry in &all {
        let mut lane = begun();
        lane.restore(entry).unwrap();
        assert!(lane.restore(entry).is_err(), "twice: {entry:?}");
    }
    let mut lane = begun();
    for entry in &all[1..] {
        lane.restore(entry).unwrap();
    }
    assert!(lane.end_restore().is_err(), "one is missing");
    // What bytes come before it decides nothing.
    let mut lane = begun();
    for entry in &all {
        let shifted = [&[0], entry.image.unwrap()].concat();
        let image = Some(&shifted[1..]);
        lane.restore(&Entry { image, ..*entry }).unwrap();
    }
    lane.end_restore().unwrap();
    assert!(Dump::of(&mut lane) == dump);
}
