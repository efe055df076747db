//! From a configuration and the files that it names to what lanes are made of.

use std::path::Path;
use std::sync::Arc;

use tillwatch_engine::{
    Assembly, AssemblyError, Carried, CatalogText, Parts, Plans, ReferenceData, StageText,
};
use tillwatch_feature_extraction::EngineSettings;
use tillwatch_records::KeySpec;
use tillwatch_scoring::InputScope;
use tillwatch_sink::LetterMask;

use crate::config::{Config, ConfigError, read_text};
use crate::kinds;
use crate::lineup::{AuditLog, Followed, LoadedLineup, ModelFileError};
use crate::reference::{LoadedReference, ReferenceFile, ReferenceFileError};

/// What a configuration makes of the flow, before any record.
#[derive(Debug)]
pub struct Setup {
    pub assembly: Arc<Assembly>,
    /// The file of what is joined to records, if anything is.
    pub reference: Option<Arc<ReferenceFile>>,
    /// The files of the models, where these may change while lanes score.
    pub followed: Option<Followed>,
    /// What hides card numbers in dead letters; `None` where they show records as they came.
    pub letter_mask: Option<LetterMask>,
}

/// Why there are no lanes. A person must change the configuration or a file that it names.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    ModelFiles(#[from] ModelFileError),
    #[error("[reference]: {0}")]
    Reference(#[from] ReferenceFileError),
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
}

impl Setup {
    /// Reads catalogs, models and reference data, and fits them together.
    pub fn load(config: &Config) -> Result<Self, SetupError> {
        let models = LoadedLineup::read(&config.models)?;
        Self::with(config, read_catalog, models, None)
    }

    /// As [`Setup::load`], for models that change while lanes score; `audit` is told of it.
    pub fn load_to_follow(config: &Config, audit: Arc<AuditLog>) -> Result<Self, SetupError> {
        let models = LoadedLineup::read(&config.models)?;
        Self::with(config, read_catalog, models, Some(audit))
    }

    /// As [`Setup::load_to_follow`] where there is an audit, with the models and a reader of
    /// catalogs passed in.
    pub fn with(
        config: &Config,
        read: impl Fn(&Path) -> Result<CatalogText, ConfigError>,
        models: LoadedLineup,
        audit: Option<Arc<AuditLog>>,
    ) -> Result<Self, SetupError> {
        let stages = stages(config, read)?;
        let LoadedLineup { files, stamp } = models;
        let mut parts = Parts::new(stages, files, kinds::of_this_build(&config.scoring.flags));
        parts.decode = config.decode.clone();
        parts.engine = config.engine.clone();
        parts.scoring = config.scoring.clone();
        let mut reference_stamp = None;
        if let Some(settings) = &config.reference {
            let loaded = LoadedReference::read(settings)?;
            reference_stamp = Some(loaded.stamp);
            parts.reference = Some(ReferenceData {
                table: loaded.table,
                key: settings.key.clone(),
            });
        }
        if let Some(audit) = &audit {
            parts.audit = Some(Arc::<AuditLog>::clone(audit));
            parts.recent_rows = config.models.backtest_rows;
        }
        let assembly = Assembly::new(parts)?;
        let shared = assembly.reference().zip(config.reference.as_ref());
        let reference = shared
            .zip(reference_stamp)
            .map(|((shared, settings), stamp)| {
                ReferenceFile::new(settings.clone(), Arc::clone(shared), stamp)
            });
        Ok(Self {
            letter_mask: config.letter_mask.clone(),
            reference: reference.map(Arc::new),
            assembly: Arc::new(assembly),
            followed: audit.map(|audit| Followed {
                settings: config.models.clone(),
                audit,
                stamp,
            }),
        })
    }
}

/// What models may read by `config`, whatever models it names.
pub fn input_scope(config: &Config) -> Result<InputScope, SetupError> {
    let loaded = config.reference.as_ref();
    let loaded = loaded.map(LoadedReference::read).transpose()?;
    let own = config.decode.own_columns();
    let carried = Carried {
        own: own.map_err(AssemblyError::Decode)?,
        reference: loaded.map(|loaded| loaded.table.schema().as_ref().clone()),
        scored: config.scoring.record_types,
    };
    let plans = Plans::compile(&stages(config, read_catalog)?, &config.engine, carried)?;
    Ok(plans.scope())
}

/// What models may read of the catalog at `path` and of transactions.
pub fn catalog_scope(path: &Path) -> Result<InputScope, SetupError> {
    let stage = StageText {
        name: String::new(),
        key: KeySpec::terminal(),
        catalog: read_catalog(path)?,
    };
    let plans = Plans::compile(&[stage], &EngineSettings::default(), Carried::default())?;
    Ok(plans.scope())
}

fn stages(
    config: &Config,
    read: impl Fn(&Path) -> Result<CatalogText, ConfigError>,
) -> Result<Vec<StageText>, SetupError> {
    let stages = config.stages.iter().map(|stage| {
        Ok(StageText {
            name: stage.name.clone(),
            key: stage.key.clone(),
            catalog: read(&stage.catalog)?,
        })
    });
    stages.collect()
}

fn read_catalog(path: &Path) -> Result<CatalogText, ConfigError> {
    Ok(CatalogText {
        origin: path.display().to_string(),
        text: read_text(path)?,
    })
}
