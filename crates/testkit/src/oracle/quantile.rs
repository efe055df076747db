//! Values at ranks, and distances from the middle: of buckets, since that is how they are defined.

use super::definition::{Definition, NUMBERS, Number, Span};
use super::moments::numbers;
use super::window::{Moment, weighted};
use super::{OracleFeature, OracleValue};

pub(super) const QUANTILE: Definition = Definition {
    columns: NUMBERS,
    number: Number::Column,
    span: Span::WindowOrMemory,
    last: true,
    own_keys: |palette, feature| {
        feature.quantile = palette.one(&[0.0, 0.05, 0.25, 0.5, 0.9, 0.99, 1.0]);
    },
    ..Definition::windowed(quantile)
};

pub(super) const ROBUST_Z: Definition = Definition {
    columns: NUMBERS,
    number: Number::Column,
    span: Span::WindowOrMemory,
    last: true,
    own_keys: |palette, feature| feature.is_log = palette.chance(2),
    ..Definition::windowed(robust_z)
};

/// Share of the whole weight by which a weighted rank may be off.
const RANK_ERROR: f64 = 1e-9;

/// Makes the median of absolute deviations a standard deviation where values are normal.
const MAD_SCALE: f64 = 1.4826;

fn quantile(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    if let Some(half_life_ms) = feature.half_life_ms {
        let weights = weighted_midpoints(feature, moment, half_life_ms);
        let values = weighted_quantiles(&weights, feature.quantile);
        return any_of(values.into_iter().map(Some).collect());
    }
    let midpoints = numbers(feature, moment).into_iter().map(midpoint).collect();
    OracleValue::Exact(nearest_rank(midpoints, feature.quantile))
}

fn robust_z(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let scale = |value: f64| {
        if feature.is_log {
            libm::log(value)
        } else {
            value
        }
    };
    let Some(own) = feature.number(moment.event).map(scale) else {
        return OracleValue::Exact(None);
    };
    let z = |median: f64, mad: f64| (mad != 0.0).then(|| (own - median) / (MAD_SCALE * mad));
    if let Some(half_life_ms) = feature.half_life_ms {
        let mut weights = weighted_midpoints(feature, moment, half_life_ms);
        weights
            .iter_mut()
            .for_each(|(value, _)| *value = scale(*value));
        let mut values = Vec::new();
        for median in weighted_quantiles(&weights, 0.5) {
            let deviations: Vec<(f64, f64)> = weights
                .iter()
                .map(|(value, weight)| ((value - median).abs(), *weight))
                .collect();
            let mads = weighted_quantiles(&deviations, 0.5);
            values.extend(mads.into_iter().map(|mad| z(median, mad)));
        }
        return any_of(values);
    }
    // Logarithms are those of the midpoints: one set of buckets serves both scales.
    let midpoints: Vec<f64> = numbers(feature, moment)
        .into_iter()
        .map(|number| scale(midpoint(number)))
        .collect();
    let value = nearest_rank(midpoints.clone(), 0.5).and_then(|median| {
        let deviations = midpoints.iter().map(|value| (value - median).abs());
        nearest_rank(deviations.collect(), 0.5).and_then(|mad| z(median, mad))
    });
    OracleValue::Exact(value)
}

/// The middle of the bucket of `value`: the bits above the lowest 46 say which bucket.
fn midpoint(value: f64) -> f64 {
    let bucket = value.to_bits() >> 46;
    if value == 0.0 {
        0.0
    } else if value.is_infinite() {
        value
    } else {
        let (low, high) = (bucket << 46, (bucket + 1) << 46);
        // Exact: both have the same exponent, or `high` is the next power of two.
        (f64::from_bits(low) + f64::from_bits(high)) / 2.0
    }
}

/// The value at rank max(1, ⌈q·n⌉).
fn nearest_rank(mut values: Vec<f64>, q: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (q * values.len() as f64).ceil().max(1.0);
    values.get(rank as usize - 1).copied()
}

fn weighted_midpoints(
    feature: &OracleFeature,
    moment: &Moment<'_, '_>,
    half_life_ms: i64,
) -> Vec<(f64, f64)> {
    let weights = weighted(&moment.remembered(feature), half_life_ms);
    weights
        .into_iter()
        .filter_map(|(event, weight)| Some((midpoint(feature.number(event)?), weight)))
        .collect()
}

/// The values at which the weight so far reaches q of the whole; more than one where it comes so near
/// that rounding decides.
fn weighted_quantiles(weights: &[(f64, f64)], q: f64) -> Vec<f64> {
    let mut weights = weights.to_vec();
    weights.sort_by(|a, b| a.0.total_cmp(&b.0));
    let whole: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let (target, error) = (q * whole, RANK_ERROR * whole);
    let mut values = Vec::new();
    let mut reached = 0.0;
    for group in weights.chunk_by(|a, b| a.0 == b.0) {
        let before = reached;
        reached += group.iter().map(|(_, weight)| weight).sum::<f64>();
        if before < target + error && reached >= target - error {
            values.extend(group.first().map(|(value, _)| *value));
        }
    }
    values
}

fn any_of(values: Vec<Option<f64>>) -> OracleValue {
    let mut values: Vec<OracleValue> = values
        .into_iter()
        .map(|value| OracleValue::relative(value, 1e-9))
        .collect();
    match values.len() {
        0 => OracleValue::Exact(None),
        1 => values.remove(0),
        _ => OracleValue::AnyOf(values),
    }
}
