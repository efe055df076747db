//! What an edit of the catalog keeps of a lane's state.

use crate::plan::{Edit, Plan};

/// What becomes of state of another catalog, by feature.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edited {
    /// Names of features that lack nothing.
    pub kept: Vec<String>,
    /// Features that lack something, and until when.
    pub rebuilt: Vec<Rebuilt>,
}

/// A feature that lacks something of the past. Scores are flagged `WARMING` meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Its name.
    pub feature: String,
    /// Its window is whole so long after the newest event time of a key, in milliseconds; nothing where its
    /// window lacks nothing, or it has none.
    pub window_ms: Option<i64>,
    /// Whether it also reads a memory that is new: that is whole once it does not depend any more on what
    /// came before, key by key.
    pub is_memory_new: bool,
}

impl Edited {
    /// Of the features of `plan`.
    pub(super) fn of(plan: &Plan, edit: &Edit) -> Self {
        let mut all = Self::default();
        for (info, lacking) in plan.features().iter().zip(edit.features()) {
            let name = info.name.clone();
            match lacking.window_ms.is_some() || lacking.is_memory_new {
                true => all.rebuilt.push(Rebuilt {
                    feature: name,
                    window_ms: lacking.window_ms,
                    is_memory_new: lacking.is_memory_new,
                }),
                false => all.kept.push(name),
            }
        }
        all
    }
}
