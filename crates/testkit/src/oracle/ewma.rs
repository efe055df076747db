//! Exponentially weighted mean and deviation.

use super::definition::{Definition, NUMBERS, Number, Span};
use super::window::{Moment, weighted};
use super::{OracleFeature, OracleValue};

pub(super) const MEAN: Definition = Definition {
    columns: NUMBERS,
    number: Number::Column,
    span: Span::Memory,
    ..Definition::windowed(mean)
};

pub(super) const STDDEV: Definition = Definition {
    columns: NUMBERS,
    number: Number::Column,
    span: Span::Memory,
    ..Definition::windowed(stddev)
};

pub(super) const Z: Definition = Definition {
    columns: NUMBERS,
    number: Number::Column,
    span: Span::Memory,
    ..Definition::windowed(z)
};

/// Relative error that decayed numbers may have.
const ERROR: f64 = 1e-9;

/// Share of the numbers' size by which rounding may move differences between them.
const ROUNDING: f64 = 1e-13;

/// Mean and deviation of what came before.
struct Baseline {
    count: usize,
    mean: f64,
    stddev: f64,
}

fn mean(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let Some(baseline) = baseline(feature, moment) else {
        return OracleValue::Exact(None);
    };
    // The mean of numbers of both signs may be near 0 without them.
    OracleValue::Near {
        value: Some(baseline.mean),
        error: ERROR * baseline.size(),
    }
}

fn stddev(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let Some(baseline) = baseline(feature, moment) else {
        return OracleValue::Exact(None);
    };
    OracleValue::Near {
        value: Some(baseline.stddev),
        error: ERROR * baseline.stddev + ROUNDING * baseline.size(),
    }
}

fn z(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let own = feature.number(moment.event);
    let Some((own, baseline)) = own.zip(baseline(feature, moment)) else {
        return OracleValue::Exact(None);
    };
    if baseline.stddev == 0.0 || baseline.count < 2 {
        return OracleValue::Exact(None);
    }
    let z = (own - baseline.mean) / baseline.stddev;
    // What rounding moves, in deviations: numerator and denominator alike.
    let moved = ROUNDING * (own.abs() + baseline.size()) / baseline.stddev;
    let near = OracleValue::Near {
        value: Some(z),
        error: ERROR * z.abs() + (1.0 + z.abs()) * moved,
    };
    // Old records of almost no weight deviate by less than the sum can hold.
    if moved > ERROR {
        return OracleValue::AnyOf(vec![near, OracleValue::Exact(None)]);
    }
    near
}

impl Baseline {
    /// How large the numbers are.
    fn size(&self) -> f64 {
        self.mean.abs() + self.stddev
    }
}

fn baseline(feature: &OracleFeature, moment: &Moment<'_, '_>) -> Option<Baseline> {
    let weights: Vec<(f64, f64)> = weighted(
        &moment.remembered(feature),
        feature.half_life_ms.unwrap_or(i64::MAX),
    )
    .into_iter()
    .filter_map(|(event, weight)| Some((feature.number(event)?, weight)))
    .collect();
    // From the heaviest number on, so that equal numbers deviate by exactly 0.
    let origin = weights.iter().max_by(|a, b| a.1.total_cmp(&b.1))?.0;
    let whole: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let shift = weights.iter().map(|(x, w)| w * (x - origin)).sum::<f64>() / whole;
    let mean = origin + shift;
    let variance = weights
        .iter()
        .map(|(x, w)| w * (x - mean) * (x - mean))
        .sum::<f64>()
        / whole;
    Some(Baseline {
        count: weights.len(),
        mean,
        stddev: variance.sqrt(),
    })
}
