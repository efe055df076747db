//! Sums of an integer column and what follows from them; extremes and ends of a window.

use tillwatch_records::Column;

use super::definition::{Definition, INTEGERS, Number, SINGLE_NUMBERS};
use super::window::Moment;
use super::{OracleFeature, OracleValue};

pub(super) const COUNT: Definition = Definition {
    columns: &[&[], &[Column::CardToken]],
    panes: true,
    last: true,
    label: true,
    ..Definition::windowed(count)
};

pub(super) const SUM: Definition = Definition {
    columns: INTEGERS,
    panes: true,
    last: true,
    label: true,
    ..Definition::windowed(sum)
};

pub(super) const MEAN: Definition = Definition {
    columns: INTEGERS,
    panes: true,
    last: true,
    label: true,
    ..Definition::windowed(mean)
};

pub(super) const STDDEV: Definition = Definition {
    columns: INTEGERS,
    panes: true,
    last: true,
    ..Definition::windowed(stddev)
};

pub(super) const MIN: Definition = Definition {
    columns: SINGLE_NUMBERS,
    number: Number::Column,
    panes: true,
    last: true,
    ..Definition::windowed(min)
};

pub(super) const MAX: Definition = Definition {
    columns: SINGLE_NUMBERS,
    number: Number::Column,
    panes: true,
    last: true,
    ..Definition::windowed(max)
};

pub(super) const FIRST: Definition = Definition {
    columns: SINGLE_NUMBERS,
    number: Number::Column,
    last: true,
    ..Definition::windowed(first)
};

pub(super) const LAST: Definition = Definition {
    columns: SINGLE_NUMBERS,
    number: Number::Column,
    last: true,
    ..Definition::windowed(last)
};

pub(super) const VALUE: Definition = Definition {
    number: Number::Expression,
    ..Definition::without_window(value)
};

fn count(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    OracleValue::Exact(Some(moment.counted(feature).len() as f64))
}

fn value(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    OracleValue::Exact(feature.number(moment.event))
}

fn sum(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let sum: i128 = integers(feature, moment).iter().sum();
    OracleValue::Exact(Some(sum as f64))
}

fn mean(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    OracleValue::Exact(mean_of(&integers(feature, moment)))
}

fn stddev(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    OracleValue::Exact(stddev_of(&integers(feature, moment)))
}

/// Σx / n, rounded once per conversion and once for the division.
pub(super) fn mean_of(numbers: &[i128]) -> Option<f64> {
    let sum: i128 = numbers.iter().sum();
    (!numbers.is_empty()).then(|| sum as f64 / numbers.len() as f64)
}

/// √(n·Σx² − (Σx)²) / n, of exact sums.
fn stddev_of(numbers: &[i128]) -> Option<f64> {
    let count = numbers.len();
    let sum: i128 = numbers.iter().sum();
    let squares: i128 = numbers.iter().map(|number| number * number).sum();
    let spread = count as i128 * squares - sum * sum;
    (count > 0).then(|| (spread as f64).sqrt() / count as f64)
}

fn min(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let numbers = numbers(feature, moment).into_iter();
    OracleValue::Exact(numbers.min_by(f64::total_cmp))
}

fn max(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let numbers = numbers(feature, moment).into_iter();
    OracleValue::Exact(numbers.max_by(f64::total_cmp))
}

fn first(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    OracleValue::Exact(numbers(feature, moment).first().copied())
}

fn last(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    OracleValue::Exact(numbers(feature, moment).last().copied())
}

/// The numbers of the counted records, oldest first.
pub(super) fn numbers(feature: &OracleFeature, moment: &Moment<'_, '_>) -> Vec<f64> {
    let counted = moment.counted(feature).into_iter();
    counted.filter_map(|event| feature.number(event)).collect()
}

fn integers(feature: &OracleFeature, moment: &Moment<'_, '_>) -> Vec<i128> {
    let Some(column) = feature.columns.first() else {
        return Vec::new();
    };
    let counted = moment.counted(feature).into_iter();
    counted
        .filter_map(|event| event.integer(*column))
        .map(i128::from)
        .collect()
}
