//! Records through a lane: prefetched in chunks, judged, folded, and made into columns.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Arc;

use arrow::array::Array;
use arrow::error::ArrowError;
use tillwatch_records::{EventBatch, FeatureBatch, Flags, RecordKind};

use super::batch::{Batch, Chunk, Said, key_of};
use super::feature_lane::FeatureLane;
use crate::fold::{Around, CHUNK_RECORDS, Record};
use crate::inputs::Inputs;
use crate::output::Columns;
use crate::plan::Plan;
use crate::state::{Forgotten, KeyIndex, key_hasher};

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
        let plan = Arc::clone(&self.plan);
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
        };
        let mut start = 0;
        while start < events.len() {
            let end = (start + CHUNK_RECORDS).min(events.len());
            self.prefetch(&plan, &batch, start..end);
            let first = flags.len();
            let epoch = self.keys.epoch;
            for row in start..end {
                let hint = if self.keys.epoch == epoch {
                    self.chunk.indexes[row - start]
                } else {
                    None
                };
                self.fold(&plan, &batch, row, row - start, hint, &mut flags);
            }
            let taken = &mut self.scratch.taken;
            taken.finish(&plan, batch.inputs, &mut columns, first);
            for row in self.chunk.unkeyed.drain(..) {
                columns.clear_row(row);
            }
            start = end;
        }
        let features = columns.finish(&plan)?;
        crate::output::keep_scored(events, keys, features, flags, self.scored)
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
        let mut marks = judged.marks;
        marks.set(Flags::WARMING, self.is_warming(plan, now_ms, refused));
        let stride = plan.layout.stride;
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
                if !refused {
                    let under = (&plan.ids, plan.ids_max);
                    forgotten = parts.ids.remember(&judged.named, judged.seen, under);
                }
                self.scratch
                    .fold(plan, &mut parts, record, around, is_scored);
                let after = parts.bytes();
                self.keys.settle(index, before, after);
                self.note_forgotten(plan, index, forgotten);
            }
            None => self
                .scratch
                .fold(plan, &mut self.blank.parts(), record, around, is_scored),
        }
        if !refused {
            self.join_cohorts(plan, batch, row, now_ms);
        }
        if is_scored {
            flags.push(marks);
        }
        let bytes_max = plan.settings.state.max_bytes.0;
        if self.state_bytes() as u64 > bytes_max {
            let others = self.state_bytes() - self.keys.bytes();
            let for_keys = (bytes_max as usize).saturating_sub(others);
            self.keys.sweep(plan, for_keys, self.watermark_ms);
        }
    }

    /// Counts ids that a key forgot within their horizon, and lets it be in doubt.
    #[inline]
    fn note_forgotten(&mut self, plan: &Plan, index: KeyIndex, forgotten: Forgotten) {
        if forgotten.count > 0 {
            self.stats.forgotten_ids += forgotten.count;
            self.keys.doubt_ids(plan, index, forgotten.newest_ms);
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
