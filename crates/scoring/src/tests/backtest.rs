//! Back-tests against what a scorer says of the same rows, and the ring they run over.

use super::*;

fn ensemble() -> Arc<LoadedModel> {
    ModelKinds::standard()
        .load(&both(BOTH_TOML), &scope())
        .unwrap()
}

fn tested(batches: &[FeatureBatch]) -> BackTest {
    backtest(&ensemble(), &scope(), &ScoringSettings::default(), batches)
}

/// Code, fired, unknown.
fn counts(found: &BackTest) -> Vec<(&str, u64, bool)> {
    let counts = found.rules.iter();
    counts
        .map(|count| (count.code.as_str(), count.fired, count.unknown))
        .collect()
}

#[test]
fn counts_what_a_scorer_would_have_said() {
    for cut in 1..=ROWS.len() {
        let batches: Vec<FeatureBatch> = ROWS.chunks(cut).map(|rows| batch(0, rows)).collect();
        let found = tested(&batches);
        assert_eq!(
            counts(&found),
            [("CARD_ENUMERATION", 3, false), ("CASH_MCC", 2, false)]
        );
        assert!(found.rules.iter().all(|rule| rule.rows == found.rows));
        assert_eq!(found.rules[0].member, "terminal-rules");
        let mut scorer = scorer();
        let scored = batches.into_iter().map(|batch| scorer.score(batch, &FULL));
        let bands: Vec<Band> = scored.flat_map(|scores| scores.bands).collect();
        let rows_in = |band| bands.iter().filter(|found| **found == band).count() as u64;
        assert_eq!(found.approved, rows_in(Band::Approve));
        assert_eq!(found.reviewed, rows_in(Band::Review));
        assert_eq!(found.declined, rows_in(Band::Decline));
        assert_eq!(found.rows, ROWS.len() as u64);
    }
}

#[test]
fn says_which_rules_read_what_was_not_decoded() {
    let mut narrow = batch(0, &ROWS);
    let projection = Arc::new(Projection::new([Column::EventTime, Column::Mcc]));
    let kept = [Column::EventTime, Column::Mcc].map(|column| {
        let at = narrow.events.projection.index_of(column).unwrap();
        narrow.events.columns.column(at).clone()
    });
    let kept = projection.columns().iter().map(|column| match column {
        Column::EventTime => kept[0].clone(),
        _ => kept[1].clone(),
    });
    let columns = RecordBatch::try_new(projection.schema().clone(), kept.collect()).unwrap();
    narrow.events.columns = columns;
    narrow.events.projection = projection;
    let found = tested(&[batch(0, &ROWS[..3]), narrow]);
    // One large amount among the first three rows; those of the other batch are not known.
    assert_eq!(
        counts(&found),
        [("CARD_ENUMERATION", 5, false), ("CASH_MCC", 1, true)]
    );
    assert_eq!(found.missing, ["amount_minor", "amount_sum_1h"]);
}

#[test]
fn rules_of_one_code_are_counted_apart() {
    let second = RULES.replace("CASH_MCC", "CARD_ENUMERATION");
    let model = load(RULES_TOML, &[("rules.toml", &second)]).unwrap();
    let found = backtest(
        &model,
        &scope(),
        &ScoringSettings::default(),
        &[batch(0, &ROWS)],
    );
    let counts: Vec<_> = found.rules.iter().map(|r| (r.severity, r.fired)).collect();
    assert_eq!(counts, [(Severity::Critical, 3), (Severity::Warning, 2)]);
}
