//! Models that learn, in a lane.

use std::path::Path;

use super::*;

pub(super) const STRANGE_TOML: &str = r#"
name = "strange"
version = "1"
kind = "half_space_trees"
artefact = "trees.toml"
inputs = ["count_24h", "decline_ratio_5m"]

[calibration]
method = "isotonic"
raw = [0.0, 0.9, 1.0]
probability = [0.0, 0.1, 1.0]

[[reasons]]
feature = "count_24h"
code = "STRANGE_COUNT"
severity = "info"
words = "a strange number of transactions"
"#;

const TREES: &str = r#"
seed = 7
trees = 8
height = 5
window = 16

[[inputs]]
name = "count_24h"
low = 0.0
high = 100.0

[[inputs]]
name = "decline_ratio_5m"
low = 0.0
high = 1.0
"#;

pub(super) fn strange() -> ModelFiles {
    files(STRANGE_TOML, &[("trees.toml", TREES)])
}

/// The learner beside the rules.
pub(super) fn with_rules(version: &str) -> Arc<Lineup> {
    let description = BOTH_TOML
        .replace("../line", "../strange")
        .replace("version = \"3\"", &format!("version = \"{version}\""));
    let files = ModelFiles {
        members: [
            (
                "../rules".to_owned(),
                files(RULES_TOML, &[("rules.toml", RULES)]),
            ),
            ("../strange".to_owned(), strange()),
        ]
        .into(),
        ..files(&description, &[])
    };
    let model = ModelKinds::standard().load(&files, &scope()).unwrap();
    Arc::new(lineup(model))
}

/// Rows around the middle, every ninth far from it and declined.
pub(super) fn rows(count: usize) -> Vec<Given<'static>> {
    let row = |n: usize| match n % 9 {
        8 => ("a", n as i64, Some(95.0), Some(0.95), 1000),
        rest => ("a", n as i64, Some(40.0 + rest as f64), Some(0.1), 1000),
    };
    (0..count).map(row).collect()
}

#[test]
fn a_learner_warms_up_then_tells_what_is_strange() {
    let mut scorer = Scorer::new(&with_rules("1"));
    let scored = scorer.score(batch(0, &rows(90)), &FULL);
    for row in 0..90 {
        let is_warming = scored.flags[row].contains(Flags::MODEL_WARMING);
        assert_eq!(is_warming, row < 16, "row {row}");
    }
    let codes = |row: usize| -> Vec<&str> {
        let reasons = scored.reasons.row(row).iter();
        reasons
            .map(|reason| reason.definition.code.as_str())
            .collect()
    };
    // The rule finds the row suspicious, so the learner says what is strange about it, strange or not.
    assert_eq!(codes(89), ["CARD_ENUMERATION", "STRANGE_COUNT"]);
    assert!(codes(87).is_empty());
    assert_eq!(codes(8), ["CARD_ENUMERATION"], "nothing is known yet");
}

#[test]
fn learning_does_not_depend_on_batching() {
    let given = rows(120);
    let whole = show(&Scorer::new(&with_rules("1")).score(batch(0, &given), &FULL));
    for cut in [1, 7, 16, 50] {
        let mut scorer = Scorer::new(&with_rules("1"));
        let parts = given
            .chunks(cut)
            .map(|rows| show(&scorer.score(batch(0, rows), &FULL)));
        assert_eq!(parts.collect::<String>(), whole, "batches of {cut}");
    }
}

#[test]
fn what_changes_no_state_is_not_learnt() {
    let scored = |flag: Flags| {
        let mut scorer = Scorer::new(&with_rules("1"));
        let mut first = batch(0, &rows(60));
        first.flags[40..].fill(flag);
        scorer.score(first, &FULL);
        scorer.learned()
    };
    let short = {
        let mut scorer = Scorer::new(&with_rules("1"));
        scorer.score(batch(0, &rows(40)), &FULL);
        scorer.learned()
    };
    assert_eq!(scored(Flags::DUPLICATE), short);
    assert_eq!(scored(Flags::LATE), short);
    assert_ne!(scored(Flags::WARMING), short);
}

#[test]
fn a_learner_goes_on_when_the_line_up_changes() {
    let given = rows(120);
    let whole = show(&Scorer::new(&with_rules("1")).score(batch(0, &given), &FULL));
    // Another version of the ensemble has the same learner.
    let mut scorer = Scorer::new(&with_rules("1"));
    let mut parts = show(&scorer.score(batch(0, &given[..50]), &FULL));
    let mut learners = Learners::fresh(&with_rules("2"), scorer.lineup());
    assert!(learners.is_empty(), "it has what the other needs");
    assert!(scorer.set_lineup(&with_rules("2"), &mut learners));
    assert!(learners.is_empty(), "and goes on with it");
    parts += &show(&scorer.score(batch(0, &given[50..]), &FULL));
    assert_eq!(parts, whole);
    assert_eq!(scorer.versions().model, "both@2");
}

#[test]
fn a_learner_that_was_made_ahead_is_as_one_made_at_once() {
    let given = rows(120);
    let rules = || {
        let rules = load(RULES_TOML, &[("rules.toml", RULES)]).unwrap();
        Arc::new(lineup(rules))
    };
    let after = |ahead: bool| {
        let next = with_rules("1");
        let mut scorer = Scorer::new(&rules());
        scorer.score(batch(0, &given[..50]), &FULL);
        let mut learners = Learners::default();
        if ahead {
            learners = Learners::fresh(&next, scorer.lineup());
            assert_eq!(learners.len(), 1);
        }
        assert!(scorer.set_lineup(&next, &mut learners));
        assert!(learners.is_empty());
        let scored = show(&scorer.score(batch(50, &given[50..]), &FULL));
        let learnt = scorer.learned();
        // Back to rules alone: what is left over knows what it knew, and nobody takes it for a fresh one.
        assert!(!scorer.set_lineup(&next, &mut learners));
        assert!(scorer.set_lineup(&rules(), &mut learners));
        assert_eq!((learners.len(), scorer.learned().len()), (1, 0));
        assert_eq!(Learners::fresh(&next, scorer.lineup()).len(), 1);
        (scored, learnt)
    };
    assert_eq!(after(true), after(false));
}

#[test]
fn every_entrant_has_a_learner_of_its_own() {
    let strange = || ModelKinds::standard().load(&strange(), &scope()).unwrap();
    let one = Arc::new(lineup(strange()));
    let two = Arc::new(lineup(strange()).with_shadow(strange()).unwrap());
    let mut scorer = Scorer::new(&one);
    scorer.score(batch(0, &rows(50)), &FULL);
    let learnt = scorer.learned();
    let mut learners = Learners::fresh(&two, &one);
    assert_eq!(learners.len(), 1, "the champion has one");
    assert!(scorer.set_lineup(&two, &mut learners));
    assert!(learners.is_empty());
    let found = scorer.learned();
    assert_eq!(found[0], learnt[0], "the champion goes on");
    assert_eq!(
        found[1],
        Scorer::new(&one).learned()[0],
        "the shadow begins"
    );
}

#[test]
fn a_shadow_and_a_challenger_see_the_same_rows() {
    let given: Vec<Given<'static>> = (0..200)
        .map(|n| {
            let key: &'static str = Box::leak(format!("terminal {n}").into_boxed_str());
            (key, n, Some(20.0), Some(0.1), 1000)
        })
        .collect();
    let line = [("line.toml", LOGISTIC), ("golden.json", GOLDEN)];
    let line = load(LOGISTIC_TOML, &line).unwrap();
    let rules = load(RULES_TOML, &[("rules.toml", RULES)]).unwrap();
    let alone = |model| {
        let scored = Scorer::new(&Arc::new(lineup(model))).score(batch(0, &given), &FULL);
        scored.probabilities
    };
    let (by_line, by_rules) = (alone(Arc::clone(&line)), alone(Arc::clone(&rules)));
    let joint = lineup(rules)
        .with_challenger(Arc::clone(&line), 0.25)
        .and_then(|lineup| lineup.with_shadow(line))
        .unwrap();
    let scored = Scorer::new(&Arc::new(joint)).score(batch(0, &given), &FULL);
    assert_eq!(scored.shadows[0].probabilities, by_line);
    let mut challenged = 0;
    for row in 0..200 {
        let versions = scored.versions_of(row);
        let is_challenged = versions.model == "line@2";
        challenged += usize::from(is_challenged);
        let wanted = if is_challenged { &by_line } else { &by_rules };
        assert_eq!(scored.probabilities[row], wanted[row]);
    }
    assert!((30..70).contains(&challenged), "{challenged} of 200 keys");
}

#[test]
fn under_load_shadows_are_skipped_first_then_all_but_rules() {
    let line = [("line.toml", LOGISTIC), ("golden.json", GOLDEN)];
    let both = ModelKinds::standard()
        .load(&both(BOTH_TOML), &scope())
        .unwrap();
    let rules = load(RULES_TOML, &[("rules.toml", RULES)]).unwrap();
    let lineup = lineup(both).with_shadow(load(LOGISTIC_TOML, &line).unwrap());
    let mut scorer = Scorer::new(&Arc::new(lineup.unwrap()));
    let full = scorer.score(batch(0, &ROWS), &FULL);
    let reduced = scorer.score(batch(7, &ROWS), &asked(Effort::Reduced));
    assert_eq!(reduced.probabilities, full.probabilities);
    assert_eq!(full.shadows[0].probabilities.len(), ROWS.len());
    assert!(reduced.shadows[0].probabilities.is_empty());
    assert!(reduced.flags.iter().all(Flags::is_empty));
    let least = scorer.score(batch(14, &ROWS), &asked(Effort::Least));
    let alone = Scorer::new(&Arc::new(super::lineup(rules))).score(batch(0, &ROWS), &FULL);
    assert_eq!(least.probabilities, alone.probabilities);
    assert!(
        least
            .flags
            .iter()
            .all(|flags| flags.contains(Flags::DEGRADED))
    );
}

/// Golden vectors of a detector: a window of one row, then what it makes of rows near to it and far.
#[test]
fn golden_vectors_of_a_learner_are_a_sequence() {
    let check = |golden: &str| {
        let described = STRANGE_TOML.replacen("inputs", "golden = \"golden.json\"\ninputs", 1);
        load(
            &described,
            &[("trees.toml", TREES), ("golden.json", golden)],
        )
    };
    let rows = |window: &str, near: &str| {
        format!(
            r#"{{"rows": [
                {{"inputs": [40, 0.1], "times": {window}, "raw": 0}},
                {{"inputs": [40, 0.1], "raw": {near}}},
                {{"inputs": [95, 0.95], "raw": 0.9}}]}}"#
        )
    };
    let message = |rows: &str| check(rows).unwrap_err().to_string();
    let found = message(&rows("16", "0.25"));
    // All rows of the window are where this one is: it earns all there is to earn.
    let expected = "golden.json: row 2: expected raw score 0.25, got 0.0; the model is not the \
                    one that made these vectors";
    assert_eq!(found, expected);
    let found = message(&rows("16", "0.0"));
    assert!(
        found.contains("row 3: expected raw score 0.9, got 0.9"),
        "{found}"
    );
    // A window that is short has taught nothing yet.
    let found = message(&rows("14", "0.0"));
    assert!(
        found.contains("row 3: expected raw score 0.9, got 0.0"),
        "{found}"
    );
    let found = message(&rows("0", "0.0"));
    assert_eq!(found, "golden.json: row 1: `times` is 0; use 1 or more");
    let found = message(&rows("9999", "0.0"));
    assert_eq!(
        found,
        "golden.json: has 10001 rows, with `times`; at most 10000 are checked"
    );
}

/// The vectors were computed from the definition by models/terminal-hst/golden.py, in Python.
#[test]
fn the_shipped_detector_says_what_its_definition_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/terminal-hst");
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let (trees, golden) = (read("trees.toml"), read("golden.json"));
    let load = |golden: &str| {
        let named = [("trees.toml", trees.as_str()), ("golden.json", golden)];
        ModelKinds::standard().load_for_table(&files(&read("model.toml"), &named))
    };
    assert_eq!(load(&golden).unwrap().0.golden_rows(), 88);
    let window = "\"times\": 64";
    assert!(golden.contains(window));
    let error = load(&golden.replacen(window, "\"times\": 63", 1)).unwrap_err();
    assert!(
        error.to_string().contains("row 65: expected raw score"),
        "{error}"
    );
}
