//! What a cut of a scorer holds until it is whole.

use tillwatch_records::cut::Part;

use crate::model::{Frozen, Learner, ModelInfo};

/// Begins the names of learners' parts.
pub(crate) const LEARNER: &str = "learner/";

/// Bytes of a learner that count as one key of a slice: about what a key of the shipped catalog takes.
const KEY_BYTES: usize = 1024;

/// The cut of a scorer that is under way.
#[derive(Debug)]
pub(crate) struct ScorerCut {
    /// Learners that are not written yet, the next one last.
    frozen: Vec<FrozenLearner>,
    /// What is written.
    parts: Vec<Part>,
    /// It ends as soon as what it froze is put back.
    is_given_up: bool,
}

#[derive(Debug)]
struct FrozenLearner {
    state: Box<dyn Frozen>,
    /// Grows with what is written of it.
    part: Part,
}

impl ScorerCut {
    /// A cut of `learners`, each with its part's name, and of `parts`, which are written already.
    pub(crate) fn begin<'a>(
        learners: impl Iterator<Item = (String, &'a dyn Learner)>,
        parts: Vec<Part>,
    ) -> Self {
        let mut frozen: Vec<FrozenLearner> = learners
            .map(|(name, learner)| FrozenLearner {
                state: learner.freeze(),
                part: Part {
                    name,
                    bytes: Vec::new(),
                },
            })
            .collect();
        frozen.reverse();
        Self {
            frozen,
            parts,
            is_given_up: false,
        }
    }

    /// Lets go what it holds.
    pub(crate) fn give_up(&mut self) {
        *self = Self {
            frozen: Vec::new(),
            parts: Vec::new(),
            is_given_up: true,
        };
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// Writes about as much of the learners as `keys_max` keys take; whether all is written.
    pub(crate) fn write_some(&mut self, keys_max: usize) -> bool {
        let Some(mut next) = self.frozen.pop() else {
            return true;
        };
        let bytes = keys_max.saturating_mul(KEY_BYTES);
        if next.state.write_some(&mut next.part.bytes, bytes) {
            self.parts.push(next.part);
        } else {
            self.frozen.push(next);
        }
        self.frozen.is_empty()
    }

    /// All parts, once all is written.
    pub(crate) fn into_parts(self) -> Vec<Part> {
        self.parts
    }

    /// Bytes of what is written.
    pub(crate) fn bytes(&self) -> usize {
        let under_way = self.frozen.iter().map(|learner| &learner.part);
        let parts = self.parts.iter().chain(under_way);
        parts.map(|part| part.bytes.capacity()).sum()
    }
}

/// Names of learners' parts, one after the other: the same model may be there several times, each with a
/// learner of its own.
#[derive(Debug, Default)]
pub(crate) struct LearnerNames(Vec<String>);

impl LearnerNames {
    /// The name of the part of the next learner, which is of `model`.
    pub(crate) fn next(&mut self, model: &ModelInfo) -> String {
        let ModelInfo { name, hash, .. } = model;
        let model = format!("{LEARNER}{name}/{hash}");
        let same = self.0.iter().filter(|other| **other == model).count();
        let part = format!("{model}/{same}");
        self.0.push(model);
        part
    }
}
