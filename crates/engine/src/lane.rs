//! Everything that one partition owns: feature state, what models have learnt, alert state.

use std::fmt;
use std::sync::Arc;

use arrow::error::ArrowError;
use parking_lot::Mutex;
use tillwatch_decode::{Decoded, OwnColumn, Refusal};
use tillwatch_feature_extraction::LaneStats;
use tillwatch_records::{
    Column, EventBatch, FieldCounts, Flags, RawBatch, ScoreBatch, TopicPartition, UnknownCodes,
};
use tillwatch_scoring::{Recent, ScoreContext, Scorer};

use crate::active::{ActiveModels, Entered, SharedModels};
use crate::chain::{Chain, ChainError};
use crate::cut::LaneCut;
use crate::joiner::Joiner;
use crate::memory::LaneMemory;
use crate::merge_order::MergeOrder;
use crate::observer::{Observer, Step};
use crate::recent_rows::RecentRows;
use crate::workspace::Workspace;

/// Scores the records of one partition in order. The core of the product: a fold over the records
/// alone, whose results do not depend on how they are batched.
#[derive(Debug)]
pub struct Lane {
    /// Joins reference data to what was decoded, if there is any.
    pub(crate) joiner: Option<Joiner>,
    pub(crate) chain: Chain,
    pub(crate) scorer: Scorer,
    pub(crate) shared: Arc<SharedModels>,
    /// Makes it one of those that models are prepared for.
    pub(crate) _entered: Entered,
    /// What the last batch was scored by.
    pub(crate) active: Arc<ActiveModels>,
    /// Whether it was said from which record on that is.
    pub(crate) is_told: bool,
    /// The last rows, for other models to be tried on, where that is wanted.
    pub(crate) recent: Option<Arc<Mutex<Recent>>>,
    /// In which order the records of several topics were taken.
    pub(crate) order: Option<MergeOrder>,
    /// The cut under way.
    pub(crate) cut: Option<LaneCut>,
    /// A batch failed half way: state is neither that before it nor that after it.
    pub(crate) is_broken: bool,
}

/// Bytes that a cut may hold of what changed before its turn. More is held only where nobody takes what it
/// gives, as while a store is away: then it is given up, and a later one begins with what it was to say.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What a lane takes.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for each batch, on the stack, and a box would be one more allocation"
)]
pub enum Input<'a> {
    /// Records as they came. The marks of the batch are marks of every score made of it.
    Raw(&'a RawBatch),
    /// Records that a decoder of the same [`Assembly`](crate::Assembly) has read, for callers that decode on
    /// another thread or add records of their own.
    Decoded(Decoded),
}

/// What became of a batch: each record is in exactly one of the three, but for terminal events and
/// labels, which only change state.
#[derive(Debug)]
pub struct Processed {
    /// One score per transaction.
    pub scores: ScoreBatch,
    /// Records that could not be decoded.
    pub refusals: Vec<Refusal>,
    /// Records that are ignored because of their type, by their index in the batch, ascending.
    pub ignored: Vec<usize>,
    /// Codes of the others that are not known.
    pub unknown_codes: UnknownCodes,
    /// Optional fields of the others that could not be read, see [`Decoded::invalid_fields`].
    pub invalid_fields: FieldCounts,
}

/// Why a batch has no scores. None is mended by trying again with the same lane: make a new one and read what
/// was not committed again.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The batch was decoded for other models than those that are to score it.
    #[error(
        "{at}: the batch lacks the column `{column}`, which the active models read; decode it for them"
    )]
    Column {
        /// Where the batch begins.
        at: BatchStart,
        /// The first column that is missing.
        column: String,
    },
    /// What is joined to the records does not fit them.
    #[error("{at}: cannot join the reference table: {source}; report it with the table's header")]
    Join {
        /// Where the batch begins.
        at: BatchStart,
        /// What does not fit.
        source: ArrowError,
    },
    /// A stage failed.
    #[error("{at}: {source}")]
    Chain {
        /// Where the batch begins.
        at: BatchStart,
        /// Which stage and why.
        source: ChainError,
    },
    /// An earlier batch failed.
    #[error("{at}: the lane failed at an earlier batch and scores no more; start again")]
    Broken {
        /// Where the batch begins.
        at: BatchStart,
    },
}

/// Where a batch begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchStart {
    /// Topic and partition.
    pub source: TopicPartition,
    /// Offset of the first record; none for an empty batch.
    pub offset: Option<i64>,
}

impl Lane {
    pub(crate) fn new(shared: &Arc<SharedModels>, joiner: Option<Joiner>, chain: Chain) -> Self {
        let active = shared.current();
        Self {
            joiner,
            chain,
            scorer: Scorer::new(active.lineup()),
            shared: Arc::clone(shared),
            _entered: shared.enter(),
            is_told: false,
            recent: shared.recent().map(RecentRows::lane),
            order: None,
            cut: None,
            active,
            is_broken: false,
        }
    }

    /// Decodes what is not decoded, joins, folds and scores a batch. The only way through: whoever calls it,
    /// the same records give the same scores. `workspace` is lent to it meanwhile; which one does not matter.
    ///
    /// # Errors
    /// See [`LaneError`]. After an error the lane takes no other batch.
    pub fn process(
        &mut self,
        input: Input<'_>,
        workspace: &mut Workspace,
        observer: &mut impl Observer,
    ) -> Result<Processed, LaneError> {
        let at = BatchStart::of(&input);
        if self.is_broken {
            return Err(LaneError::Broken { at });
        }
        let processed = self.step_by_step(input, &at, workspace, observer);
        self.is_broken = processed.is_err();
        if self.cut.is_some() && self.waiting_bytes() > WAITING_BYTES_MAX {
            self.abandon_cut();
        }
        processed
    }

    /// Says, before the first record, that the lane takes records of several topics: `topics`, in the order
    /// of the settings, which decides where times are equal (`docs/rfc/0004-merged-topics.md`). So it knows
    /// a record that comes behind one that it belongs before: see [`Lane::is_reordered`].
    pub fn merge(&mut self, topics: &[Arc<str>]) {
        self.order = Some(MergeOrder::new(topics));
    }

    /// Says, before the first record, that no record of the partition from before the start has a Kafka
    /// timestamp after `newest_timestamp_ms`, in milliseconds since 1970. Until somebody does, a lane
    /// that does not begin with the first record of its partition flags every score `WARMING`.
    pub fn begin_after(&mut self, newest_timestamp_ms: i64) {
        self.chain.begin_after(newest_timestamp_ms);
    }

    /// Says that records of the partition are missing from what the lane has seen, none of which has a Kafka
    /// timestamp after `newest_timestamp_ms`, in milliseconds since 1970. Scores are flagged `WARMING` while
    /// one of their features may lack some of them. What models have learnt and which alerts were sent may
    /// lack them for ever. A cut under way is given up: see [`Lane::abandon_cut`].
    pub fn missed(&mut self, newest_timestamp_ms: i64) {
        // All keys change. Images of those that a cut has frozen would be a second copy of the state.
        self.abandon_cut();
        self.chain.missed(newest_timestamp_ms);
    }

    /// What the feature state has counted and holds.
    pub fn stats(&self) -> LaneStats {
        self.chain.stats()
    }

    /// What it takes of memory. Of a batch nothing is left when it is done but what is remembered of it.
    pub fn memory(&self) -> LaneMemory {
        let recent = self
            .recent
            .as_ref()
            .map_or(0, |recent| recent.lock().bytes());
        LaneMemory {
            features: self.chain.stats().state_bytes,
            models: self.scorer.state_bytes() as u64,
            cut: self.chain.waiting_bytes() as u64,
            recent: recent as u64,
        }
    }

    /// Latest event time accepted, milliseconds since 1970.
    pub fn watermark_ms(&self) -> Option<i64> {
        self.chain.watermark_ms()
    }

    /// What the last batch was scored by; before the first, what was active when the lane was made.
    pub fn models(&self) -> &Arc<ActiveModels> {
        &self.active
    }

    /// Version of the reference table that was joined to the last batch, where there is one; before the first
    /// batch, of the one that was active when the lane was made.
    pub fn reference_version(&self) -> Option<&str> {
        self.joiner.as_ref().map(Joiner::version)
    }

    /// What the learners know: name and hash of each one's model, and its state.
    pub fn learned(&self) -> Vec<(String, String, Vec<u8>)> {
        self.scorer.learned()
    }

    fn step_by_step(
        &mut self,
        input: Input<'_>,
        at: &BatchStart,
        workspace: &mut Workspace,
        observer: &mut impl Observer,
    ) -> Result<Processed, LaneError> {
        self.take_models(at);
        let marks = self.marks(&input);
        let Decoded {
            mut events,
            refusals,
            ignored,
            unknown_codes,
            invalid_fields,
        } = match input {
            Input::Raw(raw) => {
                let decoded = workspace.decoder(self.active.decode()).decode(raw);
                observer.over(Step::Decode);
                decoded
            }
            Input::Decoded(decoded) => {
                self.check_columns(&decoded.events, at)?;
                decoded
            }
        };
        if let Some(joiner) = &mut self.joiner {
            let at = || at.clone();
            let joined = joiner.join(&mut events);
            joined.map_err(|source| LaneError::Join { at: at(), source })?;
        }
        let features = self.chain.process(events, &mut workspace.stages);
        let mut features = features.map_err(|source| LaneError::Chain {
            at: at.clone(),
            source,
        })?;
        if !marks.is_empty() {
            features.flags.iter_mut().for_each(|flags| *flags |= marks);
        }
        observer.over(Step::Features);
        if let Some(recent) = &self.recent {
            recent.lock().push(&features);
        }
        let context = ScoreContext {
            effort: observer.effort(features.len()),
            reference: self.joiner.as_ref().map(Joiner::version),
        };
        let scorer = &mut self.scorer;
        let scores = scorer.score_in(&mut workspace.scoring, features, &context);
        observer.over(Step::Scoring);
        Ok(Processed {
            scores,
            refusals,
            ignored,
            unknown_codes,
            invalid_fields,
        })
    }

    /// Marks of every score of a batch, for how its records came.
    fn marks(&mut self, input: &Input<'_>) -> Flags {
        let Input::Raw(raw) = input else {
            return Flags::empty();
        };
        let Some(order) = &mut self.order else {
            return raw.flags();
        };
        order.note(raw);
        match order.is_reordered() {
            true => raw.flags() | Flags::REORDERED,
            false => raw.flags(),
        }
    }

    /// Takes over the active models, if they have changed, and says from which record on.
    fn take_models(&mut self, at: &BatchStart) {
        let active = self.shared.current();
        if !Arc::ptr_eq(&active, &self.active) {
            self.active.hand_over(&mut self.scorer, &active);
            self.active = active;
            self.is_told = false;
        }
        if let Some(first) = at.offset.filter(|_| !self.is_told) {
            self.shared.begun(&at.source, first, &self.active);
            self.is_told = true;
        }
    }

    /// Whether `events` have every column that the active models' own decoder gives: a model counts a column
    /// that is not there as missing in every record.
    fn check_columns(&self, events: &EventBatch, at: &BatchStart) -> Result<(), LaneError> {
        let decode = self.active.decode();
        let is_missing = |column: &&Column| events.projection.index_of(**column).is_none();
        let canonical = decode.projection().columns().iter().find(is_missing);
        let is_unjoined = |own: &&OwnColumn| events.named(own.name()).is_none();
        let own = || decode.own_columns().iter().find(is_unjoined);
        let missing = canonical.map(|column| column.name());
        match missing.or_else(|| own().map(OwnColumn::name)) {
            None => Ok(()),
            Some(column) => Err(LaneError::Column {
                at: at.clone(),
                column: column.to_owned(),
            }),
        }
    }
}

impl BatchStart {
    fn of(input: &Input<'_>) -> Self {
        let (source, offset) = match input {
            Input::Raw(raw) => (raw.source(), raw.iter().next().map(|record| record.offset)),
            Input::Decoded(decoded) => {
                let events = &decoded.events;
                (&events.source, events.offsets.first().copied())
            }
        };
        Self {
            source: source.clone(),
            offset,
        }
    }
}

impl fmt::Display for BatchStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TopicPartition { topic, partition } = &self.source;
        match self.offset {
            Some(offset) => write!(f, "{topic}/{partition} from offset {offset} on"),
            None => write!(f, "{topic}/{partition}, a batch without records"),
        }
    }
}
