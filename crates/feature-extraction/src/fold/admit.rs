//! A record that is accepted: what its key remembers takes it in.

use super::record::{Admission, Record};
use crate::inputs::Inputs;
use crate::mechanism::make_room;
use crate::memory::{change, place};
use crate::plan::{EventKind, Memory, MemorySpec, Plan};
use crate::state::{History, KeyParts};
use crate::words::set128;

/// Whether a detector finds `kind` at a record that is not late.
#[inline]
pub(super) fn found(
    plan: &Plan,
    history: &History,
    memory: usize,
    kind: EventKind,
    inputs: &Inputs<'_>,
    row: usize,
) -> bool {
    let MemorySpec { bit, memory: what } = plan.memories[memory];
    if !inputs.bit(bit, row) {
        return false;
    }
    let words = history.memory(plan.memories_at[memory], what.words());
    match what {
        Memory::Change { hash } => change::read(words, inputs.hash(hash, row)) == 1.0,
        Memory::Sequence { spec, number } => {
            let number = inputs.number(number, row);
            if number.is_nan() {
                return false;
            }
            let seen = spec.read(words, number as i64);
            match kind {
                EventKind::Duplicate => seen.duplicate,
                EventKind::Regression => seen.regression,
                EventKind::Fork => seen.fork,
                EventKind::Change => false,
            }
        }
        Memory::Ewma { .. } | Memory::Profile { .. } | Memory::Place { .. } => false,
    }
}

/// Lets the key's memories take in a record that is accepted.
#[inline]
pub(super) fn remember(
    plan: &Plan,
    key: &mut KeyParts<'_>,
    record: &Record<'_>,
    inputs: &Inputs<'_>,
) {
    let (row, now_ms) = (record.row, record.now_ms);
    let in_order = record.admission == Admission::InOrder;
    for (spec, at) in plan.memories.iter().zip(&plan.memories_at) {
        if !inputs.bit(spec.bit, row) {
            continue;
        }
        let words = key.history.memory_mut(*at, spec.memory.words());
        match spec.memory {
            Memory::Ewma { spec, number } => {
                spec.update(words, now_ms, inputs.number(number, row));
            }
            Memory::Profile { spec } => spec.update(words, now_ms),
            Memory::Place { lat, lon } if in_order => {
                place::update(words, now_ms, inputs.place(lat, lon, row));
            }
            Memory::Change { hash } if in_order => change::update(words, inputs.hash(hash, row)),
            Memory::Sequence { spec, number } if in_order => {
                let number = inputs.number(number, row);
                if !number.is_nan() {
                    spec.update(words, number as i64);
                }
            }
            Memory::Place { .. } | Memory::Change { .. } | Memory::Sequence { .. } => {}
        }
    }
    for (spec, decayed) in plan.decayed.iter().zip(&mut *key.decayed) {
        if inputs.bit(spec.bit, row) {
            let value = inputs.number(spec.number, row);
            if !(spec.is_log && value <= 0.0) {
                decayed.update(spec.half_life, now_ms, value);
            }
        }
    }
}

/// Remembers a record in order, after which the running totals are `totals`.
#[inline]
pub(super) fn append(plan: &Plan, key: &mut KeyParts<'_>, record: &Record<'_>, totals: &[u32]) {
    for (spec, queue) in plan.extremes.iter().zip(&mut *key.queues) {
        if spec.end_bound == 0
            && let Some(rank) = spec.rank_of(record.delta)
        {
            queue.push(record.now_ms, rank);
        }
    }
    for (spec, slot) in plan.holdings.iter().zip(&mut *key.holdings) {
        if spec.is_kept && spec.end_bound == 0 {
            spec.enter(slot, spec.value_of(record.delta));
        }
    }
    // The cursors stand at the record already.
    key.history.watermark_ms = record.now_ms;
    make_room(plan, key.history, key.holdings);
    key.history.append(plan, (record.delta, totals));
}

/// Remembers a late record: it enters the windows that end at the watermark where it lies in them.
pub(super) fn insert(plan: &Plan, key: &mut KeyParts<'_>, record: &mut Record<'_>) {
    let (now_ms, watermark_ms) = (record.now_ms, key.history.watermark_ms);
    let limit = |bound: usize| plan.bounds[bound].limit_ms(watermark_ms);
    for (spec, queue) in plan.extremes.iter().zip(&mut *key.queues) {
        let lies_in = now_ms <= limit(spec.end_bound) && watermark_ms - now_ms < spec.reach_ms;
        if lies_in && let Some(rank) = spec.rank_of(record.delta) {
            queue.insert(now_ms, rank);
        }
    }
    for (spec, slot) in plan.holdings.iter().zip(&mut *key.holdings) {
        let lies_in = now_ms <= limit(spec.end_bound) && now_ms > limit(spec.start_bound);
        if spec.is_kept && lies_in {
            spec.enter(slot, spec.value_of(record.delta));
        }
    }
    // The history finds out by itself what lies between its neighbours.
    for index in 0..plan.layout.gaps.len() {
        set128(record.delta, plan.layout.places.gaps_at + 4 * index, 0);
    }
    make_room(plan, key.history, key.holdings);
    let place = key.history.insert(plan, now_ms, record.delta);
    if plan.label_words.is_some() {
        let at = plan.label_hint_at();
        let hint = key.history.fixed(at);
        key.history.set_fixed(at, hint + u32::from(place < hint));
    }
}
