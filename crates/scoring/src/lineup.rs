//! The models that score together: the active one, and others beside it.

use std::sync::Arc;

use arrow::datatypes::Field;
use tillwatch_records::{Column, Versions};

use crate::error::ScoringError;
use crate::loaded::LoadedModel;
use crate::reads::Reads;
use crate::scope::InputScope;
use crate::settings::ScoringSettings;

/// Shadows of one line-up: each costs about as much as the active model.
const SHADOWS_MAX: usize = 16;

/// What scores: made once, shared by all lanes, and exchanged as a whole.
#[derive(Debug, Clone)]
pub struct Lineup {
    pub(crate) settings: ScoringSettings,
    pub(crate) scope: Arc<InputScope>,
    pub(crate) champion: Entrant,
    /// Where there is one, its share of keys is in (0, 1].
    pub(crate) challenger: Option<(Entrant, f64)>,
    /// Models that score the same features and whose scores decide nothing.
    pub(crate) shadows: Vec<Entrant>,
}

/// A model with what its scores will say of it.
#[derive(Debug, Clone)]
pub(crate) struct Entrant {
    pub(crate) model: Arc<LoadedModel>,
    pub(crate) versions: Arc<Versions>,
    /// What its members read.
    pub(crate) reads: Reads,
    /// `name@version`, as scores of a shadow are labelled.
    pub(crate) label: Arc<str>,
}

impl Lineup {
    /// A line-up of one model.
    ///
    /// # Errors
    /// Refuses settings that contradict each other.
    pub fn new(
        champion: Arc<LoadedModel>,
        settings: ScoringSettings,
        scope: Arc<InputScope>,
    ) -> Result<Self, ScoringError> {
        settings.validate()?;
        Ok(Self {
            champion: Entrant::new(champion, &scope),
            challenger: None,
            shadows: Vec::new(),
            settings,
            scope,
        })
    }

    /// Gives a share of keys, 0 to 1, to a challenger: its score is theirs. Which keys is a hash of the key
    /// alone, so a key stays where it is as long as the share does.
    ///
    /// # Errors
    /// Refuses a share outside of 0 to 1.
    pub fn with_challenger(
        mut self,
        model: Arc<LoadedModel>,
        share: f64,
    ) -> Result<Self, ScoringError> {
        if !(0.0..=1.0).contains(&share) {
            let message = format!("challenger: share {share} is not within 0 to 1");
            return Err(ScoringError::Settings(message));
        }
        self.challenger = (share > 0.0).then(|| (Entrant::new(model, &self.scope), share));
        Ok(self)
    }

    /// Adds a model that is only watched.
    ///
    /// # Errors
    /// Refuses the seventeenth, and a second one of the same name and version.
    pub fn with_shadow(mut self, model: Arc<LoadedModel>) -> Result<Self, ScoringError> {
        let entrant = Entrant::new(model, &self.scope);
        let name = &entrant.versions.model;
        if self.shadows.len() == SHADOWS_MAX {
            let message = format!("more than {SHADOWS_MAX} shadows");
            return Err(ScoringError::Settings(message));
        }
        if self
            .shadows
            .iter()
            .any(|other| other.versions.model == *name)
        {
            let message = format!("two shadows are called `{name}`; change the version of one");
            return Err(ScoringError::Settings(message));
        }
        self.shadows.push(entrant);
        Ok(self)
    }

    /// The active model: its scores decide, but for those of a challenger.
    pub fn champion(&self) -> &Arc<LoadedModel> {
        &self.champion.model
    }

    /// The model that scores a share of keys, and the share.
    pub fn challenger(&self) -> Option<(&Arc<LoadedModel>, f64)> {
        let (entrant, share) = self.challenger.as_ref()?;
        Some((&entrant.model, *share))
    }

    /// The models whose scores decide nothing.
    pub fn shadows(&self) -> impl Iterator<Item = &Arc<LoadedModel>> {
        self.shadows.iter().map(|entrant| &entrant.model)
    }

    /// What the champion's scores say made them.
    pub fn versions(&self) -> &Arc<Versions> {
        &self.champion.versions
    }

    /// How scores decide.
    pub fn settings(&self) -> &ScoringSettings {
        &self.settings
    }

    /// The event columns that any of the models reads. The event time is among them, alerts cool down
    /// by it.
    pub fn columns_needed(&self) -> Vec<Column> {
        let inputs = self.inputs();
        let mut columns: Vec<Column> = inputs
            .filter_map(|input| self.scope.event_column(input))
            .chain([Column::EventTime])
            .collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The joined columns that any of the models reads, by name and without repetition.
    pub fn joined_needed(&self) -> Vec<Field> {
        let inputs = self.inputs();
        let mut fields: Vec<Field> = inputs
            .filter_map(|input| self.scope.joined_column(input))
            .cloned()
            .collect();
        fields.sort_by(|a, b| a.name().cmp(b.name()));
        fields.dedup_by(|a, b| a.name() == b.name());
        fields
    }

    /// Champion, challenger, shadows.
    pub(crate) fn models(&self) -> impl Iterator<Item = &Arc<LoadedModel>> {
        let challenger = self.challenger.iter().map(|(entrant, _)| entrant);
        let entrants = [&self.champion].into_iter().chain(challenger);
        entrants.chain(&self.shadows).map(|entrant| &entrant.model)
    }

    fn inputs(&self) -> impl Iterator<Item = &str> {
        let members = self.models().flat_map(|model| model.members());
        members.flat_map(|info| info.inputs.iter().map(String::as_str))
    }
}

impl Entrant {
    fn new(model: Arc<LoadedModel>, scope: &InputScope) -> Self {
        let versions = Arc::new(Versions {
            model: model.info().versioned_name(),
            model_hash: model.info().hash.clone(),
            catalog: scope.catalog_version.clone(),
            reference: None,
        });
        Self {
            label: versions.model.as_str().into(),
            reads: Reads::of(&model, scope),
            model,
            versions,
        }
    }
}
