//! Which models score: the file that says so, changes while the process runs, and who is told of them.

mod audit;
mod change;
pub mod directory;
mod file;
mod reload;
#[cfg(test)]
mod tests;
mod trial;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tillwatch_scoring::{Lineup, LoadedModel};

pub use audit::{Audit, Source};
pub use change::Change;
pub use directory::{LineupFiles, ModelFileError};
pub use file::{LineupFile, LineupFileError};
pub use reload::Reloader;
pub use trial::Memory;

/// A line-up in words: each model as `name@version+hash`. Two of the same name score the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineupName {
    pub champion: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenger: Option<ChallengerName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<String>,
}

/// A challenger in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChallengerName {
    pub model: String,
    /// Share of keys, above 0 to 1.
    pub share: f64,
}

impl LineupName {
    pub fn of(lineup: &Lineup) -> Self {
        let name = |model: &Arc<LoadedModel>| {
            let info = model.info();
            format!("{}+{}", info.versioned_name(), info.hash)
        };
        let challenger = lineup.challenger();
        Self {
            champion: name(lineup.champion()),
            challenger: challenger.map(|(model, share)| ChallengerName {
                model: name(model),
                share,
            }),
            shadows: lineup.shadows().map(name).collect(),
        }
    }
}

impl fmt::Display for LineupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.champion)?;
        if let Some(ChallengerName { model, share }) = &self.challenger {
            write!(f, ", challenger {model} for {share}")?;
        }
        for shadow in &self.shadows {
            write!(f, ", shadow {shadow}")?;
        }
        Ok(())
    }
}
