//! A lane's state on its way to a store and back: `docs/rfc/0005-state.md`.

use sha2::{Digest as _, Sha256};
use tillwatch_records::cut::{Entries, Entry, Part, Space};
use tillwatch_scoring::RestoredLearners;

use crate::cut::LaneCut;
use crate::edited::EditedStage;
use crate::lane::Lane;
use crate::merge_order::MergeOrder;
use crate::restore_error::RestoreError;

/// Names of parts: with the number of the stage, of scoring, and of the order of several topics.
const STAGE: &str = "stage/";
const SCORING: [&str; 2] = ["alerts", "learner/"];
const ORDER: &str = "order";

/// Digits of a meaning that are those of its ground.
const GROUND_DIGITS: usize = 16;

/// What a lane that was restored does without. A host says it in the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Models, as name and hash, that learn and begin with nothing: the snapshot was made before they scored.
    pub fresh: Vec<String>,
    /// Models, as name and hash, that had learnt and do not score any more.
    pub dropped: Vec<String>,
    /// Stages whose catalog was another one. No store knows their keys as they are: where there is one,
    /// [`Lane::track`] comes after [`Lane::end_restore`], so that the next cut is one of everything.
    pub edited: Vec<EditedStage>,
}

impl Lane {
    /// What decides the meaning of its state, 32 hexadecimal digits. The first half is that of its ground,
    /// which decides the records that it takes and the keys that it has: a snapshot of another ground is
    /// refused, one of the same ground and another meaning is that of [another catalog](is_other_catalog).
    /// Models are no part of it: a learner whose model scores goes on, others begin anew.
    pub fn meaning(&self) -> String {
        let (mut ground, mut whole) = (Sha256::new(), Sha256::new());
        for (of_ground, of_all) in self.chain.meanings() {
            ground.update(of_ground.to_le_bytes());
            whole.update(of_all.to_le_bytes());
        }
        let digests = [ground.finalize(), whole.finalize()];
        let bytes = digests
            .iter()
            .flat_map(|digest| &digest[..GROUND_DIGITS / 2]);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// What [`Lane::begin_restore`] would keep of a cut with these parts, for each stage whose catalog was
    /// another one.
    ///
    /// # Errors
    /// See [`RestoreError`].
    pub fn edited(&self, parts: &[Part]) -> Result<Vec<EditedStage>, RestoreError> {
        let mut edited = Vec::new();
        for stage in 0..self.chain.len() {
            let part = named(parts, &of_stage(stage))?;
            edited.extend(self.chain.edited(stage, &part.bytes)?);
        }
        Ok(edited)
    }

    /// Takes note of what changes from now on, so that cuts can be made. Everything that the lane holds
    /// counts as changed and unknown to any store, so the next cut is one of everything; a cut under way is
    /// lost. Takes longer the more keys there are. Scores do not depend on it.
    pub fn track(&mut self) {
        self.cut = None;
        self.chain.track();
        self.scorer.track();
    }

    /// Whether changes are noted: from [`Lane::track`] or [`Lane::end_restore`] on.
    pub fn is_tracked(&self) -> bool {
        self.scorer.is_tracked()
    }

    /// Whether a record of one topic was taken behind one of another topic that it belongs before. Then what
    /// the lane remembers is not what follows from the logs: its scores are marked and it makes no cut any
    /// more, so that the next start begins at one that is right.
    pub fn is_reordered(&self) -> bool {
        self.order.as_ref().is_some_and(MergeOrder::is_reordered)
    }

    /// Whether a record of `topic` with this Kafka timestamp (milliseconds since 1970), if the lane took it
    /// next, would come behind one that it belongs before: see [`Lane::is_reordered`]. Never where the lane
    /// takes one topic.
    pub fn is_behind(&self, topic: &str, timestamp_ms: i64) -> bool {
        let order = self.order.as_ref();
        order.is_some_and(|order| order.is_behind(topic, timestamp_ms))
    }

    /// Begins a cut: what the lane holds now is what the cut will say, whatever it takes meanwhile. Nothing
    /// is copied, but for the masses of half-space trees. Gives whether it did: not while a cut is under way,
    /// not where changes are not tracked, and not for a lane that is reordered or has failed.
    pub fn begin_cut(&mut self) -> bool {
        if self.is_broken || self.is_reordered() || self.cut.is_some() || !self.is_tracked() {
            return false;
        }
        let Self {
            chain,
            scorer,
            order,
            cut,
            // Whether it may be cut at all.
            is_broken: _,
            // Whoever keeps the cut notes which models score; they are loaded again.
            active: _,
            shared: _,
            _entered: _,
            // Reference data is read again.
            joiner: _,
            // A lane that goes on says again from which record on it scores with what.
            is_told: _,
            // A sample that models are tried on. It fills again.
            recent: _,
        } = self;
        let mut parts = Vec::new();
        let begun = chain.begin_cut(&mut parts, |stage| format!("{STAGE}{stage}"));
        if let Some(order) = order {
            let mut bytes = Vec::new();
            order.write(&mut bytes);
            parts.push(Part {
                name: ORDER.to_owned(),
                bytes,
            });
        }
        *cut = Some(LaneCut::begin(chain.len(), parts));
        let is_begun = begun & scorer.begin_cut();
        if !is_begun {
            self.abandon_cut();
        }
        is_begun
    }

    /// Goes on with the cut under way: appends entries to `out`, looks at `keys_max` keys that have changed
    /// at most, and gives all parts once the cut is whole. A KiB of what a learner knows counts as a key.
    /// Gives nothing more of a cut that is given up, and nothing where none is under way: see
    /// [`Lane::is_cutting`].
    ///
    /// Entries of keys that changed before their turn come in any case, so call it after each batch.
    pub fn continue_cut(&mut self, out: &mut Entries, keys_max: usize) -> Option<Vec<Part>> {
        let cut = self.cut.as_mut()?;
        if let Some(piece) = cut.next() {
            let is_closed = if piece < self.chain.len() {
                self.chain.continue_cut(piece, out, keys_max)
            } else {
                let parts = self.scorer.continue_cut(out, keys_max);
                cut.add(parts.unwrap_or_default());
                !self.scorer.is_cutting()
            };
            if is_closed {
                cut.close(piece);
            }
        }
        if !cut.is_whole() {
            return None;
        }
        self.cut.take().and_then(LaneCut::into_parts)
    }

    /// Whether a cut is under way, or what one that is given up had frozen is not put back yet.
    pub fn is_cutting(&self) -> bool {
        self.cut.is_some()
    }

    /// Gives the cut under way up, where nobody takes what it gives. It ends when [`Lane::continue_cut`] has
    /// put back what it froze, and the next one holds what it was to say. Entries that it has given stay
    /// right: the next cut has what is newer.
    pub fn abandon_cut(&mut self) {
        if let Some(cut) = &mut self.cut {
            cut.give_up();
            self.chain.abandon_cut();
            self.scorer.abandon_cut();
        }
    }

    /// Bytes of images of keys that changed before their turn, which the cut under way holds until they are
    /// taken. What it has written of learners is no part of it.
    pub fn waiting_bytes(&self) -> usize {
        self.chain.waiting_bytes() + self.scorer.waiting_bytes()
    }

    /// Begins to take over a cut, in a lane that has taken no record. Its entries come next.
    ///
    /// # Errors
    /// See [`RestoreError`]. The lane is of no use then.
    pub fn begin_restore(&mut self, parts: &[Part]) -> Result<Restored, RestoreError> {
        let stages = self.chain.len();
        let is_known = |part: &&Part| {
            let name = &part.name;
            SCORING.iter().any(|scoring| name.starts_with(scoring))
                || (name == ORDER && self.order.is_some())
                || (0..stages).any(|stage| *name == of_stage(stage))
        };
        if let Some(part) = parts.iter().find(|part| !is_known(part)) {
            let name = part.name.clone();
            return Err(RestoreError::Unknown { name });
        }
        self.track();
        let mut edited = Vec::new();
        for stage in 0..stages {
            let part = named(parts, &of_stage(stage))?;
            edited.extend(self.chain.begin_restore(stage, &part.bytes)?);
        }
        if let Some(order) = &mut self.order {
            let part = named(parts, ORDER)?;
            order.read(&part.bytes).ok_or(RestoreError::Order)?;
        }
        let RestoredLearners { fresh, dropped } = self.scorer.begin_restore(parts)?;
        Ok(Restored {
            fresh,
            dropped,
            edited,
        })
    }

    /// Takes over an entry of the cut: each key once, none that is gone.
    ///
    /// # Errors
    /// See [`RestoreError`]. The lane is of no use then.
    pub fn restore(&mut self, entry: &Entry<'_>) -> Result<(), RestoreError> {
        let stage = entry.space.stage().map(usize::from);
        match (entry.space, stage) {
            (Space::ALERTS, _) => Ok(self.scorer.restore(entry)?),
            (_, Some(stage)) if stage < self.chain.len() => self.chain.restore(stage, entry),
            (Space(space), _) => Err(RestoreError::Space { space }),
        }
    }

    /// Says that all entries were taken over. From here on changes are tracked, and what was restored counts
    /// as unchanged.
    ///
    /// # Errors
    /// See [`RestoreError`]: entries may be missing. The lane is of no use then.
    pub fn end_restore(&mut self) -> Result<(), RestoreError> {
        self.chain.end_restore()?;
        Ok(self.scorer.end_restore()?)
    }
}

/// Whether two [meanings](Lane::meaning) differ by their catalogs alone: lanes take the same records and have
/// the same keys, so that one takes over what the other leaves, as far as their catalogs agree.
pub fn is_other_catalog(one: &str, other: &str) -> bool {
    let ground = one.get(..GROUND_DIGITS);
    one != other && ground.is_some() && ground == other.get(..GROUND_DIGITS)
}

/// Whether a cut with these parts holds what models have learnt.
pub fn holds_learners(parts: &[Part]) -> bool {
    let [_, learner] = SCORING;
    parts.iter().any(|part| part.name.starts_with(learner))
}

/// The name of the part of a stage.
fn of_stage(stage: usize) -> String {
    format!("{STAGE}{stage}")
}

/// The part called `name`.
fn named<'a>(parts: &'a [Part], name: &str) -> Result<&'a Part, RestoreError> {
    let part = parts.iter().find(|part| part.name == name);
    part.ok_or_else(|| RestoreError::Missing {
        name: name.to_owned(),
    })
}
