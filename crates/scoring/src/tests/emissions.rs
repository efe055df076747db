//! Rows that are not caused by a transaction: terminal events and timers.

use tillwatch_records::{Cause, Typology};

use super::learning::{rows, strange};
use super::*;

const TRANSACTION: Cause = Cause::Record(RecordKind::Transaction);
const EVENT: Cause = Cause::Record(RecordKind::TerminalEvent);

/// `given` with these causes. Rows that no record has caused share the offset of the row before.
fn emitted(first: i64, given: &[(Given<'_>, Cause)]) -> FeatureBatch {
    let rows: Vec<Given<'_>> = given.iter().map(|(row, _)| *row).collect();
    let mut batch = batch(first, &rows);
    batch.emissions.causes = given.iter().map(|(_, cause)| *cause).collect();
    batch.emissions.scored =
        RecordKinds::new([RecordKind::Transaction, RecordKind::TerminalEvent]).unwrap();
    batch.emissions.has_timers = true;
    let (mut offset, mut kind) = (first, RecordKind::Transaction);
    for (row, (_, cause)) in given.iter().enumerate() {
        if let Cause::Record(its) = cause {
            kind = *its;
            offset += i64::from(row > 0);
        }
        batch.events.offsets[row] = offset;
        batch.events.kinds[row] = kind;
    }
    batch
}

/// A row on which a critical rule fires.
fn fires(key: &str, minute: i64) -> Given<'_> {
    (key, minute * 60_000, Some(12.0), Some(0.75), 1000)
}

#[test]
fn an_alert_points_at_the_emission_that_raised_it() {
    let mut scorer = scorer();
    let quiet = |key| (key, 30 * 60_000, Some(1.0), Some(0.0), 1000);
    let given = [
        (quiet("a"), TRANSACTION),
        (fires("a", 31), Cause::Timer),
        (fires("b", 31), Cause::Timer),
        (fires("b", 32), EVENT),
        // An hour after the timer that alerted, by the timer's own time.
        (fires("a", 91), Cause::Timer),
    ];
    let scores = scorer.score(emitted(7, &given), &FULL);
    let ids: Vec<String> = scores.score_ids().collect();
    let raised: Vec<(u32, String, Option<&str>, i64)> = scores
        .alerts
        .iter()
        .map(|alert| {
            let row = alert.row as usize;
            let time_ms = scores.emissions.times_ms[row];
            (
                alert.row,
                ids[row].clone(),
                scores.emissions.key(row),
                time_ms / 60_000,
            )
        })
        .collect();
    let id = |end: &str| format!("t/0/{end}");
    assert_eq!(
        raised,
        [
            (1, id("7/timer/1860000/a"), Some("a"), 31),
            (2, id("7/timer/1860000/b"), Some("b"), 31),
            (4, id("8/timer/5460000/a"), Some("a"), 91),
        ]
    );
    assert!(
        scores
            .alerts
            .iter()
            .all(|a| a.typology == Some(Typology::Fabricated))
    );
    // The event of the other terminal is held back by its timer's alert, and has its reasons nevertheless.
    assert_eq!(ids[3], "t/0/8");
    assert_eq!(scores.reasons.row(3)[0].definition.code, "CARD_ENUMERATION");
    assert_eq!(scores.emissions.causes, given.map(|(_, cause)| cause));
}

#[test]
fn a_row_without_values_is_scored_as_one_with_missing_inputs() {
    let nothing = |cause| emitted(0, &[(("a", 0, None, None, 0), cause)]);
    let timer = scorer().score(nothing(Cause::Timer), &FULL);
    let transaction = scorer().score(nothing(TRANSACTION), &FULL);
    assert_eq!(show(&timer), show(&transaction));
}

fn learner() -> Scorer {
    let model = ModelKinds::standard().load(&strange(), &scope()).unwrap();
    Scorer::new(&Arc::new(lineup(model)))
}

#[test]
fn learners_learn_from_transactions_alone_where_these_are_scored() {
    let given = rows(60);
    let mut alone = learner();
    let scored = alone.score(batch(0, &given), &FULL);
    let between = |row: Given<'static>| {
        let odd = ("a", row.1, Some(99.0), Some(1.0), 0);
        [(odd, EVENT), (row, TRANSACTION), (odd, Cause::Timer)]
    };
    let mixed: Vec<_> = given.iter().copied().flat_map(between).collect();
    for cut in [1, 4, 180] {
        let mut among = learner();
        let mut found = Vec::new();
        for part in mixed.chunks(cut) {
            let scores = among.score(emitted(0, part), &FULL);
            let causes = scores.emissions.causes.iter().zip(&scores.probabilities);
            found.extend(
                causes
                    .filter(|(cause, _)| **cause == TRANSACTION)
                    .map(|(_, p)| *p),
            );
        }
        assert_eq!(found, scored.probabilities, "batches of {cut}");
        assert_eq!(among.learned(), alone.learned());
    }
}

#[test]
fn learners_learn_from_the_first_kind_that_is_scored() {
    let given = rows(60);
    let mut transactions = learner();
    transactions.score(batch(0, &given), &FULL);
    let events: Vec<_> = given.iter().map(|row| (*row, EVENT)).collect();
    let learnt = |scored: RecordKinds| {
        let mut scorer = learner();
        let mut batch = emitted(0, &events);
        batch.emissions.scored = scored;
        scorer.score(batch, &FULL);
        scorer.learned()
    };
    let events_alone = RecordKinds::new([RecordKind::TerminalEvent]).unwrap();
    assert_eq!(learnt(events_alone), transactions.learned());
    assert_eq!(learnt(RecordKinds::TRANSACTIONS), learner().learned());
}

#[test]
fn a_share_and_a_back_test_take_every_emission() {
    let given: Vec<_> = (0..50)
        .map(|n| (n, if n % 2 == 0 { EVENT } else { Cause::Timer }))
        .collect();
    let keys: Vec<String> = given.iter().map(|(n, _)| format!("k{n}")).collect();
    let given: Vec<_> = given
        .iter()
        .zip(&keys)
        .map(|((n, cause), key)| (fires(key, *n), *cause))
        .collect();
    let rules = load(RULES_TOML, &[("rules.toml", RULES)]).unwrap();
    let lineup = lineup(Arc::clone(&rules)).with_challenger(Arc::clone(&rules), 0.5);
    let mut scorer = Scorer::new(&Arc::new(lineup.unwrap()));
    let emissions = emitted(0, &given);
    let plain: Vec<Given<'_>> = given.iter().map(|(row, _)| *row).collect();
    let theirs = |scores: ScoreBatch| scores.challenge.map(|challenge| challenge.rows);
    assert_eq!(
        theirs(scorer.score(emissions.clone(), &FULL)),
        theirs(scorer.score(batch(50, &plain), &FULL))
    );
    let mut recent = Recent::default();
    recent.push(&emissions);
    let batches: Vec<&FeatureBatch> = recent.batches().map(|batch| &**batch).collect();
    let settings = ScoringSettings::default();
    let found = backtest(&rules, &scope(), &settings, batches);
    assert_eq!((found.rows, found.rules[0].fired), (50, 50));
}
