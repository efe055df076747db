//! Values as such: how many, how evenly, how often the record's own.

use std::collections::BTreeMap;

use tillwatch_records::Column;

use super::definition::{Definition, VALUES};
use super::window::Moment;
use super::{OracleFeature, OracleValue};
use crate::stream::Event;

pub(super) const DISTINCT: Definition = Definition {
    columns: VALUES,
    panes: true,
    last: true,
    ..Definition::windowed(distinct)
};

pub(super) const ENTROPY: Definition = Definition {
    columns: VALUES,
    last: true,
    ..Definition::windowed(entropy)
};

pub(super) const REPEATS: Definition = Definition {
    columns: &[
        &[Column::CardToken],
        &[Column::CardToken, Column::AmountMinor],
        &[Column::Rrn],
    ],
    last: true,
    ..Definition::windowed(repeats)
};

/// Up to so many distinct values the count is exact.
const EXACT_MAX: usize = 2_048;

/// Five standard errors of the estimate beyond, as a share of the count.
const ESTIMATE_ERROR: f64 = 5.0 * 0.032;

fn distinct(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let count = frequencies(feature, moment).len();
    if count > EXACT_MAX {
        OracleValue::relative(Some(count as f64), ESTIMATE_ERROR)
    } else {
        OracleValue::Exact(Some(count as f64))
    }
}

fn entropy(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let frequencies = frequencies(feature, moment);
    let total: usize = frequencies.values().sum();
    let bits: f64 = frequencies
        .values()
        .map(|count| *count as f64 / total as f64)
        .map(|share| -share * libm::log2(share))
        .sum();
    OracleValue::Near {
        value: (total > 0).then_some(bits),
        error: 1e-6,
    }
}

fn repeats(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let repeats = tuple(feature, moment.event).map(|own| {
        let counted = moment.counted(feature).into_iter();
        let equal = counted.filter(|event| tuple(feature, event).as_ref() == Some(&own));
        equal.count() as f64
    });
    OracleValue::Exact(repeats)
}

/// The values of the feature's columns; `None` where one is null.
pub(super) fn tuple(feature: &OracleFeature, event: &Event) -> Option<Vec<String>> {
    feature.columns.iter().map(|c| event.text(*c)).collect()
}

/// How often each tuple occurs in the window.
fn frequencies(
    feature: &OracleFeature,
    moment: &Moment<'_, '_>,
) -> BTreeMap<Option<Vec<String>>, usize> {
    let mut frequencies = BTreeMap::new();
    for event in moment.counted(feature) {
        *frequencies.entry(tuple(feature, event)).or_default() += 1;
    }
    frequencies
}
