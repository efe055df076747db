//! Least-squares trend of a number, per hour.

use tillwatch_records::column::ColumnType;

use super::definition::{Definition, Number, SINGLE_NUMBERS};
use super::window::Moment;
use super::{OracleFeature, OracleValue};
use crate::stream::Event;

pub(super) const SLOPE: Definition = Definition {
    columns: SINGLE_NUMBERS,
    number: Number::Column,
    panes: true,
    last: true,
    ..Definition::windowed(slope)
};

/// What numbers that are no integers are rounded to a multiple of, as a power of two.
const UNITS: f64 = 1_048_576.0;

/// Covariance over variance of times and values, of exact sums of distances from the first record.
fn slope(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let counted = moment.counted(feature);
    let first_ms = counted.first().map_or(0, |event| event.event_time_ms);
    let points: Vec<(i128, i128)> = counted
        .iter()
        .filter_map(|event| {
            let time_ms = i128::from(event.event_time_ms - first_ms);
            Some((time_ms, value(feature, event)?))
        })
        .collect();
    let n = points.len() as i128;
    let sum = |of: fn(i128, i128) -> i128| points.iter().map(|(t, y)| of(*t, *y)).sum::<i128>();
    let (times, values) = (sum(|t, _| t), sum(|_, y| y));
    let spread = n * sum(|t, _| t * t) - times * times;
    let joint = n * sum(|t, y| t * y) - times * values;
    let unit = if is_integer(feature) {
        1.0
    } else {
        1.0 / UNITS
    };
    let slope = joint as f64 / spread as f64 * 3_600_000.0 * unit;
    OracleValue::Exact(Some(slope).filter(|_| spread != 0))
}

fn is_integer(feature: &OracleFeature) -> bool {
    let column = feature.columns.first();
    column.is_some_and(|column| column.kind() == ColumnType::Int64)
}

/// A record's value in the units that are summed.
fn value(feature: &OracleFeature, event: &Event) -> Option<i128> {
    if is_integer(feature) {
        return event.integer(*feature.columns.first()?).map(i128::from);
    }
    let number = feature.number(event)?;
    let fits = number.abs() < 4_398_046_511_104.0;
    fits.then(|| (number * UNITS).round_ties_even() as i128)
}
