//! A line-up in words.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tillwatch_scoring::{Lineup, LoadedModel};

/// A line-up in words: each model as `name@version+hash`. Two of the same name score the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineupName {
    /// The model whose scores decide.
    pub champion: String,
    /// The model that scores a share of the keys in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenger: Option<ChallengerName>,
    /// The models that decide nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<String>,
}

/// A challenger in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChallengerName {
    /// As the models of [`LineupName`].
    pub model: String,
    /// Share of keys, above 0 to 1.
    pub share: f64,
}

impl LineupName {
    /// The name of `lineup`.
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
