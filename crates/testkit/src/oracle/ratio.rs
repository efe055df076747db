//! Part over whole, shrunk to a prior or to what a cohort shows.

use tillwatch_records::Column;

use super::definition::Definition;
use super::random::{FILTERS, Palette};
use super::window::{Moment, has_label, weighted};
use super::{OracleFeature, OracleShrink, OracleValue};
use crate::stream::Event;

pub(super) const RATIO: Definition = Definition {
    panes: true,
    label: true,
    own_keys,
    ..Definition::windowed(ratio)
};

/// Half-life of a cohort where the feature names none: 28 days.
const COHORT_HALF_LIFE_MS: i64 = 28 * 86_400_000;

fn ratio(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
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

fn own_keys(palette: &mut Palette, feature: &mut OracleFeature) {
    let filters = palette.filters.clone();
    feature.base = palette.one(&filters);
    feature.filter = feature.filter.or_else(|| Some(palette.one(&FILTERS)));
    if palette.chance(3) {
        feature.shrink = Some(OracleShrink {
            strength: palette.one(&[0.5, 2.0, 20.0]),
            prior: palette.one(&[0.0, 0.02, 0.5]),
            cohort: Vec::new(),
        });
    }
    if let Some(shrink) = &mut feature.shrink
        && feature.label.is_none()
        && palette.chance(2)
    {
        shrink.cohort = vec![Column::Mcc];
        if palette.chance(2) {
            shrink.cohort.push(Column::HardwareSerial);
        }
        if palette.chance(2) {
            feature.half_life_ms = Some(palette.one(palette.half_lives_ms));
        }
    }
}
