//! What lanes are made of: validated once, then shared by every lane.

mod carried;
mod error;
mod fit;
mod mention;
mod plans;
mod scope;
mod stage_plan;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::Field;
use tillwatch_decode::{DecodeSettings, Decoder, OwnColumn};
use tillwatch_feature_extraction::EngineSettings;
use tillwatch_records::{Column, KeySpec, Versions};
use tillwatch_reference::ReferenceTable;
use tillwatch_scoring::{InputScope, Lineup, ModelKinds, ScoringSettings};

use crate::active::{ActiveModels, SharedModels};
use crate::audit::Audit;
use crate::joiner::Joiner;
use crate::lane::Lane;
use crate::recent_rows::RecentRows;
use crate::reference::SharedReference;
use crate::trial::Trial;
pub use carried::Carried;
pub use error::AssemblyError;
use fit::Fit;
pub use fit::{LineupFiles, ModelOrigin};
pub use mention::names_reference;
pub use plans::Plans;
pub use stage_plan::{CatalogText, StagePlan, StageText};

/// Everything that lanes are made of, passed in by whoever reads files and settings.
#[derive(Debug)]
pub struct Parts {
    /// In the order in which a record passes them; at least one.
    pub stages: Vec<StageText>,
    /// The models that score at first.
    pub models: LineupFiles,
    /// The kinds of model that can be loaded.
    pub kinds: ModelKinds,
    /// What is joined to every record, if anything is.
    pub reference: Option<ReferenceData>,
    /// How records are read.
    pub decode: DecodeSettings,
    /// How time and state are dealt with.
    pub engine: EngineSettings,
    /// How scores decide.
    pub scoring: ScoringSettings,
    /// Who is told from which record on a lane scores with what.
    pub audit: Option<Arc<dyn Audit>>,
    /// Last rows, of all lanes together, to try other models on; 0 for none.
    pub recent_rows: usize,
}

/// A table of reference data.
#[derive(Debug)]
pub struct ReferenceData {
    /// The first table; others may take its place, see [`SharedReference::exchange`].
    pub table: ReferenceTable,
    /// Columns of a record that name its row.
    pub key: KeySpec,
}

/// What lanes are made of.
#[derive(Debug)]
pub struct Assembly {
    plans: Plans,
    fit: Fit,
    models: Arc<SharedModels>,
    /// What is joined to records before the first stage.
    reference: Option<Arc<SharedReference>>,
}

/// Columns that every score carries or needs, whatever catalog and models read.
const ALWAYS: [Column; 2] = [Column::EventId, Column::EventTime];

impl Parts {
    /// Parts with the settings that hold unless others are given: no reference data, nobody to be told.
    pub fn new(stages: Vec<StageText>, models: LineupFiles, kinds: ModelKinds) -> Self {
        Self {
            stages,
            models,
            kinds,
            reference: None,
            decode: DecodeSettings::default(),
            engine: EngineSettings::default(),
            scoring: ScoringSettings::default(),
            audit: None,
            recent_rows: 0,
        }
    }
}

impl Assembly {
    /// Compiles catalogs, loads models and fits them together.
    ///
    /// # Errors
    /// Names the catalog, model or setting that does not fit, and what to do.
    pub fn new(parts: Parts) -> Result<Self, AssemblyError> {
        let own = parts.decode.own_columns().map_err(AssemblyError::Decode)?;
        let reference = parts.reference.as_ref();
        let carried = Carried {
            own: own.clone(),
            reference: reference.map(|data| data.table.schema().as_ref().clone()),
            scored: parts.scoring.record_types,
        };
        let plans = Plans::compile(&parts.stages, &parts.engine, carried)?;
        let reference_key = parts.reference.iter().map(|data| &data.key);
        let keys = plans.keys().chain(reference_key);
        let columns: BTreeSet<Column> = ALWAYS
            .into_iter()
            .chain(keys.flat_map(|key| key.columns().iter().copied()))
            .chain(plans.columns_read())
            .collect();
        let fit = Fit {
            scope: Arc::new(plans.scope()),
            kinds: parts.kinds,
            scoring: parts.scoring,
            decode: parts.decode,
            columns,
            names: plans.names_needed(),
            own,
            has_reference: parts.reference.is_some(),
            keys: plans.keys().cloned().collect(),
            compared: plans.columns_compared(),
        };
        let active = fit.models(&parts.models)?;
        let reference = parts.reference.map(|ReferenceData { table, key }| {
            let models = joined_names(active.lineup());
            let wanted = Arc::new(plans.reference_needed(models));
            SharedReference::new(table, key, wanted).map(Arc::new)
        });
        let reference = reference.transpose().map_err(AssemblyError::Reference)?;
        let recent = RecentRows::new(parts.recent_rows);
        Ok(Self {
            models: Arc::new(SharedModels::new(active, parts.audit, recent)),
            plans,
            fit,
            reference,
        })
    }

    /// Loads models that may take the place of the active ones, see [`SharedModels::exchange`].
    ///
    /// # Errors
    /// Refuses models that do not fit catalogs, columns and settings, and those that read a column of the
    /// reference table that is not joined: which ones are is settled when the assembly is made.
    pub fn fit_models(&self, files: &LineupFiles) -> Result<ActiveModels, AssemblyError> {
        let mut next = self.fit.models(files)?;
        if let Some(reference) = &self.reference {
            let wanted = reference.wanted();
            let is_own = |name: &String| self.fit.own.iter().any(|own| own.name() == name);
            let is_missing = |name: &String| wanted.field_with_name(name).is_err() && !is_own(name);
            if let Some(column) = joined_names(next.lineup()).find(is_missing) {
                return Err(AssemblyError::NotJoined { column });
            }
        }
        next.keep_decoder_of(&self.models.current());
        Ok(next)
    }

    /// Tries `next` on the last rows of all lanes and holds it against the active models; `None`
    /// where no rows are kept. `pause` is called before each batch of rows: a trial takes some
    /// tenths of a second of work that nobody waits for, and lanes may need the processor.
    pub fn try_out(&self, next: &ActiveModels, pause: impl FnMut()) -> Option<Trial> {
        let batches = self.models.recent()?.newest();
        let current = self.models.current();
        Trial::run(
            current.lineup(),
            next.lineup(),
            self.scope(),
            &batches,
            pause,
        )
    }

    /// A new lane whose first record is at `start_offset` of its partition.
    pub fn lane(&self, start_offset: i64) -> Lane {
        let joiner = self.reference.as_ref().map(Joiner::new);
        Lane::new(&self.models, joiner, self.plans.chain(start_offset))
    }

    /// A decoder that reads what the active models need, for [`Input::Decoded`](crate::Input::Decoded).
    pub fn decoder(&self) -> Decoder {
        Decoder::new(Arc::clone(self.models.current().decode()))
    }

    /// The stages with their compiled catalogs, in order.
    pub fn stages(&self) -> impl Iterator<Item = &StagePlan> {
        self.plans.stages()
    }

    /// What is joined to records, if there is anything.
    pub fn reference(&self) -> Option<&Arc<SharedReference>> {
        self.reference.as_ref()
    }

    /// The columns that are decoded: what keys, catalogs, models and output read.
    pub fn columns(&self) -> Vec<Column> {
        let active = self.models.current();
        active.decode().projection().columns().to_vec()
    }

    /// The columns of the site's own that are decoded.
    pub fn own_columns(&self) -> Vec<OwnColumn> {
        self.models.current().decode().own_columns().to_vec()
    }

    /// What any model may read.
    pub fn scope(&self) -> &InputScope {
        &self.fit.scope
    }

    /// The models that score.
    pub fn models(&self) -> &Arc<SharedModels> {
        &self.models
    }

    /// What scores will say made them.
    pub fn versions(&self) -> Arc<Versions> {
        Arc::clone(self.models.current().lineup().versions())
    }
}

/// The columns of the reference table that `lineup` reads.
fn joined_names(lineup: &Lineup) -> impl Iterator<Item = String> {
    let needed: Vec<Field> = lineup.joined_needed();
    needed.into_iter().map(|field| field.name().clone())
}
