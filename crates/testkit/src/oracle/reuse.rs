//! Records that came under the id of another.

use super::definition::Definition;
use super::window::Moment;
use super::{OracleFeature, OracleValue};

pub(super) const ID_REUSES: Definition = Definition {
    panes: true,
    ..Definition::windowed(id_reuses)
};

fn id_reuses(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let reused = moment.window(feature, |record| {
        record.is_reused && feature.counts(record.event)
    });
    OracleValue::Exact(Some(reused.len() as f64))
}
