//! What a lane takes over of state that a lane of another catalog has left: where each part of it goes, and
//! what keys lack then.
//!
//! Rows and what keys remember are carried over part by part. What can be made of rows is made of them
//! again: cursors, queues, held values, totals of labelled records. A part that is new is empty, as if no
//! record that it counts had come before the cut. So a key lacks records up to its newest event time W, and
//! all that holds of a gap that ends at W holds of it, see [`Wholeness`](super::whole::Wholeness). Rows
//! tell more: those within the retention of the catalog before are all there, so that a window of fields
//! that are carried over lacks rows only where it begins before them.

mod fields;
mod past;
mod places;

use self::fields::{Fields, places};
use self::past::Past;
pub(crate) use self::places::Written;
use self::places::{memories_at, rows_of, total};
use super::compiled::{Plan, SINCE_WORDS};
use super::identities::Identities;
use super::layout::{Layout, RawField, SQUARE_WORDS, SUM_WORDS};
use super::shape::{Numbers, Shape, recalled_word};
use super::uses::Uses;
use super::whole::{Recalled, bit};
use crate::times::NEVER_MS;
use crate::words::{halves, push64};

/// How state of one catalog becomes that of another.
#[derive(Debug)]
pub(crate) struct Edit {
    /// The state as it was written.
    pub(crate) before: Written,
    /// Words of a row that are carried over.
    carries: Vec<Carry>,
    /// Words of a row that hold its number: counts of all records, where rows were counted.
    numbered: Vec<usize>,
    /// A row of which nothing is carried over.
    blank: Vec<u32>,
    /// What becomes of what labels say.
    labels: Option<LabelBits>,
    /// Words of the fixed part that are carried over.
    fixed: Vec<Carry>,
    /// Which histogram each one was.
    pub(crate) decayed: Vec<Option<usize>>,
    /// Which cohort ratio each one was.
    pub(crate) cohorts: Vec<Option<usize>>,
    /// What keys remember and may lack: for each bit what it was, where it was followed.
    bits: Vec<(u64, Option<u64>)>,
    /// How long after a key's newest event time windows may lack something; nothing where they lack nothing.
    pub(crate) lacking_ms: Option<i64>,
    /// How long after that time ids may be wrong.
    pub(crate) ids_ms: i64,
    /// By how much events of what keys remember show longer.
    pub(crate) events_longer_ms: i64,
    /// For each feature what it lacks.
    features: Vec<Lacking>,
}

/// Words that go from one place to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Carry {
    from: usize,
    to: usize,
    words: usize,
}

/// The word of a row that says which predicates its latest label satisfies.
#[derive(Debug)]
struct LabelBits {
    /// Where it was.
    from: usize,
    /// Where it is.
    to: usize,
    /// Which bit becomes which.
    bits: Vec<(u32, u32)>,
}

/// What a feature lacks after an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lacking {
    /// Its window is whole so long after the newest event time before the edit, in milliseconds; nothing
    /// where it lacks no record.
    pub(crate) window_ms: Option<i64>,
    /// Whether it reads what keys or cohorts remember, which is new.
    pub(crate) is_memory_new: bool,
}

impl Edit {
    /// From state of the shape `before` to that of `plan`, which has the shape `after`.
    pub(crate) fn new(
        plan: &Plan,
        identities: &Identities<'_>,
        (before, after): (&Shape, &Shape),
    ) -> Self {
        let (was, is) = (before.numbers(), after.numbers());
        let mut edit = Self {
            before: Written::new(before, was),
            carries: Vec::new(),
            numbered: Vec::new(),
            blank: blank(&plan.layout),
            labels: None,
            fixed: Vec::new(),
            decayed: places(&before.decayed, &after.decayed),
            cohorts: places(&before.cohorts, &after.cohorts),
            bits: Vec::new(),
            lacking_ms: None,
            ids_ms: 0,
            events_longer_ms: 0,
            features: Vec::new(),
        };
        let ages_alike = was.idle_ttl_ms == is.idle_ttl_ms;
        let fields = Fields::new(plan, identities, (before, after));
        edit.carry_rows(plan, before, &fields);
        edit.carry_fixed(plan, before, was, &fields);
        edit.carry_bits(plan, before, &fields, ages_alike);
        let lacking = Past {
            plan,
            identities,
            shapes: (before, after),
            was,
            fields: &fields,
        };
        edit.features = plan
            .made
            .iter()
            .map(|made| Lacking {
                window_ms: lacking.window_ms(&made.uses),
                is_memory_new: edit.is_new(plan, &made.uses),
            })
            .collect();
        let windows = edit.features.iter().filter_map(|feature| feature.window_ms);
        let longer_ms = is.retention_ms - was.retention_ms;
        // A late record sees what is kept, whatever its windows, so more of it would be there.
        edit.lacking_ms = windows.chain((longer_ms > 0).then_some(longer_ms)).max();
        if !ages_alike {
            // Nobody knows which keys would have started afresh, with their rows and ids.
            edit.ids_ms = plan.settings.time.dedup_horizon.as_ms();
            let all_ms = edit.ids_ms.saturating_add(plan.whole.windows_ms);
            edit.lacking_ms = edit.lacking_ms.max(Some(all_ms));
            let windows = plan.made.iter().zip(&mut edit.features);
            for (_, feature) in windows.filter(|(made, _)| made.uses.window.is_some()) {
                feature.window_ms = Some(all_ms);
            }
        }
        edit
    }

    /// What each feature lacks, in the order of the catalog.
    pub(crate) fn features(&self) -> &[Lacking] {
        &self.features
    }

    /// Whether keys lack anything.
    pub(crate) fn has_new(&self) -> bool {
        self.lacking_ms.is_some() || self.unknown_of(None) != 0
    }

    /// What a key remembers and may lack, where it lacked `unknown` before: nothing where it lacked nothing.
    pub(crate) fn unknown_of(&self, unknown: Option<u64>) -> u64 {
        let lacks = |before: &Option<u64>| match before {
            Some(before) => unknown.unwrap_or(0) & before != 0,
            None => true,
        };
        let bits = self.bits.iter().filter(|(_, before)| lacks(before));
        bits.fold(0, |all, (bit, _)| all | bit)
    }

    /// Appends the fixed part of a key whose fixed part was `before`. Cursors and totals are 0.
    pub(crate) fn push_fixed(&self, plan: &Plan, before: &[u32], out: &mut Vec<u32>) {
        let start = out.len();
        out.resize(start + plan.fixed_words, 0);
        let fixed = &mut out[start..];
        for slot in 0..plan.sinces.len() {
            let at = plan.since_at(slot);
            let never = halves(NEVER_MS.cast_unsigned());
            fixed[at..at + 2].copy_from_slice(&never);
            fixed[at + 2..at + 4].copy_from_slice(&never);
        }
        self.fixed
            .iter()
            .for_each(|carry| carry.make(before, fixed));
    }

    /// Appends the row with this number, which was `before`, with tops if it had some.
    pub(crate) fn push_row(&self, plan: &Plan, number: u32, before: &[u32], out: &mut Vec<u32>) {
        let start = out.len();
        out.extend_from_slice(&self.blank);
        if before.len() == self.before.stride {
            out.truncate(start + plan.layout.places.stride);
        }
        let row = &mut out[start..];
        for carry in &self.carries {
            // Tops are carried over where there are some.
            if carry.from + carry.words <= before.len() {
                carry.make(before, row);
            }
        }
        self.numbered.iter().for_each(|at| row[*at] = number);
        if let Some(LabelBits { from, to, bits }) = &self.labels {
            let said = bits.iter().filter(|(bit, _)| before[*from] >> bit & 1 != 0);
            row[*to] = said.fold(0, |all, (_, bit)| all | 1 << bit);
        }
    }

    /// Finds which words of rows are carried over.
    fn carry_rows(&mut self, plan: &Plan, before: &Shape, fields: &Fields) {
        let layout = &plan.layout;
        let was = rows_of(before);
        let was_raw = |index: usize| was.raws_at + total(&before.raw_words[..index]);
        self.carry(0, 0, Layout::COUNTS_AT);
        for (index, known) in fields.counts.iter().enumerate() {
            let to = Layout::COUNTS_AT + index;
            match known {
                Some(known) => self.carry(Layout::COUNTS_AT + known, to, 1),
                None if fields.numbered == Some(index) => self.numbered.push(to),
                None => {}
            }
        }
        let sums = [
            (&fields.sums, was.sums_at, layout.places.sums_at, SUM_WORDS),
            (
                &fields.squares,
                was.squares_at,
                layout.places.squares_at,
                SQUARE_WORDS,
            ),
            (&fields.wide, was.wide_at, layout.places.wide_at, 4),
            (&fields.gaps, was.gaps_at, layout.places.gaps_at, 4),
            // Tops of sums, then of squares.
            (&fields.sums, was.stride, layout.places.stride, 1),
            (
                &fields.squares,
                was.stride + before.sums.len(),
                layout.places.stride + layout.sums.len(),
                1,
            ),
        ];
        for (places, from, to, words) in sums {
            for (index, known) in places.iter().enumerate() {
                if let Some(known) = known {
                    self.carry(from + words * known, to + words * index, words);
                }
            }
        }
        for (index, known) in fields.raws.iter().enumerate() {
            let to = layout.raw_at(index);
            match (known, &layout.raws[index]) {
                (Some(known), RawField::Labels) => {
                    let bits = fields.labels.iter().enumerate();
                    let bits = bits.filter_map(|(is, was)| Some(((*was)? as u32, is as u32)));
                    self.labels = Some(LabelBits {
                        from: was_raw(*known),
                        to,
                        bits: bits.collect(),
                    });
                }
                (Some(known), field) => self.carry(was_raw(*known), to, field.words()),
                (None, _) => {}
            }
        }
    }

    fn carry(&mut self, from: usize, to: usize, words: usize) {
        self.carries.push(Carry { from, to, words });
    }

    /// Finds which words of the fixed part are carried over.
    fn carry_fixed(&mut self, plan: &Plan, before: &Shape, was: Numbers, fields: &Fields) {
        let sinces_at = was.cursors;
        for (slot, known) in fields.sinces.iter().enumerate() {
            self.fixed.extend(known.map(|known| Carry {
                from: sinces_at + SINCE_WORDS * known,
                to: plan.since_at(slot),
                words: SINCE_WORDS,
            }));
        }
        let memories_at = memories_at(before, was);
        for (slot, known) in fields.memories.iter().enumerate() {
            self.fixed.extend(known.map(|known| Carry {
                from: memories_at + total(&before.memory_words[..known]),
                to: plan.memories_at[slot],
                words: plan.memories[slot].words(),
            }));
        }
    }

    /// Finds what was known of what keys remember: of what was followed as it is.
    fn carry_bits(&mut self, plan: &Plan, before: &Shape, fields: &Fields, ages_alike: bool) {
        let Fields {
            sinces, memories, ..
        } = fields;
        for (at, remembered) in plan.whole.remembered.iter().enumerate() {
            let was = match remembered.what {
                Recalled::Since(slot) => sinces[slot].map(Recalled::Since),
                Recalled::OtherHead(slot) => memories[slot].map(Recalled::OtherHead),
                Recalled::Memory(slot) => memories[slot].map(Recalled::Memory),
                Recalled::Decayed(slot) => self.decayed[slot].map(Recalled::Decayed),
            };
            let word = was.filter(|_| ages_alike).map(recalled_word);
            let known = word.and_then(|word| before.remembered.iter().position(|w| *w == word));
            if let Some(known) = known {
                let longer_ms = remembered.events_ms - before.events_ms[known].cast_signed();
                self.events_longer_ms = self.events_longer_ms.max(longer_ms);
            }
            self.bits.push((bit(at), known.map(bit)));
        }
    }

    /// Whether a feature reads what keys or cohorts remember, and that is new.
    fn is_new(&self, plan: &Plan, uses: &Uses) -> bool {
        let remembered = plan.whole.remembered.iter().zip(&self.bits);
        let mut new = remembered.filter(|(_, (_, before))| before.is_none());
        let is_used = |what: Recalled| match what {
            Recalled::Since(slot) => uses.sinces.contains(&slot),
            // It matters to those that ask for the memory.
            Recalled::OtherHead(_) => false,
            Recalled::Memory(slot) => uses.memories.contains(&slot),
            Recalled::Decayed(slot) => uses.decayed.contains(&slot),
        };
        let mut cohorts = uses.cohorts.iter();
        new.any(|(remembered, _)| is_used(remembered.what))
            || cohorts.any(|ratio| self.cohorts[*ratio].is_none())
    }
}

impl Carry {
    fn make(&self, from: &[u32], to: &mut [u32]) {
        let Self {
            from: at,
            to: place,
            words,
        } = *self;
        to[place..place + words].copy_from_slice(&from[at..at + words]);
    }
}

/// A row with tops of a record that nothing counts.
fn blank(layout: &Layout) -> Vec<u32> {
    let mut row = vec![0; layout.places.raws_at];
    for field in &layout.raws {
        match field {
            RawField::Float { .. } => push64(&mut row, f64::NAN.to_bits()),
            _ => row.resize(row.len() + field.words(), 0),
        }
    }
    row.resize(layout.places.topped_stride, 0);
    row
}
