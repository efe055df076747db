//! A model's directory as bytes.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::description::Description;
use crate::error::ScoringError;
use crate::text::read_toml;

/// The bytes of a model's directory.
#[derive(Debug, Clone, Default)]
pub struct ModelFiles {
    /// Text of model.toml.
    pub description: String,
    /// Every other file, by its name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The directories of an ensemble's members, by the path that model.toml gives them.
    pub members: BTreeMap<String, ModelFiles>,
}

impl ModelFiles {
    /// The paths of an ensemble's members, as model.toml writes them; none for another kind.
    ///
    /// # Errors
    /// Refuses a model.toml that cannot be read.
    pub fn member_paths(description: &str) -> Result<Vec<String>, ScoringError> {
        let description: Description = read_toml("model.toml", description)?;
        let table = description.ensemble.into_iter();
        let members = table.flat_map(|table| table.members);
        Ok(members.map(|member| member.model).collect())
    }

    /// Hash over everything that decides what the model says: model.toml, artefact, members.
    pub(super) fn hash(&self, artefact: &str) -> String {
        let mut hasher = Sha256::new();
        self.hash_into(artefact, &mut hasher);
        let digest = hasher.finalize();
        let hex = digest[..8].iter().map(|byte| format!("{byte:02x}"));
        hex.collect()
    }

    fn hash_into(&self, artefact: &str, hasher: &mut Sha256) {
        let parts = [
            self.description.as_bytes(),
            self.files.get(artefact).map_or(&[], Vec::as_slice),
        ];
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        for (path, member) in &self.members {
            hasher.update(path);
            let artefact = read_toml::<Description>("model.toml", &member.description);
            member.hash_into(&artefact.map_or(String::new(), |d| d.artefact), hasher);
        }
    }
}
