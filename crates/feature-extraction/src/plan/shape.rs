//! What the state of a lane is made of: its parts in their order, each with an identity, and what else
//! decides where they are. It is written with every cut, so that a lane of an edited catalog finds what it
//! has as well.

use super::compiled::{LABELS_MAX, Plan};
use super::identities::Identities;
use super::layout::RawField;
use super::spec::MemorySpec;
use super::whole::Recalled;
use crate::words::{push64, take, take64};

/// The parts of a lane's state. All lists are of 64-bit numbers, and are written one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Identities of the fields of a row.
    pub(crate) counts: Vec<u64>,
    pub(crate) sums: Vec<u64>,
    pub(crate) squares: Vec<u64>,
    pub(crate) wide: Vec<u64>,
    pub(crate) gaps: Vec<u64>,
    pub(crate) raws: Vec<u64>,
    /// Words of each raw value.
    pub(crate) raw_words: Vec<u64>,
    /// Each field of each window with a resolution, with where that begins: compaction leaves what they need.
    pub(crate) panes: Vec<u64>,
    /// Which single rows compaction leaves besides.
    pub(crate) lasting: Vec<u64>,
    /// Identities of what keys remember beyond their rows.
    pub(crate) sinces: Vec<u64>,
    pub(crate) memories: Vec<u64>,
    /// Words of each memory.
    pub(crate) memory_words: Vec<u64>,
    pub(crate) decayed: Vec<u64>,
    /// Identities of the predicates of labels, in the order of their bits.
    pub(crate) labels: Vec<u64>,
    /// Identities of the cohort ratios of the lane.
    pub(crate) cohorts: Vec<u64>,
    /// What is followed of a key that lacks records, in the order of its bits, see [`recalled_word`]; and
    /// how long its events show.
    pub(crate) remembered: Vec<u64>,
    pub(crate) events_ms: Vec<u64>,
    /// See [`Shape::numbers`].
    numbers: Vec<u64>,
}

/// What is of a plan as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Words of a key's state before the times of the newest records: one per window bound but the first.
    pub(crate) cursors: usize,
    /// Totals of labelled records.
    pub(crate) labelled: usize,
    /// Whether there is a word for the row where the next label is looked for.
    pub(crate) has_labels: bool,
    /// Whether each row is one record of the only kind that there is.
    pub(crate) counts_rows: bool,
    /// For how long records are kept one by one.
    pub(crate) retention_ms: i64,
    /// After how long an idle key starts afresh.
    pub(crate) idle_ttl_ms: i64,
}

/// Most of anything in a shape that was read: a catalog has 512 features at most.
const NUMBER_MAX: u64 = 1 << 20;

/// Longest time in a shape that was read, in milliseconds: sums of a few with event times are far from
/// overflow.
const TIME_MS_MAX: u64 = 1 << 60;

impl Shape {
    /// Of a lane that runs `plan`.
    pub(crate) fn of(plan: &Plan, identities: &Identities<'_>) -> Self {
        let layout = &plan.layout;
        let numbers = |values: Vec<usize>| values.into_iter().map(|n| n as u64).collect();
        let memories = plan.memories.iter();
        Self {
            counts: layout.counts.iter().map(|f| identities.count(*f)).collect(),
            sums: layout.sums.iter().map(|f| identities.term(f)).collect(),
            squares: layout.squares.iter().map(|f| identities.term(f)).collect(),
            wide: layout.wide.iter().map(|f| identities.term(f)).collect(),
            gaps: layout.gaps.iter().map(|f| identities.gap(f)).collect(),
            raws: layout.raws.iter().map(|f| identities.raw(f)).collect(),
            raw_words: numbers(layout.raws.iter().map(RawField::words).collect()),
            panes: identities.panes(),
            lasting: plan.lasting.iter().map(|l| identities.lasting(l)).collect(),
            sinces: plan.sinces.iter().map(|s| identities.since(s)).collect(),
            memories: memories.clone().map(|m| identities.memory(m)).collect(),
            memory_words: numbers(memories.map(MemorySpec::words).collect()),
            decayed: plan.decayed.iter().map(|d| identities.decayed(d)).collect(),
            labels: plan.labels.iter().map(|p| identities.label(p)).collect(),
            cohorts: plan.cohorts.iter().map(|c| identities.cohort(c)).collect(),
            remembered: plan
                .whole
                .remembered
                .iter()
                .map(|r| recalled_word(r.what))
                .collect(),
            events_ms: plan
                .whole
                .remembered
                .iter()
                .map(|r| r.events_ms.unsigned_abs())
                .collect(),
            numbers: vec![
                (plan.bounds.len() - 1) as u64,
                plan.labelled.len() as u64,
                u64::from(plan.label_words.is_some()),
                u64::from(plan.kinds.len() == 1 && !plan.has_panes),
                plan.retention_ms().unsigned_abs(),
                plan.idle_ttl_ms().unsigned_abs(),
            ],
        }
    }

    /// What is of the plan as a whole.
    pub(crate) fn numbers(&self) -> Numbers {
        let number = |at: usize| self.numbers.get(at).copied().unwrap_or(0);
        Numbers {
            cursors: number(0) as usize,
            labelled: number(1) as usize,
            has_labels: number(2) != 0,
            counts_rows: number(3) != 0,
            retention_ms: number(4).cast_signed(),
            idle_ttl_ms: number(5).cast_signed(),
        }
    }

    /// Appends the lists as words, each after its length.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            counts,
            sums,
            squares,
            wide,
            gaps,
            raws,
            raw_words,
            panes,
            lasting,
            sinces,
            memories,
            memory_words,
            decayed,
            labels,
            cohorts,
            remembered,
            events_ms,
            numbers,
        } = self;
        for list in [
            counts,
            sums,
            squares,
            wide,
            gaps,
            raws,
            raw_words,
            panes,
            lasting,
            sinces,
            memories,
            memory_words,
            decayed,
            labels,
            cohorts,
            remembered,
            events_ms,
            numbers,
        ] {
            out.push(list.len() as u32);
            list.iter().for_each(|number| push64(out, *number));
        }
    }

    /// Takes what was written from the front of `words`; nothing when it cannot have been.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        let shape = Self {
            counts: take_list(words)?,
            sums: take_list(words)?,
            squares: take_list(words)?,
            wide: take_list(words)?,
            gaps: take_list(words)?,
            raws: take_list(words)?,
            raw_words: take_list(words)?,
            panes: take_list(words)?,
            lasting: take_list(words)?,
            sinces: take_list(words)?,
            memories: take_list(words)?,
            memory_words: take_list(words)?,
            decayed: take_list(words)?,
            labels: take_list(words)?,
            cohorts: take_list(words)?,
            remembered: take_list(words)?,
            events_ms: take_list(words)?,
            numbers: take_list(words)?,
        };
        shape.is_sound().then_some(shape)
    }

    /// Whether lists are as long as they must be, and sums of their numbers cannot overflow.
    fn is_sound(&self) -> bool {
        let [
            cursors,
            labelled,
            has_labels,
            counts_rows,
            retention_ms,
            idle_ttl_ms,
        ] = self.numbers.as_slice()
        else {
            return false;
        };
        let small = [cursors, labelled].into_iter();
        let mut small = small.chain(&self.raw_words).chain(&self.memory_words);
        let mut times = [retention_ms, idle_ttl_ms]
            .into_iter()
            .chain(&self.events_ms);
        self.labels.len() <= LABELS_MAX
            && self.raw_words.len() == self.raws.len()
            && self.memory_words.len() == self.memories.len()
            && self.events_ms.len() == self.remembered.len()
            && [has_labels, counts_rows].iter().all(|flag| **flag <= 1)
            && small.all(|number| *number <= NUMBER_MAX)
            && times.all(|time| *time <= TIME_MS_MAX)
    }
}

/// A list from the front of `words`.
fn take_list(words: &mut &[u32]) -> Option<Vec<u64>> {
    let length = take(words)? as usize;
    (length <= words.len() / 2).then_some(())?;
    (0..length).map(|_| take64(words)).collect()
}

/// Which memory it is, as a number.
pub(crate) fn recalled_word(what: Recalled) -> u64 {
    let (kind, slot) = match what {
        Recalled::Since(slot) => (0, slot),
        Recalled::OtherHead(slot) => (1, slot),
        Recalled::Memory(slot) => (2, slot),
        Recalled::Decayed(slot) => (3, slot),
    };
    kind << 32 | slot as u64
}
