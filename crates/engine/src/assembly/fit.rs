//! Models fitted to catalogs, columns and settings.

use std::collections::BTreeSet;
use std::sync::Arc;

use tillwatch_decode::{DecodePlan, DecodeSettings, OwnColumn, Wanted};
use tillwatch_records::{Column, KeySpec, Projection};
use tillwatch_scoring::{InputScope, Lineup, LoadedModel, ModelFiles, ModelKinds, ScoringSettings};

use super::error::AssemblyError;
use super::mention::names_reference;
use crate::active::ActiveModels;

/// The files of every model of a line-up.
#[derive(Debug, Clone, Default)]
pub struct LineupFiles {
    /// The model whose scores decide.
    pub champion: ModelOrigin,
    /// The model that scores a share of the keys in its place, and the share: above 0 to 1.
    pub challenger: Option<(ModelOrigin, f64)>,
    /// The models that decide nothing.
    pub shadows: Vec<ModelOrigin>,
}

/// A model before it is loaded.
#[derive(Debug, Clone, Default)]
pub struct ModelOrigin {
    /// Where it comes from, for messages: a directory.
    pub origin: String,
    /// Its files.
    pub files: ModelFiles,
}

/// What models must fit to.
#[derive(Debug)]
pub(super) struct Fit {
    /// What they may read.
    pub(super) scope: Arc<InputScope>,
    pub(super) kinds: ModelKinds,
    pub(super) scoring: ScoringSettings,
    pub(super) decode: DecodeSettings,
    /// The keys of all stages, in order.
    pub(super) keys: Vec<KeySpec>,
    /// Columns by which stages compare records, whether or not anything else reads them.
    pub(super) compared: BTreeSet<Column>,
    /// Columns that are read whatever models score.
    pub(super) columns: BTreeSet<Column>,
    /// Other names that are read whatever models score.
    pub(super) names: BTreeSet<String>,
    /// The columns that the site has declared, whether or not they are read.
    pub(super) own: Vec<OwnColumn>,
    pub(super) has_reference: bool,
}

impl Fit {
    /// Loads the models and lays out what is decoded for them.
    pub(super) fn models(&self, files: &LineupFiles) -> Result<ActiveModels, AssemblyError> {
        let champion = self.load(&files.champion)?;
        let lineup = Lineup::new(champion, self.scoring.clone(), Arc::clone(&self.scope));
        let mut lineup = lineup.map_err(AssemblyError::Scoring)?;
        if let Some((challenger, share)) = &files.challenger {
            let challenged = lineup.with_challenger(self.load(challenger)?, *share);
            lineup = challenged.map_err(AssemblyError::Scoring)?;
        }
        for shadow in &files.shadows {
            let watched = lineup.with_shadow(self.load(shadow)?);
            lineup = watched.map_err(AssemblyError::Scoring)?;
        }
        let read = self.columns.iter().copied().chain(lineup.columns_needed());
        let read: BTreeSet<Column> = read.collect();
        let projection = Projection::new(read.union(&self.compared).copied());
        let by_models = lineup.joined_needed();
        let is_read = |own: &&OwnColumn| {
            self.names.contains(own.name())
                || by_models.iter().any(|field| field.name() == own.name())
        };
        let own: Vec<OwnColumn> = self.own.iter().filter(is_read).cloned().collect();
        let wanted = Wanted {
            projection: Arc::new(projection),
            own,
            keys: self.keys.clone(),
            optional: self.compared.difference(&read).copied().collect(),
        };
        let decode = DecodePlan::for_wanted(&self.decode, &wanted);
        let decode = Arc::new(decode.map_err(AssemblyError::Decode)?);
        Ok(ActiveModels::new(lineup, decode))
    }

    fn load(&self, model: &ModelOrigin) -> Result<Arc<LoadedModel>, AssemblyError> {
        let loaded = self.kinds.load(&model.files, &self.scope);
        loaded.map_err(|source| {
            let needs_reference = !self.has_reference && names_reference(&source);
            let error = AssemblyError::Model {
                origin: model.origin.clone(),
                source,
            };
            match needs_reference {
                true => AssemblyError::NeedsReference(Box::new(error)),
                false => error,
            }
        })
    }
}
