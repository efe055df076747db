//! Models that change while lanes score.

use std::sync::Arc;

use super::place::{Told, assembly, lineup, parts, rule, score};
use crate::AssemblyError;

#[test]
fn a_swap_takes_effect_between_two_batches_and_is_told_with_the_offset() {
    let told = Arc::new(Told::default());
    let mut parts = parts(rule("1", "records_1h >= 1"));
    parts.audit = Some(Arc::<Told>::clone(&told));
    let assembly = assembly(parts);
    let (mut one, mut other) = (assembly.lane(0), assembly.lane(0));
    let swap = |version: &str| {
        // Reads a column more, so lanes decode otherwise as well.
        let next = rule(version, "records_1h >= 2 AND amount_minor >= 0");
        let next = assembly.fit_models(&lineup(next)).unwrap();
        assembly.models().exchange(Arc::new(next))
    };
    let version = |scores: &tillwatch_records::ScoreBatch| scores.versions.model.clone();
    assert_eq!(version(&score(&mut one, 0..5)), "rules@1");
    let before = swap("2");
    assert_eq!(before.name().champion.split('+').next(), Some("rules@1"));
    let scores = score(&mut one, 5..9);
    assert_eq!(version(&scores), "rules@2");
    // Counts go on from the batch before: each terminal has had a record.
    assert!(
        scores.scores.iter().all(|score| *score == 600),
        "{:?}",
        scores.scores
    );
    assert_eq!(one.models().name(), assembly.models().current().name());
    // A swap that no lane saw is told by none.
    swap("3");
    swap("4");
    score(&mut one, 9..20);
    score(&mut one, 20..21);
    score(&mut other, 7..8);
    let begun = told.0.lock().clone();
    let line = |offset, version: &str| ("t".to_owned(), 3, offset, format!("rules@{version}"));
    let expected = [line(0, "1"), line(5, "2"), line(9, "4"), line(7, "4")];
    assert_eq!(begun, expected);
}

#[test]
fn models_that_do_not_fit_are_refused_and_the_active_ones_go_on() {
    let assembly = assembly(parts(rule("1", "records_1h >= 1")));
    let mut lane = assembly.lane(0);
    let refused = assembly.fit_models(&lineup(rule("2", "records_2h >= 1")));
    let message = refused.map(|_| ()).unwrap_err().to_string();
    assert!(message.starts_with("model a test: "), "{message}");
    assert!(message.contains("did you mean `records_1h`?"), "{message}");
    assert_eq!(score(&mut lane, 0..1).versions.model, "rules@1");
}

#[test]
fn other_models_are_tried_on_the_last_rows() {
    let mut parts = parts(rule("1", "records_1h >= 1"));
    parts.recent_rows = 20;
    let assembly = assembly(parts);
    let next = assembly.fit_models(&lineup(rule("2", "records_1h >= 3")));
    let next = next.unwrap();
    let mut pauses = 0;
    assert!(
        assembly.try_out(&next, || pauses += 1).is_none(),
        "nothing is kept"
    );
    let mut lane = assembly.lane(0);
    score(&mut lane, 0..9);
    let trial = assembly.try_out(&next, || pauses += 1).unwrap();
    assert_eq!(trial.rows, 9);
    // The third record of each of three terminals is the first of three within the hour.
    assert_eq!(trial.champion.rules["rules/MANY"], [9, 3]);
    assert!(trial.others.is_empty());
    assert_eq!(pauses, 2, "before the only batch, for either line-up");
}

#[test]
fn stages_that_do_not_fit_together_are_refused() {
    let stages = |stages| {
        let mut parts = parts(rule("1", "records_1h >= 1"));
        parts.stages = stages;
        crate::Assembly::new(parts).map(|_| ()).unwrap_err()
    };
    use super::place::{TERMINAL, stage};
    assert!(matches!(stages(vec![]), AssemblyError::NoStage));
    let twice = stages(vec![
        stage("one", "terminal_id", TERMINAL),
        stage("two", "card_token", TERMINAL),
    ]);
    let message = twice.to_string();
    assert!(
        message.starts_with("stages `one` and `two` both have"),
        "{message}"
    );
    let wrong = stages(vec![stage("one", "terminal_id", "name = ")]);
    assert!(
        wrong.to_string().starts_with("catalog one.toml: "),
        "{wrong}"
    );
}
