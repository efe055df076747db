//! Every aggregate, in the order in which error messages and documents list them.

use arrow::datatypes::Schema;

use super::definition::Definition;
use super::{
    change, count, distinct, edge, entropy, ewma, extreme, hour_of_week_rate, id_reuses,
    inter_arrival, mean, quantile, ratio, repeats, robust_z, sequence, slope, stddev, sum,
    time_since_last, top_share, travel, value,
};
use crate::catalog::{Aggregate, Catalog};
use crate::error::FeatureError;

/// One line per aggregate.
static TABLE: &[&dyn Definition] = &[
    &count::Count,
    &sum::Sum,
    &mean::Mean,
    &stddev::Stddev,
    &slope::Slope,
    &extreme::MIN,
    &extreme::MAX,
    &edge::FIRST,
    &edge::LAST,
    &ratio::Ratio,
    &distinct::Distinct,
    &entropy::Entropy,
    &repeats::Repeats,
    &top_share::TopShare,
    &quantile::Quantile,
    &robust_z::RobustZ,
    &inter_arrival::MEAN,
    &inter_arrival::CV,
    &time_since_last::TimeSinceLast,
    &value::Value,
    &sequence::Gap,
    &sequence::DUPLICATES,
    &sequence::REGRESSIONS,
    &sequence::FORKS,
    &change::Changed,
    &change::Changes,
    &id_reuses::IdReuses,
    &travel::DISTANCE_KM,
    &travel::SPEED_KMH,
    &ewma::MEAN,
    &ewma::STDDEV,
    &ewma::Z,
    &hour_of_week_rate::HourOfWeekRate,
];

/// The definition of an aggregate.
pub(crate) fn definition_of(aggregate: Aggregate) -> Option<&'static dyn Definition> {
    let mut all = TABLE.iter().copied();
    all.find(|definition| definition.signature().name == aggregate.as_str())
}

impl Aggregate {
    /// Every aggregate.
    pub fn all() -> impl Iterator<Item = Self> {
        let signatures = TABLE.iter().map(|definition| definition.signature());
        signatures.map(Self::new)
    }
}

impl Catalog {
    /// Reads a catalog over the columns of records alone, see [`Catalog::parse_with`].
    ///
    /// # Errors
    /// As [`Catalog::parse_with`].
    pub fn parse(text: &str) -> Result<Self, FeatureError> {
        Self::parse_with(text, &Schema::empty())
    }

    /// Reads a catalog that may name the columns of records and those of `joined`, see
    /// [`tillwatch_records::EventBatch::joined`].
    ///
    /// # Errors
    /// The text is no catalog. The error names the feature, the column and the nearest known name.
    pub fn parse_with(text: &str, joined: &Schema) -> Result<Self, FeatureError> {
        let known: Vec<Aggregate> = Aggregate::all().collect();
        Self::read(text, joined, &known)
    }
}
