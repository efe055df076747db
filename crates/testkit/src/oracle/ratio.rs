//! Part over whole, shrunk to a prior or to what a cohort shows.

use super::window::{Moment, has_label, weighted};
use super::{OracleFeature, OracleShrink, OracleValue};
use crate::stream::Event;

/// Half-life of a cohort where the feature names none: 28 days.
const COHORT_HALF_LIFE_MS: i64 = 28 * 86_400_000;

pub(super) fn ratio(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let whole = moment.window(feature, |record| is_base(feature, record.event));
    let part = whole
        .iter()
        .filter(|record| feature.passes(record.event) && has_label(feature, record))
        .count() as f64;
    let whole = whole.len() as f64;
    let Some(shrink) = &feature.shrink else {
        return OracleValue::Exact((whole > 0.0).then(|| part / whole));
    };
    let shrunk = |prior: f64| Some((part + shrink.strength * prior) / (whole + shrink.strength));
    if shrink.cohort.is_empty() {
        return OracleValue::Exact(shrunk(shrink.prior));
    }
    let prior = cohort_ratio(feature, shrink, moment).unwrap_or(shrink.prior);
    OracleValue::relative(shrunk(prior), 1e-9)
}

fn is_base(feature: &OracleFeature, event: &Event) -> bool {
    event.kind == feature.record_type && feature.base.is_none_or(|base| (base.holds)(event))
}

/// The weighted ratio over the whole lane, whatever the key.
fn cohort_ratio(
    feature: &OracleFeature,
    shrink: &OracleShrink,
    moment: &Moment<'_, '_>,
) -> Option<f64> {
    let cohort_of = |event: &Event| -> Option<Vec<String>> {
        shrink.cohort.iter().map(|c| event.text(*c)).collect()
    };
    let own = cohort_of(moment.event)?;
    let members: Vec<&Event> = moment
        .lane
        .iter()
        .copied()
        .filter(|event| is_base(feature, event) && cohort_of(event).as_ref() == Some(&own))
        .collect();
    let half_life_ms = feature.half_life_ms.unwrap_or(COHORT_HALF_LIFE_MS);
    let weights = weighted(&members, half_life_ms);
    let whole: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let part: f64 = weights
        .iter()
        .filter(|(event, _)| feature.passes(event))
        .map(|(_, weight)| weight)
        .sum();
    (whole > 0.0).then(|| part / whole)
}
