//! What the features of a lane mean to the stages after it.

use std::sync::OnceLock;

use twox_hash::XxHash3_64;

use super::feature_lane::FeatureLane;

impl FeatureLane {
    /// What the feature called `name` is made of, as a number: what it says of a record, and what says it of
    /// which records. Nothing where there is no such feature.
    pub fn identity_of(&self, name: &str) -> Option<u64> {
        let names = self.plan.feature_names();
        let (_, definition) = names
            .zip(&self.plan.definitions)
            .find(|(n, _)| *n == name)?;
        let ground = self.ground();
        let words = format!("{ground} {definition} {:?}", self.origins);
        Some(XxHash3_64::oneshot(words.as_bytes()))
    }

    /// Says what a joined column means that a stage before this one makes, where the catalog reads it: the
    /// [identity](FeatureLane::identity_of) of a feature. State that was made of another one is not the same.
    pub fn read_from(&mut self, name: &str, identity: u64) {
        self.origins.insert(name.to_owned(), identity);
        self.shape = OnceLock::new();
    }
}
