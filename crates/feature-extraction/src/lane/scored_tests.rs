//! Features of records that are no transactions, against the definition.

use tillwatch_records::{Cause, Flags, RecordKind, RecordKinds};
use tillwatch_testkit::oracle::{self, Case, OracleRow};
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream;

use super::tests::{bits, engine, fold, lane};

const KINDS: [&[RecordKind]; 4] = [
    &[RecordKind::Transaction, RecordKind::TerminalEvent],
    &[RecordKind::TerminalEvent],
    &[RecordKind::Transaction, RecordKind::Label],
    &RecordKind::ALL,
];

fn folded(case: &Case, scored: RecordKinds) -> Vec<OracleRow> {
    let mut lane = lane(&case.catalog(), &engine(&case.settings), 0).scoring(scored);
    let pieces = stream::split(case.seed, case.events.len());
    fold(&mut lane, &case.events, &pieces)
}

/// What is wrong with the engine's features of `case`; `None` if they are as defined.
fn objection(case: &Case, scored: RecordKinds) -> Option<String> {
    let expected = oracle::evaluate_scored(&case.features, &case.settings, scored, &case.events);
    let got = folded(case, scored);
    assert_eq!(got.len(), expected.len(), "seed {}", case.seed);
    let mut rows = expected.iter().zip(&got).enumerate();
    rows.find_map(|(number, (expected, got))| {
        let objection = expected.objection(&case.features, got)?;
        Some(format!("row {number} of {scored}: {objection}"))
    })
}

/// `TILLWATCH_SEED` and `TILLWATCH_CASES` in the environment ask for others, and for more.
#[test]
fn records_of_every_scored_kind_equal_the_definition() {
    for seed in seeds(0..200) {
        let case = Case::random(seed);
        let kinds = KINDS[(seed % KINDS.len() as u64) as usize];
        let scored = RecordKinds::new(kinds.iter().copied()).unwrap();
        if objection(&case, scored).is_some() {
            let small = case.shrink(|case| objection(case, scored).is_some());
            panic!("{:?}\n{}", objection(&small, scored), small.describe());
        }
    }
}

#[test]
fn what_decode_says_of_a_record_is_a_mark_of_its_emission() {
    for (seed, kinds) in (0..).zip(KINDS) {
        let case = Case::random(seed);
        let scored = RecordKinds::new(kinds.iter().copied()).unwrap();
        let lane = || lane(&case.catalog(), &engine(&case.settings), 0).scoring(scored);
        let alone = lane().process(stream::batch(&case.events, 0)).unwrap();
        let mut events = stream::batch(&case.events, 0);
        let of = |offset: i64| match offset % 3 {
            0 => Flags::FIELD_INVALID,
            _ => Flags::empty(),
        };
        events.marks = events.offsets.iter().map(|offset| of(*offset)).collect();
        let marked = lane().process(events).unwrap();
        assert!(marked.events.marks.is_empty() && !marked.is_empty());
        let own = alone.flags.iter().zip(&alone.events.offsets);
        let own: Vec<Flags> = own.map(|(flags, offset)| *flags | of(*offset)).collect();
        assert_eq!(marked.flags, own);
        assert_eq!(marked.features, alone.features);
    }
}

#[test]
fn what_else_is_scored_changes_nothing_of_transactions() {
    let all = RecordKinds::new(RecordKind::ALL).unwrap();
    let mut others = 0;
    for seed in 0..50 {
        let case = Case::random(seed);
        let alone = folded(&case, RecordKinds::TRANSACTIONS);
        let mut kinds = Vec::new();
        let mut lane = lane(&case.catalog(), &engine(&case.settings), 0).scoring(all);
        let batch = lane.process(stream::batch(&case.events, 0)).unwrap();
        for (row, cause) in batch.emissions.causes.iter().enumerate() {
            assert_eq!(*cause, Cause::Record(batch.events.kinds[row]));
            kinds.push(batch.events.kinds[row]);
        }
        let together = folded(&case, all);
        assert_eq!(together.len(), kinds.len());
        let kept = together.iter().zip(&kinds);
        let kept = kept.filter(|(_, kind)| **kind == RecordKind::Transaction);
        let kept: Vec<&OracleRow> = kept.map(|(row, _)| row).collect();
        assert_eq!(kept.len(), alone.len());
        for (kept, alone) in kept.into_iter().zip(&alone) {
            assert_eq!((bits(kept), kept.flags), (bits(alone), alone.flags));
        }
        others += together.len() - alone.len();
    }
    assert!(others > 100, "{others} records of other kinds");
}
