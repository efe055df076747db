//! Arbitrary bytes as what a detector has learnt, behind a right header and checksum: they are refused, or
//! the detector goes on from them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwatch_detectors::{
    CutForestSettings, Detector, HalfSpaceSettings, HalfSpaceTrees, Input, RandomCutForest,
};

/// Bytes before what a detector writes of its own, and of the checksum behind it.
const HEADER: usize = 20;
const CHECKSUM: usize = 8;

/// Rows that a detector goes on with: all samples and windows are exchanged.
const ROWS: usize = 40;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, payload)) = bytes.split_first() else {
        return;
    };
    let inputs: Vec<Input> = ["a", "b", "c"]
        .map(|name| Input::linear(name, 0.0, 1.0))
        .into();
    if kind.is_multiple_of(2) {
        let settings = HalfSpaceSettings {
            seed: 1,
            trees: 3,
            height: 3,
            window: 8,
            inputs,
        };
        check(HalfSpaceTrees::from_settings(&settings), payload);
    } else {
        let settings = CutForestSettings {
            seed: 1,
            trees: 2,
            sample: 8,
            time_decay: None,
            inputs,
        };
        check(RandomCutForest::from_settings(&settings), payload);
    }
});

fn check<D: Detector, E: std::fmt::Debug>(detector: Result<D, E>, payload: &[u8]) {
    let mut detector = detector.expect("the settings are right");
    let mut own = Vec::new();
    detector.write(&mut own);
    let end = own.len() - CHECKSUM;
    let own_sum = checksum(&own[..end]).to_le_bytes();
    assert_eq!(
        own_sum,
        own[end..],
        "the checksum here is that of the crate"
    );

    let mut state = own[..HEADER].to_vec();
    state.extend(payload);
    state.extend(checksum(&state).to_le_bytes());
    if detector.read(&state).is_err() {
        let mut after = Vec::new();
        detector.write(&mut after);
        assert_eq!(after, own, "it is as it was");
        return;
    }
    let before = detector.state_bytes();
    for row in 0..ROWS {
        let values = [0.1, 0.7, 1.0].map(|step| (row as f64 * step).fract());
        let score = detector.score_and_learn(&values);
        assert!((0.0..=1.0).contains(&score), "{score}");
    }
    assert!(detector.state_bytes() <= 2 * before);
    // What it has learnt since is as good as any state.
    let mut later = Vec::new();
    detector.write(&mut later);
    detector.read(&later).expect("its own state");
}

/// The fingerprint that the crate seals state with: SplitMix64's mixing over words.
fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|byte| u64::from(*byte));
    let mut sum = 0_u64;
    let length = std::iter::once(bytes.len() as u64);
    for word in words.chain(rest).chain(length) {
        let mut mixed = sum.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ word;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        sum = mixed ^ (mixed >> 31);
    }
    sum
}
