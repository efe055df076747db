//! Records through a lane: prefetched in chunks, judged, folded, and made into columns.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Arc;

use arrow::array::Array;
use arrow::error::ArrowError;
use tillwatch_records::{EventBatch, FeatureBatch, Flags, RecordKind};

use super::batch::{Batch, Chunk, Said, key_of};
use super::feature_lane::FeatureLane;
use super::workspace::Workspace;
use crate::fold::{Around, CHUNK_RECORDS, Record};
use crate::inputs::Inputs;
use crate::output::Columns;
use crate::plan::Plan;
use crate::state::{Forgotten, Gap, KeyIndex, KeyParts, key_hasher};
use crate::times::NEVER_MS;

impl FeatureLane {
    /// Folds `events` and gives the features of those among them that are scored, each as known on its
    /// arrival. A record is in its own windows where its kind counts there. Rows must come in offset order. A
    /// record without a key has no features and leaves no trace. Event times outside what decoding accepts
    /// are moved to its nearest bound.
    ///
    /// # Errors
    /// Fails when the columns of `events` are not of one length. Its records are folded then, so the lane's
    /// state is ahead of what was given.
    pub fn process(&mut self, events: EventBatch) -> Result<FeatureBatch, ArrowError> {
        self.process_marked(events, &[])
    }

    /// As [`FeatureLane::process`], in a workspace that others use before and after.
    ///
    /// Where the catalog reads features that a lane before has joined to `events`, `before` has that lane's
    /// marks, one for each scored record. What a record says is then no more whole than what it was made of,
    /// and its key and cohort may lack that for as long as they would lack the record.
    ///
    /// # Errors
    /// As [`FeatureLane::process`].
    pub fn process_in(
        &mut self,
        workspace: &mut Workspace,
        events: EventBatch,
        before: &[Flags],
    ) -> Result<FeatureBatch, ArrowError> {
        self.swap_room(workspace);
        let made = self.process_marked(events, before);
        self.swap_room(workspace);
        made
    }

    /// Folds `events` in what is its own or lent.
    fn process_marked(
        &mut self,
        events: EventBatch,
        before: &[Flags],
    ) -> Result<FeatureBatch, ArrowError> {
        let plan = Arc::clone(&self.plan);
        self.scratch.fit(&plan);
        let keys = self.key.of(&events);
        let inputs = Inputs::new(&plan, &events);
        let kinds = events.kinds.iter();
        let scored = kinds.filter(|kind| self.scored.contains(**kind)).count();
        let mut columns = Columns::new(plan.made.len(), scored);
        let mut flags = Vec::with_capacity(scored);
        let batch = Batch {
            events: &events,
            keys: &keys,
            said: Said::new(&events),
            inputs: &inputs,
            before,
        };
        let mut start = 0;
        while start < events.len() {
            let end = (start + CHUNK_RECORDS).min(events.len());
            self.prefetch(&plan, &batch, start..end);
            let first = flags.len();
            let sweeps = self.keys.sweeps;
            for row in start..end {
                let hint = if self.keys.sweeps == sweeps {
                    self.chunk.indexes[row - start]
                } else {
                    None
                };
                self.fold(&plan, &batch, row, row - start, hint, &mut flags);
            }
            let (taken, scored) = (&mut self.scratch.taken, &mut flags[first..]);
            taken.finish(&plan, batch.inputs, (&mut columns, first), scored);
            for row in self.chunk.unkeyed.drain(..) {
                columns.clear_row(row);
            }
            start = end;
        }
        let features = columns.finish(&plan)?;
        crate::output::keep_scored(events, keys, features, flags, self.scored)
    }

    /// Takes over what `workspace` holds and leaves its own there: lends it, and gives it back.
    fn swap_room(&mut self, workspace: &mut Workspace) {
        std::mem::swap(&mut self.scratch, &mut workspace.scratch);
        std::mem::swap(&mut self.chunk, &mut workspace.chunk);
    }

    /// Hashes the keys of `rows`, looks them up and reads a word of all that folding them needs, one kind of
    /// access at a time, so that the processor waits for many cache lines at once.
    fn prefetch(&mut self, plan: &Plan, batch: &Batch<'_>, rows: std::ops::Range<usize>) {
        self.chunk.hash_ids(batch, rows.clone(), &plan.ids);
        let Chunk {
            key_hashes,
            ids,
            indexes,
            deltas,
            ..
        } = &mut self.chunk;
        let hasher = key_hasher();
        key_hashes.clear();
        key_hashes.extend(rows.clone().map(|row| hasher.hash_one(key_of(batch, row))));
        indexes.clear();
        indexes.extend(key_hashes.iter().map(|hash| self.keys.find_hash(*hash)));
        let mut seen = 0;
        for index in indexes.iter().flatten() {
            seen ^= self.keys.history(*index).rows() ^ self.keys.prefetch_parts(plan, *index);
        }
        for index in indexes.iter().flatten() {
            seen ^= self.keys.history(*index).first_word();
        }
        // Where another key has the same hash, the key is looked up by its name when its record is folded.
        for (index, row) in indexes.iter_mut().zip(rows.clone()) {
            let is_meant = |i: &KeyIndex| self.keys.history(*i).key() == key_of(batch, row);
            *index = index.filter(is_meant);
        }
        for (index, id) in indexes.iter().zip(&*ids) {
            if let Some(index) = index {
                seen ^= self.keys.prefetch_values(plan, *index, *id);
            }
        }
        for index in indexes.iter().flatten() {
            seen ^= self.keys.history(*index).prefetch(plan);
        }
        black_box(seen);
        batch.inputs.fill(rows, deltas);
    }

    #[inline]
    fn fold(
        &mut self,
        plan: &Plan,
        batch: &Batch<'_>,
        row: usize,
        in_chunk: usize,
        hint: Option<KeyIndex>,
        flags: &mut Vec<Flags>,
    ) {
        let kind = self.meet(plan, batch, row, in_chunk, hint);
        let is_scored = self.scored.contains(kind);
        if batch.keys.is_null(row) {
            self.skip(row, is_scored, flags);
            return;
        }
        let is_read = plan.kinds.contains(&kind);
        if !(is_read || is_scored) {
            return;
        }
        let judged = self.admit(plan, batch, row, in_chunk, hint);
        let (now_ms, refused) = (judged.named.now_ms, judged.is_refused());
        let doubt = batch.doubt(is_scored, flags.len());
        let is_doubtful = !(doubt.is_empty() || refused);
        let mut marks = judged.marks | self.cohort_marks(plan, batch, row, is_doubtful);
        let stride = plan.layout.places.stride;
        let record = Record {
            now_ms,
            delta: &mut self.chunk.deltas[in_chunk * stride..][..stride],
            admission: judged.admission,
            is_reused: judged.marks.contains(Flags::ID_REUSED),
            row,
        };
        let around = Around {
            inputs: batch.inputs,
            cohorts: &self.cohorts,
        };
        match judged.index {
            Some(index) => {
                let mut parts = self.keys.parts(plan, index, is_read.then_some(self.clock));
                let before = parts.bytes();
                let mut forgotten = Forgotten::NONE;
                if is_doubtful {
                    Gap::widen(parts.gap, plan, now_ms, doubt);
                }
                marks |= gap_marks(plan, &mut parts, now_ms);
                if !refused {
                    let under = (&plan.ids, plan.ids_max);
                    forgotten = parts.ids.remember(&judged.named, judged.seen, under);
                }
                let scratch = &mut self.scratch;
                scratch.fold(plan, &mut parts, record, around, is_scored);
                // What was found of the record may depend on what its key did not know before.
                let gap = parts.gap.as_ref();
                marks |= gap.map_or(Flags::empty(), |gap| gap.marks(plan, now_ms));
                if forgotten.count > 0 {
                    self.stats.forgotten_ids += forgotten.count;
                    doubt_ids(&mut parts, plan, forgotten.newest_ms);
                }
                let after = parts.bytes();
                self.keys.settle(index, before, after);
            }
            None => {
                marks |= self.keys.stranger_marks(plan, now_ms);
                let mut parts = self.blank.parts();
                self.scratch
                    .fold(plan, &mut parts, record, around, is_scored);
            }
        }
        if !refused {
            self.join_cohorts(plan, batch, row, now_ms);
        }
        if is_scored {
            flags.push(marks);
        }
        self.keep_budget(plan);
    }

    /// Counts a record by its kind, which is given. A label is joined to its transaction.
    #[inline]
    fn meet(
        &mut self,
        plan: &Plan,
        batch: &Batch<'_>,
        row: usize,
        in_chunk: usize,
        hint: Option<KeyIndex>,
    ) -> RecordKind {
        self.clock += 1;
        let kind = batch.events.kinds[row];
        match kind {
            RecordKind::Transaction => {}
            RecordKind::TerminalEvent => self.stats.terminal_events += 1,
            RecordKind::Label => {
                self.stats.labels += 1;
                self.join_label(plan, batch, row, in_chunk, hint);
            }
        }
        kind
    }

    /// The mark of a record for what its cohort may lack. `is_doubtful` says that the record itself
    /// may not be what a lane that lacks nothing would see.
    #[inline]
    fn cohort_marks(
        &mut self,
        plan: &Plan,
        batch: &Batch<'_>,
        row: usize,
        is_doubtful: bool,
    ) -> Flags {
        if is_doubtful {
            self.lack_cohorts(batch.inputs.times_ms[row]);
        }
        if self.cohorts_end_ms != NEVER_MS && self.lacks_cohort(plan, batch, row) {
            return Flags::WARMING;
        }
        Flags::empty()
    }

    /// Evicts keys where the state takes more than it may.
    #[inline]
    fn keep_budget(&mut self, plan: &Plan) {
        let bytes_max = plan.settings.state.max_bytes.0;
        if self.state_bytes() as u64 > bytes_max {
            let others = self.state_bytes() - self.keys.bytes();
            let for_keys = (bytes_max as usize).saturating_sub(others);
            self.keys.sweep(plan, for_keys, self.watermark_ms);
        }
    }

    /// Gives a record without a key its row, where it is scored: nothing has a value there.
    fn skip(&mut self, row: usize, is_scored: bool, flags: &mut Vec<Flags>) {
        if !is_scored {
            return;
        }
        self.chunk.unkeyed.push(flags.len());
        self.scratch.taken.skip(row);
        flags.push(Flags::empty());
    }
}

/// The marks of a record for what its key may lack; forgets what no later record can miss.
#[inline]
fn gap_marks(plan: &Plan, key: &mut KeyParts<'_>, now_ms: i64) -> Flags {
    let Some(gap) = key.gap else {
        return Flags::empty();
    };
    let marks = gap.marks(plan, now_ms);
    if gap.is_past(plan, key.history.watermark_ms) {
        *key.gap = None;
    }
    marks
}

/// Notes that a key has forgotten ids within their horizon, the newest of them that of a record at
/// `forgotten_ms`: until the horizon has left it, a repeat may be taken for a new record.
#[cold]
fn doubt_ids(key: &mut KeyParts<'_>, plan: &Plan, forgotten_ms: i64) {
    let horizon_ms = plan.settings.time.dedup_horizon.as_ms();
    let until_ms = forgotten_ms.saturating_add(horizon_ms);
    Gap::widen(key.gap, plan, until_ms, Flags::STATE_EVICTED);
}
