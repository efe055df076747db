//! The parts of a plan in words: what is kept of records.

use tillwatch_records::RecordKind;
use tillwatch_records::units::DurationMs;

use super::compiled::{Number, Plan};
use super::ids::{BitId, CountedBy, NumberId};
use super::layout::{CountField, Factor, Layout, RawField, SUM_WORDS, Term};
use super::spec::{Bound, EventKind, ExtremeValue, HoldingSpec, Lasting, Memory, Needed};
use crate::catalog::InputColumn;
use crate::structures::Holding;

/// Bytes of a word of a row.
pub(crate) const WORD_BYTES: usize = size_of::<u32>();

impl Plan {
    /// The records that have `bit`. Columns that are read anyway are not named.
    pub(crate) fn records(&self, bit: BitId, read: &[InputColumn]) -> String {
        let bit = &self.bits[bit];
        let mut text = match bit.kind {
            RecordKind::Transaction => "transactions",
            RecordKind::TerminalEvent => "terminal events",
            RecordKind::Label => "labels",
        }
        .to_owned();
        let conditions = bit
            .predicates
            .iter()
            .map(|id| self.predicates[*id].canonical());
        let mut conditions: Vec<String> = conditions.collect();
        let others = bit.not_null.iter().filter(|input| !read.contains(input));
        conditions.extend(others.map(|input| format!("{} is known", input.name)));
        if !conditions.is_empty() {
            text.push_str(" where ");
            text.push_str(&conditions.join(" AND "));
        }
        text
    }

    /// What a count counts.
    pub(crate) fn count_words(&self, field: CountField) -> String {
        match field {
            CountField::Bit(bit) => self.records(bit, &[]),
            CountField::Known {
                bit,
                number,
                is_log,
            } => {
                let number = self.number_words(number);
                let number = if is_log {
                    format!("the logarithm of {number}")
                } else {
                    number
                };
                format!("{} with a value of {number}", self.records(bit, &[]))
            }
            CountField::Fixed { bit, number } => {
                let number = self.number_words(number);
                format!("{} with a value of {number}", self.records(bit, &[]))
            }
            CountField::Reused(bit) => {
                format!(
                    "{} under an event id of another record",
                    self.records(bit, &[])
                )
            }
            CountField::Event(event) => {
                let spec = self.events[event];
                let what = match spec.kind {
                    EventKind::Duplicate => "repeated numbers",
                    EventKind::Regression => "numbers that went back",
                    EventKind::Fork => "turns of two counters",
                    EventKind::Change => "changes",
                };
                format!("{what} of {}", self.memory_subject(spec.memory))
            }
        }
    }

    /// What a count counts.
    pub(crate) fn counted(&self, input: CountedBy) -> String {
        match self.count_field(input) {
            Some(field) => self.count_words(field),
            // Every row counts only where there is one kind of record.
            None => "transactions".to_owned(),
        }
    }

    /// What a count counts; nothing where it is every row.
    fn count_field(&self, input: CountedBy) -> Option<CountField> {
        match input {
            CountedBy::Rows => None,
            CountedBy::Word(at) => self.layout.counts.get(at - Layout::COUNTS_AT).copied(),
        }
    }

    /// The raw value at word `at` of a row.
    pub(super) fn raw_field(&self, at: usize) -> Option<&RawField> {
        let fields = self.layout.raws.iter().enumerate();
        let mut found = fields.filter(|(index, _)| self.layout.raw_at(*index) == at);
        found.next().map(|(_, field)| field)
    }

    /// A number, by name or as SQL.
    pub(crate) fn number_words(&self, number: NumberId) -> String {
        match &self.numbers[number] {
            Number::Column(input) => input.name.to_string(),
            Number::Expression(expression) => expression.canonical(),
        }
    }

    /// A number that is read of the records of `bit`.
    fn number_of(&self, number: NumberId, bit: BitId) -> String {
        let read = match &self.numbers[number] {
            Number::Column(input) => std::slice::from_ref(input),
            Number::Expression(_) => &[],
        };
        format!(
            "{} of {}",
            self.number_words(number),
            self.records(bit, read)
        )
    }

    /// What a raw value is.
    pub(crate) fn raw_words(&self, raw: &RawField) -> String {
        match raw {
            RawField::Hash { .. } => format!("hash of {}", self.raw_subject(raw)),
            RawField::Float { .. } => format!("value of {}", self.raw_subject(raw)),
            RawField::Bucket { .. } => format!("bucket of {}", self.raw_subject(raw)),
            RawField::Id => "identity of the transaction, for labels".to_owned(),
            RawField::Labels => "what the latest label says".to_owned(),
        }
    }

    fn raw_subject(&self, raw: &RawField) -> String {
        match raw {
            RawField::Hash { bit, inputs } => {
                format!("{} of {}", tuple(inputs), self.records(*bit, inputs))
            }
            RawField::Float { bit, number } => self.number_of(*number, *bit),
            RawField::Bucket {
                bit,
                number,
                is_log,
            } => {
                let log = if *is_log { "the logarithm of " } else { "" };
                format!("{log}{}", self.number_of(*number, *bit))
            }
            RawField::Id | RawField::Labels => "transactions".to_owned(),
        }
    }

    /// What the raw value at word `at` of a row is of.
    pub(crate) fn raw_subject_at(&self, at: usize) -> String {
        self.raw_field(at)
            .map_or_else(String::new, |raw| self.raw_subject(raw))
    }

    /// What the running sum at word `at` of a row is of.
    pub(crate) fn sum_words(&self, at: usize) -> String {
        self.term_words(&self.layout.sums[(at - self.layout.places.sums_at) / SUM_WORDS])
    }

    /// What a running sum is of.
    pub(crate) fn term_words(&self, term: &Term) -> String {
        let factor = |factor: &Factor| match factor {
            Factor::Column(input) => input.name.to_string(),
            Factor::Fixed(number) => self.number_words(*number),
            Factor::Time => "event_time".to_owned(),
        };
        let mut read: Vec<InputColumn> = Vec::new();
        for factor in [Some(&term.factor), term.times.as_ref()]
            .into_iter()
            .flatten()
        {
            match factor {
                Factor::Column(input) => read.push(input.clone()),
                Factor::Fixed(number) => {
                    if let Number::Column(input) = &self.numbers[*number] {
                        read.push(input.clone());
                    }
                }
                Factor::Time => {}
            }
        }
        let records = self.records(term.bit, &read);
        let what = factor(&term.factor);
        match &term.times {
            None => format!("{what} of {records}"),
            Some(times) if *times == term.factor => format!("squared {what} of {records}"),
            Some(times) => format!("{what} times {} of {records}", factor(times)),
        }
    }

    /// A labelled total.
    pub(crate) fn labelled_words(&self, slot: usize) -> String {
        let what = match self.labelled[slot].sum {
            Some(_) => "sum",
            None => "number",
        };
        format!("{what} of {}", self.labelled_subject(slot))
    }

    /// What a labelled total is of.
    pub(crate) fn labelled_subject(&self, slot: usize) -> String {
        let spec = &self.labelled[slot];
        let label = self.labels[spec.label as usize].canonical();
        let records = match spec.sum {
            Some(at) => self.sum_words(at),
            None => self.counted(spec.count),
        };
        format!("{records}, whose label says {label}")
    }

    /// What a memory is of.
    pub(crate) fn memory_subject(&self, slot: usize) -> String {
        let spec = self.memories[slot];
        match spec.memory {
            Memory::Ewma { number, .. } | Memory::Sequence { number, .. } => {
                self.number_of(number, spec.bit)
            }
            Memory::Profile { .. } => self.records(spec.bit, &[]),
            Memory::Place { lat, lon } => {
                let read = [lat, lon].map(|number| self.number_words(number));
                let known = &self.bits[spec.bit].not_null;
                let records = self.records(spec.bit, known);
                format!("({}) of {records}", read.join(", "))
            }
            Memory::Change { hash } => {
                let inputs = &self.hashes[hash];
                format!("{} of {}", tuple(inputs), self.records(spec.bit, inputs))
            }
        }
    }

    /// A memory.
    pub(crate) fn memory_words(&self, slot: usize) -> String {
        let subject = self.memory_subject(slot);
        match self.memories[slot].memory {
            Memory::Ewma { spec, .. } => {
                let half_life = DurationMs::from_ms(spec.half_life.as_ms());
                format!("mean and deviation of {subject}, half-life {half_life}")
            }
            Memory::Profile { spec } => {
                let half_life = DurationMs::from_ms(spec.half_life.as_ms());
                format!("rate per hour of the week of {subject}, half-life {half_life}")
            }
            Memory::Place { .. } => format!("last place {subject}"),
            Memory::Change { .. } => format!("last value of {subject}"),
            Memory::Sequence { .. } => format!("last numbers of {subject}"),
        }
    }

    /// A queue of extreme values.
    pub(crate) fn queue_words(&self, slot: usize) -> String {
        let (which, values) = self.extreme_words(slot);
        let reach = DurationMs::from_ms(self.extremes[slot].reach_ms);
        format!("queue of {which} {values}, of {reach}")
    }

    /// Which extremes a queue keeps, and of what.
    pub(crate) fn extreme_words(&self, slot: usize) -> (&'static str, String) {
        let spec = &self.extremes[slot];
        let which = if spec.smallest { "smallest" } else { "largest" };
        let values = match spec.value {
            ExtremeValue::Integer { sum, .. } => self.sum_words(sum),
            ExtremeValue::Float { raw } => self.raw_subject_at(raw),
        };
        (which, values)
    }

    /// What a window's values are kept as.
    pub(crate) fn holding_words(&self, spec: &HoldingSpec) -> String {
        let what = match spec.holding {
            Holding::Distinct => "distinct values",
            Holding::Entropy => "numbers of values, for entropy,",
            Holding::Counts => "numbers of values",
            Holding::Frequent => "numbers of values and of their numbers,",
            Holding::Histogram => "histogram",
        };
        let start_ms = self.bounds[spec.start_bound].before_ms;
        let span = DurationMs::from_ms(start_ms - self.bounds[spec.end_bound].before_ms);
        format!("{what} of {}, of {span}", self.raw_subject_at(spec.raw))
    }

    /// What a window's values take.
    pub(crate) fn holding_growth(&self, spec: &HoldingSpec) -> &'static str {
        match spec.holding {
            _ if !spec.is_kept => "",
            Holding::Distinct => "16 to 64 per value beyond 48 records, at most 96 KiB",
            Holding::Entropy | Holding::Counts | Holding::Frequent => {
                "16 to 64 per value beyond 48 records"
            }
            Holding::Histogram => "8 to 32 per bucket beyond 48 records",
        }
    }

    /// What is left of old rows for windows with a resolution.
    pub(crate) fn lasting_words(&self, lasting: &Lasting) -> String {
        let bound = bound_words(&self.bounds[lasting.bound]);
        match lasting.needed {
            Needed::Values { raw } => {
                let subject = self.raw_subject_at(raw);
                format!("newest old row of each {subject}, from {bound}")
            }
            Needed::Extreme { queue } => {
                let (which, values) = self.extreme_words(queue);
                format!("old rows with the {which} {values}, from {bound}")
            }
        }
    }

    /// A decayed histogram.
    pub(crate) fn decayed_words(&self, slot: usize) -> String {
        format!("histogram of {}", self.decayed_subject(slot))
    }

    /// What a decayed histogram is of.
    pub(crate) fn decayed_subject(&self, slot: usize) -> String {
        let spec = &self.decayed[slot];
        let log = if spec.is_log { "the logarithm of " } else { "" };
        let subject = self.number_of(spec.number, spec.bit);
        let half_life = DurationMs::from_ms(spec.half_life.as_ms());
        format!("{log}{subject}, half-life {half_life}")
    }

    /// The cohorts of a ratio.
    pub(crate) fn cohort_words(&self, slot: usize) -> String {
        let spec = &self.cohorts[slot];
        format!(
            "share of {} among {}, per {}, half-life {}",
            self.records(spec.part, &[]),
            self.records(spec.base, &[]),
            tuple(&self.hashes[spec.hash]),
            DurationMs::from_ms(spec.half_life.as_ms())
        )
    }
}

/// How many rows are left for the sake of windows with a resolution.
pub(crate) fn lasting_growth(needed: Needed) -> &'static str {
    match needed {
        Needed::Values { .. } => "a row per value, 1024 per doubling beyond 2048",
        Needed::Extreme { .. } => "about ln n rows, at most one per pane",
    }
}

/// One or more columns.
pub(crate) fn tuple(inputs: &[InputColumn]) -> String {
    let names: Vec<&str> = inputs.iter().map(|input| &*input.name).collect();
    match names.as_slice() {
        [name] => (*name).to_owned(),
        names => format!("({})", names.join(", ")),
    }
}

/// Where a bound lies.
pub(crate) fn bound_words(bound: &Bound) -> String {
    let before = DurationMs::from_ms(bound.before_ms);
    match (bound.before_ms, bound.resolution_ms) {
        (0, _) => "the record itself".to_owned(),
        (_, 0) => format!("{before} before"),
        (_, resolution_ms) => {
            let resolution = DurationMs::from_ms(resolution_ms);
            format!("{before} before, rounded down to {resolution}")
        }
    }
}
