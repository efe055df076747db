//! What models may read.

use arrow::datatypes::Schema;
use sha2::{Digest as _, Sha256};
use tillwatch_feature_extraction::Plan;
use tillwatch_records::{Projection, RecordKinds};
use tillwatch_scoring::{CatalogId, FeatureWords, InputScope};

use super::stage_plan::StagePlan;

/// What models may read: the features of all stages as one catalog, and the columns of the kinds of record
/// that are scored.
pub(super) fn scope(stages: &[&StagePlan], joined: &Schema, scored: RecordKinds) -> InputScope {
    let carried = scored.iter().map(Projection::of_kind);
    let columns = Projection::new(carried.flat_map(|carried| carried.columns().to_vec()));
    let names: Vec<&str> = stages.iter().map(|stage| stage.catalog.as_str()).collect();
    let features = stages.iter().flat_map(|stage| stage.plan.feature_names());
    InputScope {
        catalog: names.join("+"),
        catalog_version: version(stages),
        features: features.map(str::to_owned).collect(),
        words: stages.iter().flat_map(|stage| words(&stage.plan)).collect(),
        columns: columns.columns().to_vec(),
        joined: joined.fields().iter().map(|f| f.as_ref().clone()).collect(),
        parts: parts(stages),
    }
}

/// What a catalog says of its features.
fn words(plan: &Plan) -> impl Iterator<Item = (String, FeatureWords)> {
    plan.feature_names().filter_map(|name| {
        let feature = plan.feature(name)?;
        let words = FeatureWords {
            description: feature.description.clone(),
            window: feature.window.clone(),
        };
        Some((name.to_owned(), words))
    })
}

/// The catalogs of several stages; none of a single one, which is the whole.
fn parts(stages: &[&StagePlan]) -> Vec<CatalogId> {
    let parts = stages.iter().map(|stage| CatalogId {
        name: stage.catalog.clone(),
        version: stage.plan.version().to_owned(),
    });
    parts.filter(|_| stages.len() > 1).collect()
}

/// The version of the only catalog; of several, a hash over keys and versions in their order, 16
/// hexadecimal digits as well.
fn version(stages: &[&StagePlan]) -> String {
    if let [only] = stages {
        return only.plan.version().to_owned();
    }
    let mut hasher = Sha256::new();
    for stage in stages {
        for column in stage.key.columns() {
            hasher.update(column.name());
            hasher.update(b" ");
        }
        hasher.update(stage.plan.version());
        hasher.update(b"\n");
    }
    let digest = hasher.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
