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
    match sum_of(&integers(feature, moment)) {
        Some(sum) => OracleValue::Exact(Some(sum as f64)),
        None => OracleValue::Overflow,
    }
}

fn mean(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let numbers = integers(feature, moment);
    match sum_of(&numbers) {
        Some(_) => OracleValue::Exact(mean_of(&numbers)),
        None => OracleValue::Overflow,
    }
}

fn stddev(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let numbers = integers(feature, moment);
    match spread_of(&numbers) {
        Some(spread) => {
            let count = numbers.len();
            let stddev = (spread as f64).sqrt() / count as f64;
            OracleValue::Exact(Some(stddev).filter(|_| count > 0))
        }
        None => OracleValue::Overflow,
    }
}

/// Σx / n, rounded once per conversion and once for the division.
pub(super) fn mean_of(numbers: &[i128]) -> Option<f64> {
    let sum: i128 = numbers.iter().sum();
    (!numbers.is_empty()).then(|| sum as f64 / numbers.len() as f64)
}

/// Σx, where it has no more than 64 bits.
fn sum_of(numbers: &[i128]) -> Option<i128> {
    let sum: i128 = numbers.iter().sum();
    i64::try_from(sum).ok().map(i128::from)
}

/// n·Σx² − (Σx)², of a sum of 64 bits and a product of 128.
fn spread_of(numbers: &[i128]) -> Option<u128> {
    let sum = sum_of(numbers)?;
    let mut squares = numbers.iter().map(|x| x.unsigned_abs().pow(2));
    let squares = squares.try_fold(0, u128::checked_add)?;
    let scaled = squares.checked_mul(numbers.len() as u128)?;
    Some(scaled - sum.unsigned_abs().pow(2))
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
