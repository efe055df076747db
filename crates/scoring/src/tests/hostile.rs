//! Model directories that were damaged: every one is refused or becomes a model, and neither panics.

use super::*;

/// Damaged directories made of each whole one.
const EACH: usize = 400;

/// Digits of a whole number in a damaged file, at most: sizes stay those of a test.
const DIGITS_MAX: usize = 4;

const CUT_FOREST: &str = r#"
seed = 7
trees = 3
sample = 4

[[inputs]]
name = "count_24h"
low = 0.0
high = 100.0

[[inputs]]
name = "decline_ratio_5m"
scale = "log1p"
low = 0.0
high = 1.0
"#;

const LOGISTIC_JSON: &str = r#"{"intercept": -3.0, "term": [
{"input": "amount_minor", "coefficient": 0.5, "mean": 1000.0, "scale": 1000.0},
{"input": "count_24h", "coefficient": 0.25, "missing": 4.0}]}"#;

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn whole() -> Vec<(&'static str, ModelFiles)> {
    let cut_forest = learning::STRANGE_TOML
        .replace("half_space_trees", "random_cut_forest")
        .replace(
            "raw = [0.0, 0.9, 1.0]\nprobability = [0.0, 0.1, 1.0]",
            "slope = 2.5\nintercept = -1.0",
        )
        .replace("isotonic", "platt");
    // Golden vectors refuse nearly everything that was changed; the ensembles' member has them.
    let bare = LOGISTIC_TOML.replace("golden = \"golden.json\"", "");
    let json = bare.replace("line.toml", "line.json");
    let line = |name, text| [(name, text), ("golden.json", GOLDEN)];
    vec![
        ("rules", files(RULES_TOML, &[("rules.toml", RULES)])),
        ("logistic", files(&bare, &line("line.toml", LOGISTIC))),
        (
            "logistic as JSON",
            files(&json, &line("line.json", LOGISTIC_JSON)),
        ),
        ("half-space trees", learning::strange()),
        (
            "random cut forest",
            files(&cut_forest, &[("trees.toml", CUT_FOREST)]),
        ),
        ("ensemble", both(BOTH_TOML)),
        (
            "stacking",
            both(&BOTH_TOML.replace("\"max\"", "\"stacking\"\nintercept = 0.5")),
        ),
    ]
}

/// Changes one place of `text`, which may no longer be text then.
fn damage(rng: &mut Rng, text: &mut Vec<u8>) {
    const INSTEAD: [&[u8]; 20] = [
        b"", b"\"", b"\n", b"[", b"]", b"[[", b"{", b"}", b"=", b",", b"-", b"0", b"9", b"nan",
        b"-inf", b"1e308", b"null", b"true", b"\\u0000", b"\xff",
    ];
    let at = rng.below(text.len());
    let end = (at + rng.below(24)).min(text.len());
    match rng.below(6) {
        0 => text.truncate(at),
        1 => drop(text.drain(at..end)),
        2 => {
            let copy = text[at..end].to_vec();
            text.splice(at..at, copy);
        }
        // A number becomes another one: the file stays well-formed and says something else.
        3 | 4 => {
            let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
            let Some(start) = text[at..]
                .iter()
                .position(is_part)
                .map(|offset| at + offset)
            else {
                return;
            };
            let length = text[start..]
                .iter()
                .take_while(|byte| is_part(byte))
                .count();
            let numbers: [&[u8]; 9] = [
                b"-1", b"0", b"1", b"-0.0", b"5e-324", b"1.7e308", b"nan", b"inf", b"3000",
            ];
            text.splice(start..start + length, numbers[rng.below(9)].iter().copied());
        }
        _ => drop(text.splice(
            at..(at + 1).min(text.len()),
            INSTEAD[rng.below(20)].iter().copied(),
        )),
    }
}

/// All files of a directory and its members', model.toml being the text at `None`.
fn damage_one(rng: &mut Rng, files: &mut ModelFiles) {
    let members = files.members.len();
    if members > 0 && rng.below(2) == 0 {
        let member = rng.below(members);
        if let Some(member) = files.members.values_mut().nth(member) {
            return damage_one(rng, member);
        }
    }
    let which = rng.below(files.files.len() + 1);
    match files.files.values_mut().nth(which) {
        Some(bytes) => damage(rng, bytes),
        None => {
            let mut bytes = std::mem::take(&mut files.description).into_bytes();
            damage(rng, &mut bytes);
            files.description = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

/// Whether a detector may have become larger than a test has time for.
fn is_large(files: &ModelFiles) -> bool {
    let has_long_number = |bytes: &[u8]| {
        let mut words = bytes.split(|byte| !byte.is_ascii_digit());
        words.any(|word| word.len() > DIGITS_MAX)
    };
    (files.files.iter()).any(|(name, bytes)| name == "trees.toml" && has_long_number(bytes))
}

#[test]
fn damaged_directories_are_refused_or_score() {
    let mut rng = Rng(51);
    for (what, files) in whole() {
        let (mut read, mut refused) = (0, 0);
        for _ in 0..EACH {
            let mut files = files.clone();
            for _ in 0..=rng.below(3) {
                damage_one(&mut rng, &mut files);
            }
            if is_large(&files) {
                continue;
            }
            let Ok(model) = ModelKinds::standard().load(&files, &scope()) else {
                refused += 1;
                continue;
            };
            read += 1;
            let scored = Scorer::new(&Arc::new(lineup(model))).score(batch(0, &ROWS), &FULL);
            for probability in &scored.probabilities {
                let is_one = probability.is_nan() || (0.0..=1.0).contains(probability);
                assert!(is_one, "{what}: {probability} by {files:?}");
            }
        }
        assert!(read > EACH / 40, "{what}: read {read}, refused {refused}");
        assert!(refused > EACH / 4, "{what}: read {read}, refused {refused}");
    }
}

#[test]
fn damaged_state_is_refused() {
    let mut rng = Rng(52);
    let lineup = learning::with_rules("1");
    let mut scorer = Scorer::new(&lineup);
    scorer.score(batch(0, &snapshot::given(50)), &FULL);
    let whole = snapshot::cut_of(&mut scorer);
    let restored = |parts: &[Part], entries: &Entries| {
        let mut scorer = Scorer::new(&lineup);
        scorer.begin_restore(parts)?;
        entries
            .iter()
            .try_for_each(|entry| scorer.restore(&entry))?;
        scorer.end_restore()
    };
    restored(&whole.0, &whole.1).unwrap();
    for (position, part) in whole.0.iter().enumerate() {
        for _ in 0..1_000 {
            let mut damaged = whole.0.clone();
            damage(&mut rng, &mut damaged[position].bytes);
            if damaged[position] != *part {
                assert!(restored(&damaged, &whole.1).is_err(), "{}", part.name);
            }
        }
        let mut less = whole.0.clone();
        less.remove(position);
        // A learner that the snapshot lacks begins with nothing.
        let is_learner = part.name.starts_with("learner/");
        assert_eq!(restored(&less, &whole.1).is_ok(), is_learner);
    }
    let nothing = Entries::default();
    assert!(restored(&whole.0, &nothing).is_err(), "entries are missing");
}
