//! What a scorer remembers, on its way to a store and back.

use tillwatch_records::cut::{Entries, Entry, Part};

use crate::cut::{LEARNER, LearnerNames, ScorerCut};
use crate::error::ScoringError;
use crate::model::{Learner, ModelInfo};
use crate::runner::Runner;
use crate::scorer::Scorer;

/// Name of the part that says of how many alerts there are entries.
const ALERTS: &str = "alerts";

/// What became of learners when a state was restored that may have been written with other models.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestoredLearners {
    /// Models, as name and hash, whose learners begin with nothing: the state has none of them.
    pub fresh: Vec<String>,
    /// Models, as name and hash, whose learners' state is dropped: they do not score any more.
    pub dropped: Vec<String>,
}

impl Scorer {
    /// Takes note of what changes from now on. Everything that is remembered counts as changed and unknown to
    /// any store, and a cut under way is lost.
    pub fn track(&mut self) {
        self.cut = None;
        self.alerts.track();
    }

    /// Whether changes are noted: from [`Scorer::track`] or [`Scorer::end_restore`] on.
    pub fn is_tracked(&self) -> bool {
        self.alerts.is_tracked()
    }

    /// Begins a cut: what the scorer remembers now is what it will hold. Gives whether it did: not where one
    /// is under way, and not where changes are not tracked.
    pub fn begin_cut(&mut self) -> bool {
        if self.cut.is_some() || !self.is_tracked() {
            return false;
        }
        let Self {
            champion,
            challenger,
            shadows,
            alerts,
            cut,
            // Whoever keeps the cut notes which models score.
            lineup: _,
            // Of the models and of the reference table.
            versions: _,
            // Holds nothing between batches.
            own: _,
        } = self;
        let parts = vec![Part {
            name: ALERTS.to_owned(),
            bytes: alerts.begin_cut(),
        }];
        let mut names = LearnerNames::default();
        let runners = [&*champion].into_iter().chain(&*challenger);
        let learners = runners.chain(&*shadows).flat_map(Runner::learners);
        let named = learners.map(|(model, learner)| (names.next(model), learner));
        *cut = Some(ScorerCut::begin(named, parts));
        true
    }

    /// Goes on with a cut, by about what `keys_max` keys take: appends entries of what has changed under
    /// keys, and gives all parts once the cut is whole. Of one that is given up it gives nothing more.
    pub fn continue_cut(&mut self, out: &mut Entries, keys_max: usize) -> Option<Vec<Part>> {
        let cut = self.cut.as_mut()?;
        if cut.is_given_up() {
            if self.alerts.put_back(keys_max) {
                self.cut = None;
            }
            return None;
        }
        // Learners first: until they are written, more of them may have to be copied.
        if !cut.write_some(keys_max) || !self.alerts.continue_cut(out, keys_max) {
            return None;
        }
        self.cut.take().map(ScorerCut::into_parts)
    }

    /// Gives the cut under way up. It ends when [`Scorer::continue_cut`] has put back what it froze, and the
    /// next one holds what it was to say. Entries that it has given stay right: the next cut has newer ones.
    pub fn abandon_cut(&mut self) {
        if let Some(cut) = &mut self.cut {
            cut.give_up();
        }
    }

    /// Whether a cut is under way, or one that is given up has not ended.
    pub fn is_cutting(&self) -> bool {
        self.cut.is_some()
    }

    /// Bytes of images of keys that changed before their turn, until they are taken. What is written of
    /// learners is no part of it: they are as large as they are, however soon the cut is taken.
    pub fn waiting_bytes(&self) -> usize {
        self.alerts.waiting_bytes()
    }

    /// Takes over the parts of a cut; parts of others are left alone. A learner whose model scores goes on
    /// with what it knew; others begin with nothing.
    ///
    /// # Errors
    /// Refuses parts that are damaged or missing. The scorer is of no use then.
    pub fn begin_restore(&mut self, parts: &[Part]) -> Result<RestoredLearners, ScoringError> {
        self.cut = None;
        let named = |name: &str| parts.iter().find(|part| part.name == name);
        let totals = named(ALERTS).ok_or_else(|| {
            ScoringError::AlertState("the snapshot has no part of that name".to_owned())
        })?;
        self.alerts.begin_restore(&totals.bytes)?;
        let mut left: Vec<&str> = parts.iter().map(|part| &*part.name).collect();
        left.retain(|name| name.starts_with(LEARNER));
        let mut fresh = Vec::new();
        let mut names = LearnerNames::default();
        for (model, learner) in self.runners_mut().flat_map(Runner::learners_mut) {
            let name = names.next(model);
            match named(&name) {
                Some(part) => learner.read(&part.bytes)?,
                None => fresh.push(words(&name)),
            }
            left.retain(|other| *other != name);
        }
        let dropped = left.into_iter().map(words).collect();
        Ok(RestoredLearners { fresh, dropped })
    }

    /// Takes over one of the entries of a cut.
    ///
    /// # Errors
    /// Refuses what is damaged. The scorer is of no use then.
    pub fn restore(&mut self, entry: &Entry<'_>) -> Result<(), ScoringError> {
        self.alerts.restore(entry)
    }

    /// Says that all entries were restored. What changes from now on is tracked.
    ///
    /// # Errors
    /// Refuses a cut that lacks entries. The scorer is of no use then.
    pub fn end_restore(&mut self) -> Result<(), ScoringError> {
        self.alerts.end_restore()
    }

    /// Bytes that the learners' state, the cool-downs of alerts and a cut under way take.
    pub fn state_bytes(&self) -> usize {
        let learners = self.learners().map(|(_, learner)| learner.state_bytes());
        let cut = self.cut.as_ref().map_or(0, ScorerCut::bytes);
        learners.sum::<usize>() + self.alerts.bytes() + cut
    }

    /// What the learners know: name and hash of each one's model, and its state.
    pub fn learned(&self) -> Vec<(String, String, Vec<u8>)> {
        let written = self.learners().map(|(model, learner)| {
            let mut bytes = Vec::new();
            let mut frozen = learner.freeze();
            while !frozen.write_some(&mut bytes, usize::MAX) {}
            (model.name.clone(), model.hash.clone(), bytes)
        });
        written.collect()
    }

    fn learners(&self) -> impl Iterator<Item = (&ModelInfo, &dyn Learner)> {
        self.runners().flat_map(Runner::learners)
    }
}

/// Name and hash of the model of a learner's part.
fn words(part: &str) -> String {
    let model = part.strip_prefix(LEARNER).unwrap_or(part);
    let mut words = model.rsplitn(3, '/').skip(1);
    match (words.next(), words.next()) {
        (Some(hash), Some(name)) => format!("{name}+{hash}"),
        _ => model.to_owned(),
    }
}
