//! Share of the most frequent value.

use std::collections::BTreeMap;

use super::definition::{Definition, VALUES};
use super::distinct::tuple;
use super::window::Moment;
use super::{OracleFeature, OracleValue};

pub(super) const TOP_SHARE: Definition = Definition {
    columns: VALUES,
    last: true,
    ..Definition::windowed(top_share)
};

fn top_share(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let counted = moment.counted(feature);
    let mut numbers: BTreeMap<Option<Vec<String>>, usize> = BTreeMap::new();
    for event in &counted {
        *numbers.entry(tuple(feature, event)).or_default() += 1;
    }
    let most = numbers.values().max();
    OracleValue::Exact(most.map(|most| *most as f64 / counted.len() as f64))
}
