//! Batches that cannot be scored.

use std::sync::Arc;

use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_records::{Column, KeySpec, Projection};

use super::place::{assembly, chained, limits, parts, records, rule, score};
use crate::{Input, LaneError, Workspace};

#[test]
fn a_batch_that_does_not_fit_fails_and_the_lane_scores_no_more() {
    let mut parts = chained(rule("1", "amount_minor > registry_limit"));
    parts.reference = Some(limits(10));
    let assembly = assembly(parts);
    let (mut lane, mut decoder) = (assembly.lane(0), assembly.decoder());
    score(&mut lane, 0..5);
    let mut decoded = decoder.decode(&records(5..9));
    // Fewer rows than the batch has.
    decoded.events.joined = Some(decoded.events.columns.slice(0, 1));
    let error = lane
        .process(Input::Decoded(decoded), &mut Workspace::default(), &mut ())
        .unwrap_err();
    assert!(matches!(error, LaneError::Join { .. }), "{error}");
    assert!(
        error.to_string().starts_with("t/3 from offset 5 on: "),
        "{error}"
    );
    let raw = records(9..12);
    let error = lane
        .process(Input::Raw(&raw), &mut Workspace::default(), &mut ())
        .unwrap_err();
    assert!(matches!(error, LaneError::Broken { .. }), "{error}");
    // A new lane takes the same records.
    assert_eq!(score(&mut assembly.lane(0), 0..9).len(), 9);
}

#[test]
fn a_stage_that_fails_fails_the_batch() {
    let assembly = assembly(chained(rule("1", "records_1h > 1")));
    let (mut lane, mut decoder) = (assembly.lane(0), assembly.decoder());
    let mut decoded = decoder.decode(&records(0..4));
    decoded.events.joined = Some(decoded.events.columns.slice(0, 1));
    let error = lane
        .process(Input::Decoded(decoded), &mut Workspace::default(), &mut ())
        .unwrap_err();
    assert!(matches!(error, LaneError::Chain { .. }), "{error}");
    assert!(error.to_string().contains("stage `terminal`"), "{error}");
}

#[test]
fn records_that_were_decoded_for_other_models_are_refused() {
    let assembly = assembly(parts(rule("1", "amount_minor > 1")));
    let mut lane = assembly.lane(0);
    let key = KeySpec::from_names(&["terminal_id"]).unwrap();
    let all = assembly.columns();
    let others = all.iter().filter(|column| **column != Column::AmountMinor);
    let columns: Vec<Column> = others.copied().collect();
    let decoded = |columns: &[Column]| {
        let projection = Arc::new(Projection::new(columns.iter().copied()));
        let plan = DecodePlan::new(&DecodeSettings::default(), projection, &key).unwrap();
        Decoder::new(Arc::new(plan)).decode(&records(0..4))
    };
    let error = lane.process(
        Input::Decoded(decoded(&columns)),
        &mut Workspace::default(),
        &mut (),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("lacks the column `amount_minor`"), "{error}");
    // More columns than are asked for do no harm.
    let more = [&all[..], &[Column::Stan]].concat();
    let mut lane = assembly.lane(0);
    lane.process(
        Input::Decoded(decoded(&more)),
        &mut Workspace::default(),
        &mut (),
    )
    .unwrap();
}
