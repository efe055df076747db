//! What a scorer makes of a batch: scores, bands, reasons and alerts.

use super::*;

#[test]
fn scores_decide_explain_and_alert() {
    let expected = expect![[r#"
        95 0.095349 approve []
        900 0.900000 decline [CARD_ENUMERATION 0.6 None 9.104, VOLUME_SPIKE 12 None 3.000]
          alert Some(Fabricated) critical 0
        999 1.000000 decline [CARD_ENUMERATION 0.7 None 7.572, VOLUME_SPIKE 13 None 3.250, CASH_MCC 200000 None 2.279]
        320 0.320821 approve []
        999 1.000000 decline [CASH_MCC 200000 None 6.907, VOLUME_SPIKE 14 None 3.500]
          alert Some(CashOut) warning 0
        900 0.900000 decline [CARD_ENUMERATION 0.8 None 9.104, VOLUME_SPIKE 14 None 3.500]
          alert Some(Fabricated) critical 1
        999 0.999089 decline [VOLUME_SPIKE 40 None 10.000]
          alert None warning 0
    "#]];
    expected.assert_eq(&show(&scorer().score(batch(0, &ROWS), &FULL)));
}

#[test]
fn results_do_not_depend_on_batching() {
    let whole = show(&scorer().score(batch(0, &ROWS), &FULL));
    for cut in 1..ROWS.len() {
        let mut scorer = scorer();
        let parts: Vec<String> = ROWS
            .chunks(cut)
            .map(|rows| show(&scorer.score(batch(0, rows), &FULL)))
            .collect();
        assert_eq!(parts.concat(), whole, "batches of {cut}");
    }
}

#[test]
fn a_scorer_says_what_it_is_and_reads() {
    let scorer = scorer();
    assert_eq!(scorer.versions().model, "both@3");
    assert_eq!(scorer.versions().catalog, "c0ffee");
    assert_eq!(
        scorer.lineup().columns_needed(),
        vec![Column::EventTime, Column::Mcc, Column::AmountMinor]
    );
}

#[test]
fn a_clock_ahead_does_not_silence_a_terminal() {
    let mut scorer = scorer();
    let fires = |time| [("a", time, Some(12.0), Some(0.6), 1000)];
    let mut skewed = batch(0, &fires(i64::MAX / 2));
    skewed.flags[0] |= Flags::CLOCK_SKEW;
    skewed.events.record_timestamps_ms[0] = 0;
    assert_eq!(scorer.score(skewed, &FULL).alerts.len(), 1);
    assert_eq!(
        scorer
            .score(batch(1, &fires(3_600_000)), &FULL)
            .alerts
            .len(),
        1
    );
}

#[test]
fn bands_have_inclusive_lower_ends() {
    let settings = ScoringSettings::default();
    let bands = [499, 500, 899, 900].map(|score| settings.band(score));
    assert_eq!(
        bands,
        [Band::Approve, Band::Review, Band::Review, Band::Decline]
    );
}
