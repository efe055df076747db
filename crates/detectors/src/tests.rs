//! What must hold of every detector.

use std::path::Path;

use crate::random::SplitMix64;
use crate::snapshot::checksum;
use crate::{
    CutForestSettings, Detector, DetectorError, HalfSpaceSettings, HalfSpaceTrees, Input,
    RandomCutForest,
};

const DIMENSIONS: usize = 5;

/// A file of reference outputs, or nothing and a word about it: they are beside the project, not in it.
pub(crate) fn golden(name: &str) -> Option<serde_json::Value> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/golden");
    let path = directory.join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not here", path.display());
        return None;
    }
    let text = std::fs::read_to_string(&path).expect("the file can be read");
    Some(serde_json::from_str(&text).expect("it is JSON"))
}

/// Inputs that are positions already.
pub(crate) fn inputs(dimensions: usize) -> Vec<Input> {
    let names = (0..dimensions).map(|number| format!("x{number}"));
    names.map(|name| Input::linear(name, 0.0, 1.0)).collect()
}

/// A row of two clusters, with ties, duplicates, missing values and, now and then, something else.
pub(crate) fn random_row(random: &mut SplitMix64, dimensions: usize) -> Vec<f64> {
    let kind = random.next() % 16;
    let center = if kind < 10 { 0.2 } else { 0.7 };
    let mut value = || match kind {
        0 => 0.25,
        1 => (random.next() % 4) as f64 / 4.0,
        2 => random.unit(),
        _ => center + 0.1 * random.unit(),
    };
    let mut row: Vec<f64> = (0..dimensions).map(|_| value()).collect();
    if kind == 3 {
        row[0] = [f64::NAN, f64::INFINITY, -0.0, -5.0][(random.next() % 4) as usize];
    }
    row
}

/// A row of [`inputs`] as scaling makes it.
pub(crate) fn positions(row: &[f64]) -> Vec<f64> {
    let position = |value: &f64| match value.is_nan() {
        true => 0.5,
        false => value.clamp(0.0, 1.0),
    };
    row.iter().map(position).collect()
}

fn half_space(seed: u64) -> Box<dyn Detector> {
    let settings = HalfSpaceSettings {
        seed,
        trees: 10,
        height: 5,
        window: 40,
        inputs: inputs(DIMENSIONS),
    };
    Box::new(HalfSpaceTrees::from_settings(&settings).unwrap())
}

fn cut_forest(seed: u64) -> Box<dyn Detector> {
    let settings = CutForestSettings {
        seed,
        trees: 6,
        sample: 32,
        time_decay: Some(0.01),
        inputs: inputs(DIMENSIONS),
    };
    Box::new(RandomCutForest::from_settings(&settings).unwrap())
}

type Maker = fn(u64) -> Box<dyn Detector>;

const ALL: [Maker; 2] = [half_space, cut_forest];

fn state(detector: &dyn Detector) -> Vec<u8> {
    let mut bytes = Vec::new();
    detector.write(&mut bytes);
    bytes
}

/// Makes the checksum of changed bytes right, so that what is behind it is tested as well.
fn seal(bytes: &mut [u8]) {
    if let Some((content, sum)) = bytes.split_last_chunk_mut::<8>() {
        *sum = checksum(content).to_le_bytes();
    }
}

#[test]
fn what_was_frozen_is_written_in_pieces_while_the_detector_goes_on() {
    for make in ALL {
        for bytes in [1, 100, usize::MAX] {
            let mut random = SplitMix64::new(bytes as u64);
            let (mut detector, mut other) = (make(1), make(1));
            for _ in 0..90 {
                let row = random_row(&mut random, DIMENSIONS);
                detector.score_and_learn(&row);
                other.score_and_learn(&row);
            }
            // What it has scored and not learnt is no part of it.
            let before = state(&*detector);
            detector.score(&random_row(&mut random, DIMENSIONS));
            let mut frozen = detector.freeze();
            // Others are appended to the same buffer.
            let mut written = b"before".to_vec();
            let mut pieces = 1;
            while !frozen.write_some(&mut written, bytes) {
                pieces += 1;
                let row = random_row(&mut random, DIMENSIONS);
                let scores = [&mut detector, &mut other].map(|one| one.score_and_learn(&row));
                assert_eq!(scores[0].to_bits(), scores[1].to_bits());
            }
            assert_eq!(written.split_off(6), before, "pieces of {bytes}");
            assert_eq!(pieces > 5, bytes <= 100, "{pieces} pieces of {bytes}");
            assert_eq!(state(&*detector), state(&*other));
        }
    }
}

#[test]
fn an_interruption_changes_nothing() {
    for make in ALL {
        for seed in 0..6 {
            let mut random = SplitMix64::new(100 + seed);
            let mut whole = make(seed);
            let mut parted = make(seed);
            for number in 0..300 {
                let row = random_row(&mut random, DIMENSIONS);
                if random.next().is_multiple_of(23) {
                    let bytes = state(&*parted);
                    // What it is read into has a past of its own.
                    let mut next = make(seed);
                    for _ in 0..random.next() % 100 {
                        next.score_and_learn(&random_row(&mut random, DIMENSIONS));
                    }
                    next.read(&bytes).unwrap();
                    assert_eq!(state(&*next), bytes, "written again");
                    assert_eq!(next.is_warm(), parted.is_warm());
                    parted = next;
                }
                let scores = [whole.score(&row), parted.score(&row)];
                assert_eq!(scores[0].to_bits(), scores[1].to_bits(), "row {number}");
                let mut contributions = [[0.0; DIMENSIONS]; 2];
                whole.attribution(&mut contributions[0]);
                parted.attribution(&mut contributions[1]);
                assert_eq!(contributions[0], contributions[1], "row {number}");
                whole.learn();
                parted.learn();
            }
            assert_eq!(state(&*whole), state(&*parted));
        }
    }
}

#[test]
fn a_row_is_learnt_once_and_only_if_asked() {
    for make in ALL {
        let mut random = SplitMix64::new(5);
        let mut detector = make(1);
        for _ in 0..90 {
            detector.score_and_learn(&random_row(&mut random, DIMENSIONS));
        }
        let before = state(&*detector);
        detector.learn();
        assert_eq!(state(&*detector), before, "there is nothing to learn");
        let mut contributions = [1.0; DIMENSIONS];
        detector.attribution(&mut contributions);
        assert_eq!(
            contributions, [0.0; DIMENSIONS],
            "there is nothing to explain"
        );
        let row = random_row(&mut random, DIMENSIONS);
        let score = detector.score(&row);
        assert_eq!(detector.score(&row).to_bits(), score.to_bits());
        assert_eq!(state(&*detector), before, "a score leaves no trace");
        detector.learn();
        assert_ne!(state(&*detector), before);
    }
}

#[test]
fn what_a_row_lacks_is_missing() {
    for make in ALL {
        let mut random = SplitMix64::new(6);
        let mut detector = make(1);
        for _ in 0..90 {
            detector.score_and_learn(&random_row(&mut random, DIMENSIONS));
        }
        let missing = detector.score(&[0.1, f64::NAN, 0.3, f64::NAN, f64::NAN]);
        assert_eq!(detector.score(&[0.1, f64::NAN, 0.3]), missing);
        assert_eq!(detector.score(&[0.1, 0.5, 0.3, 0.5, 0.5, 9.0]), missing);
    }
}

#[test]
fn seeds_make_the_difference() {
    for make in ALL {
        let run = |seed| -> Vec<u64> {
            let mut random = SplitMix64::new(3);
            let mut detector = make(seed);
            let rows = (0..120).map(|_| random_row(&mut random, DIMENSIONS));
            rows.map(|row| detector.score_and_learn(&row).to_bits())
                .collect()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}

#[test]
fn foreign_state_is_refused() {
    for (make, other) in [(ALL[0], ALL[1]), (ALL[1], ALL[0])] {
        let mut detector = make(1);
        for bytes in [
            state(&*make(2)),
            state(&*other(1)),
            b"no state at all".to_vec(),
        ] {
            let error = detector.read(&bytes).unwrap_err();
            assert!(matches!(error, DetectorError::Foreign { .. }), "{error}");
        }
        assert!(detector.read(&[]).is_err());
        let mut longer = state(&*detector);
        longer.extend([0; 8]);
        seal(&mut longer);
        assert!(detector.read(&longer).is_err());
    }
}

#[test]
fn any_change_of_a_byte_is_noticed() {
    for make in ALL {
        let mut random = SplitMix64::new(8);
        let mut detector = make(1);
        for _ in 0..100 {
            detector.score_and_learn(&random_row(&mut random, DIMENSIONS));
        }
        let bytes = state(&*detector);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (random.next() % 8);
            assert!(detector.read(&changed).is_err(), "byte {at}");
        }
        for length in 0..bytes.len() {
            assert!(detector.read(&bytes[..length]).is_err(), "length {length}");
        }
        assert_eq!(state(&*detector), bytes, "it is as it was");
    }
}

#[test]
fn forged_state_never_panics() {
    for make in ALL {
        let mut random = SplitMix64::new(12);
        let mut detector = make(1);
        for _ in 0..200 {
            detector.score_and_learn(&random_row(&mut random, DIMENSIONS));
        }
        let bytes = state(&*detector);
        let memory = detector.state_bytes();
        let mut accepted = 0;
        for _ in 0..3_000 {
            let mut forged = bytes.clone();
            for _ in 0..=random.next() % 3 {
                // Nothing is behind the header if that is wrong.
                let at = 20 + (random.next() as usize) % (forged.len() - 20);
                forged[at] = match random.next() % 4 {
                    0 => 0,
                    1 => 0xff,
                    2 => forged[at].wrapping_add(1),
                    _ => random.next() as u8,
                };
            }
            if random.next().is_multiple_of(8) {
                forged.truncate(20 + (random.next() as usize) % (forged.len() - 20));
            }
            seal(&mut forged);
            let mut victim = make(1);
            if victim.read(&forged).is_err() {
                continue;
            }
            // What was taken can be gone on with: rows are scored, taken in and given up.
            accepted += 1;
            for _ in 0..60 {
                let score = victim.score_and_learn(&random_row(&mut random, DIMENSIONS));
                assert!((0.0..=1.0).contains(&score), "{score}");
            }
            assert!(victim.state_bytes() <= 2 * memory);
        }
        assert!(accepted > 0, "some changes are of no consequence");
    }
}

#[test]
fn memory_is_bounded() {
    for make in ALL {
        let mut random = SplitMix64::new(4);
        let mut detector = make(1);
        let mut most = 0;
        for number in 0..2_000 {
            detector.score_and_learn(&random_row(&mut random, DIMENSIONS));
            if number == 200 {
                most = detector.state_bytes();
            }
        }
        assert_eq!(detector.state_bytes(), most);
        assert!(state(&*detector).len() < most);
    }
}

#[test]
fn a_copy_goes_its_own_way() {
    let settings = CutForestSettings {
        seed: 1,
        trees: 4,
        sample: 50,
        time_decay: None,
        inputs: inputs(DIMENSIONS),
    };
    let mut random = SplitMix64::new(4);
    let empty = RandomCutForest::from_settings(&settings).unwrap();
    let mut forest = empty.clone();
    for _ in 0..30 {
        forest.score_and_learn(&random_row(&mut random, DIMENSIONS));
    }
    let mut copy = forest.clone();
    let before = state(&copy);
    for _ in 0..100 {
        let row = random_row(&mut random, DIMENSIONS);
        forest.score_and_learn(&row);
    }
    assert_eq!(state(&copy), before);
    for _ in 0..100 {
        copy.score_and_learn(&random_row(&mut random, DIMENSIONS));
    }
    // A copy has room for what it will learn, so that it does not grow beyond that.
    assert!(copy.state_bytes() <= empty.state_bytes());
}

/// State and scores of every machine and version: another number is another detector.
#[test]
fn the_bits_are_those_of_every_machine() {
    let found = ALL.map(|make| {
        let mut random = SplitMix64::new(77);
        let mut detector = make(3);
        let mut bytes = Vec::new();
        let mut contributions = [0.0; DIMENSIONS];
        for _ in 0..400 {
            let score = detector.score(&random_row(&mut random, DIMENSIONS));
            detector.attribution(&mut contributions);
            bytes.extend(score.to_le_bytes());
            contributions
                .iter()
                .for_each(|share| bytes.extend(share.to_le_bytes()));
            detector.learn();
        }
        detector.write(&mut bytes);
        checksum(&bytes)
    });
    assert_eq!(
        found,
        [8_585_757_423_444_806_857, 12_238_364_009_620_038_039]
    );
}
