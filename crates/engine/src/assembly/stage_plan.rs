//! One stage, as written and compiled.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};
use tillwatch_feature_extraction::{Catalog, EngineSettings, FeatureError, Plan};
use tillwatch_records::KeySpec;

/// A stage before its catalog is compiled.
#[derive(Debug, Clone)]
pub struct StageText {
    /// Unique among the stages.
    pub name: String,
    /// What state is kept per.
    pub key: KeySpec,
    /// What is computed.
    pub catalog: CatalogText,
}

/// A catalog before it is compiled.
#[derive(Debug, Clone)]
pub struct CatalogText {
    /// Where it comes from, for messages: a path.
    pub origin: String,
    /// TOML.
    pub text: String,
}

/// One key and the compiled catalog of what is computed of it.
#[derive(Debug)]
pub struct StagePlan {
    /// As configured.
    pub name: String,
    /// What state is kept per.
    pub key: KeySpec,
    /// Name of the catalog.
    pub catalog: String,
    /// The compiled catalog.
    pub plan: Arc<Plan>,
}

impl StagePlan {
    /// Compiles the catalog of a stage. It may name what is joined by then, which is `known`: reference data
    /// and the features of the stages before.
    pub(super) fn compile(
        text: &StageText,
        settings: &EngineSettings,
        known: &[FieldRef],
    ) -> Result<Self, FeatureError> {
        let known = Schema::new(known.to_vec());
        let catalog = Catalog::parse_with(&text.catalog.text, &known)?;
        Ok(Self {
            name: text.name.clone(),
            key: text.key.clone(),
            catalog: catalog.name().to_owned(),
            plan: Arc::new(Plan::compile(&catalog, settings)?),
        })
    }
}
