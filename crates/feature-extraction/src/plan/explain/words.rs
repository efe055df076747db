//! The parts of a plan in words.

use tillwatch_records::RecordKind;
use tillwatch_records::units::DurationMs;

use super::WORD_BYTES;
use super::uses::{count_field, raw_field, window_of};
use crate::catalog::Source;
use crate::layout::{CountField, RawField};
use crate::plan::{
    BitId, CountSource, EventKind, ExtremeValue, FeatureInfo, Holding, HoldingRead, HoldingSpec,
    Memory, MemoryRead, Number, NumberId, Op, Part, Plan, Shrink, Total, Window,
};

impl Plan {
    /// The records that have `bit`. Columns that are read anyway are not named.
    pub(super) fn records(&self, bit: BitId, read: &[Source]) -> String {
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
        let others = bit.not_null.iter().filter(|source| !read.contains(source));
        conditions.extend(others.map(|source| format!("{} is known", source.name)));
        if !conditions.is_empty() {
            text.push_str(" where ");
            text.push_str(&conditions.join(" AND "));
        }
        text
    }

    /// What a count counts.
    pub(super) fn count_words(&self, field: CountField) -> String {
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

    fn counted(&self, source: CountSource) -> String {
        match count_field(self, source) {
            Some(field) => self.count_words(field),
            // Every row counts only where there is one kind of record.
            None => "transactions".to_owned(),
        }
    }

    pub(super) fn number_words(&self, number: NumberId) -> String {
        match &self.numbers[number] {
            Number::Column(source) => source.name.to_string(),
            Number::Expression(expression) => expression.canonical(),
        }
    }

    /// A number that is read of the records of `bit`.
    fn number_of(&self, number: NumberId, bit: BitId) -> String {
        let read = match &self.numbers[number] {
            Number::Column(source) => std::slice::from_ref(source),
            Number::Expression(_) => &[],
        };
        format!(
            "{} of {}",
            self.number_words(number),
            self.records(bit, read)
        )
    }

    /// What a raw value is.
    pub(super) fn raw_words(&self, raw: &RawField) -> String {
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
            RawField::Hash { bit, sources } => {
                format!("{} of {}", tuple(sources), self.records(*bit, sources))
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

    fn raw_subject_at(&self, at: usize) -> String {
        raw_field(self, at).map_or_else(String::new, |raw| self.raw_subject(raw))
    }

    fn sum_words(&self, at: usize) -> String {
        let field = &self.layout.sums[(at - self.layout.sums_at) / 2];
        let records = self.records(field.bit, std::slice::from_ref(&field.source));
        format!("{} of {records}", field.source.name)
    }

    /// What a labelled total is of.
    pub(super) fn labelled_words(&self, slot: usize) -> String {
        let spec = &self.labelled[slot];
        let label = self.labels[spec.label as usize].canonical();
        match spec.sum {
            Some(at) => format!("sum of {}, whose label says {label}", self.sum_words(at)),
            None => {
                let records = self.counted(spec.count);
                format!("number of {records}, whose label says {label}")
            }
        }
    }

    fn part_words(&self, part: Part) -> String {
        match part {
            Part::Counted(source) => format!("number of {}", self.counted(source)),
            Part::Labelled(slot) => self.labelled_words(slot),
        }
    }

    /// What a memory is of.
    fn memory_subject(&self, slot: usize) -> String {
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
                let sources = &self.hashes[hash];
                format!("{} of {}", tuple(sources), self.records(spec.bit, sources))
            }
        }
    }

    /// A memory.
    pub(super) fn memory_words(&self, slot: usize) -> String {
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
    pub(super) fn queue_words(&self, slot: usize) -> String {
        let spec = &self.extremes[slot];
        let which = if spec.smallest { "smallest" } else { "largest" };
        let values = match spec.value {
            ExtremeValue::Integer { sum, .. } => self.sum_words(sum),
            ExtremeValue::Float { raw } => self.raw_subject_at(raw),
        };
        let reach = DurationMs::from_ms(spec.reach_ms);
        format!("queue of {which} {values}, of {reach}")
    }

    /// What a window's values are kept as.
    pub(super) fn holding_words(&self, spec: &HoldingSpec) -> String {
        let what = match spec.holding {
            Holding::Distinct => "distinct values",
            Holding::Entropy => "numbers of values, for entropy,",
            Holding::Counts => "numbers of values",
            Holding::Histogram => "histogram",
        };
        let start_ms = self.bounds[spec.start_bound].before_ms;
        let span = DurationMs::from_ms(start_ms - self.bounds[spec.end_bound].before_ms);
        format!("{what} of {}, of {span}", self.raw_subject_at(spec.raw))
    }

    /// What a window's values take.
    pub(super) fn holding_growth(&self, spec: &HoldingSpec) -> &'static str {
        match spec.holding {
            _ if !spec.is_kept => "",
            Holding::Distinct => "16 to 64 per value beyond 48 records, at most 96 KiB",
            Holding::Entropy | Holding::Counts => "16 to 64 per value beyond 48 records",
            Holding::Histogram => "8 to 32 per bucket beyond 48 records",
        }
    }

    /// A decayed histogram.
    pub(super) fn decayed_words(&self, slot: usize) -> String {
        let spec = &self.decayed[slot];
        let log = if spec.is_log { "the logarithm of " } else { "" };
        let subject = self.number_of(spec.number, spec.bit);
        let half_life = DurationMs::from_ms(spec.half_life.as_ms());
        format!("histogram of {log}{subject}, half-life {half_life}")
    }

    /// The cohorts of a ratio.
    pub(super) fn cohort_words(&self, slot: usize) -> String {
        let spec = &self.cohorts[slot];
        format!(
            "share of {} among {}, per {}, half-life {}",
            self.records(spec.part, &[]),
            self.records(spec.base, &[]),
            tuple(&self.hashes[spec.hash]),
            DurationMs::from_ms(spec.half_life.as_ms())
        )
    }

    /// The window of a feature as it is read.
    pub(super) fn window_words(&self, info: &FeatureInfo, op: &Op) -> String {
        let Some(window) = window_of(op) else {
            return String::new();
        };
        let end = self.ends[window.end];
        let delay_ms = self.bounds[end.bound].before_ms;
        let resolution_ms = self.bounds[window.start].resolution_ms;
        let mut text = info.window.clone();
        if window.last > 0 {
            text.push_str(&format!(", newest {}", window.last));
        }
        if resolution_ms > 0 {
            text.push_str(&format!(", by {}", DurationMs::from_ms(resolution_ms)));
        }
        if delay_ms > 0 {
            text.push_str(&format!(" until {} ago", DurationMs::from_ms(delay_ms)));
        } else if !end.with_current {
            text.push_str(" before it");
        }
        text
    }

    /// What a feature is.
    pub(super) fn formula(&self, op: &Op) -> String {
        match *op {
            Op::Count { count, .. } => self.part_words(count),
            Op::Sum { sum, .. } => match sum {
                Total::Word(at) => format!("sum of {}", self.sum_words(at)),
                Total::Labelled(slot) => self.labelled_words(slot),
            },
            Op::Mean { sum, .. } => match sum {
                Total::Word(at) => format!("mean of {}", self.sum_words(at)),
                Total::Labelled(slot) => self.labelled_words(slot).replacen("sum of", "mean of", 1),
            },
            Op::Stddev { sum, .. } => format!("standard deviation of {}", self.sum_words(sum)),
            Op::Ratio {
                part,
                whole,
                shrink,
                ..
            } => self.ratio_words(part, whole, shrink),
            Op::Extreme { queue, .. } => {
                let words = self.queue_words(queue);
                let words = words.strip_prefix("queue of ").unwrap_or(&words);
                // Its reach is that of the longest window, not of this one.
                words
                    .rsplit_once(", of ")
                    .map_or(words, |(values, _)| values)
                    .to_owned()
            }
            Op::Edge { raw, is_last, .. } => {
                let which = if is_last { "newest" } else { "oldest" };
                format!("{which} {}", self.raw_subject_at(raw))
            }
            Op::Held { slot, read, .. } => {
                self.held_words(read, &self.raw_subject_at(self.holdings[slot].raw))
            }
            Op::InterArrival { gaps, is_cv, .. } => {
                let gap = &self.layout.gaps[(gaps - self.layout.gaps_at) / 4];
                let records = self.records(self.sinces[gap.since].bit, &[]);
                let what = if is_cv { "variation" } else { "mean" };
                format!("{what} of the times between {records}")
            }
            Op::Since { slot } => {
                let records = self.records(self.sinces[slot].bit, &[]);
                format!("time since the last of {records}")
            }
            Op::Value { number } => self.number_words(number),
            Op::Memory { slot, read } => self.remembered_words(slot, read),
            Op::Decayed { slot, read } => {
                let words = self.decayed_words(slot);
                let subject = words.strip_prefix("histogram of ").unwrap_or(&words);
                self.held_words(read, subject)
            }
        }
    }

    fn held_words(&self, read: HoldingRead, subject: &str) -> String {
        match read {
            HoldingRead::Distinct => format!("distinct values of {subject}"),
            HoldingRead::Entropy => format!("entropy of {subject}"),
            HoldingRead::Repeats { .. } => format!("times that it has the same {subject}"),
            HoldingRead::Quantile { q } => format!("quantile {q} of {subject}"),
            HoldingRead::RobustZ { .. } => format!("robust deviation of its own from {subject}"),
        }
    }

    fn ratio_words(&self, part: Part, whole: CountSource, shrink: Option<Shrink>) -> String {
        let part = self.part_words(part);
        let part = part.strip_prefix("number of ").unwrap_or(&part);
        let mut text = format!("share of {part} among {}", self.counted(whole));
        if let Some(Shrink {
            strength,
            prior,
            cohort,
        }) = shrink
        {
            text.push_str(&format!(", drawn to {prior} by {strength} records"));
            if let Some(slot) = cohort {
                let columns = tuple(&self.hashes[self.cohorts[slot].hash]);
                text.push_str(&format!(", or to that of its {columns}"));
            }
        }
        text
    }

    fn remembered_words(&self, slot: usize, read: MemoryRead) -> String {
        let subject = self.memory_subject(slot);
        let half_life = match self.memories[slot].memory {
            Memory::Ewma { spec, .. } => spec.half_life.as_ms(),
            Memory::Profile { spec } => spec.half_life.as_ms(),
            Memory::Place { .. } | Memory::Change { .. } | Memory::Sequence { .. } => 0,
        };
        let half_life = DurationMs::from_ms(half_life);
        match read {
            MemoryRead::EwmaMean => format!("weighted mean of {subject}, half-life {half_life}"),
            MemoryRead::EwmaStddev => {
                format!("weighted deviation of {subject}, half-life {half_life}")
            }
            MemoryRead::EwmaZ => {
                format!("weighted deviations of its own from {subject}, half-life {half_life}")
            }
            MemoryRead::Rate => {
                format!("usual rate per hour of {subject}, half-life {half_life}")
            }
            MemoryRead::DistanceKm => format!("distance from the last {subject}"),
            MemoryRead::SpeedKmh => format!("speed from the last {subject}"),
            MemoryRead::Changed => format!("whether it changed: {subject}"),
            MemoryRead::Gap => format!("numbers skipped: {subject}"),
        }
    }

    /// What reading a feature takes.
    pub(super) fn cost(&self, op: &Op) -> String {
        let is_labelled = match *op {
            Op::Count { count: part, .. }
            | Op::Mean { count: part, .. }
            | Op::Ratio { part, .. } => {
                matches!(part, Part::Labelled(_))
            }
            Op::Sum { sum, .. } => matches!(sum, Total::Labelled(_)),
            _ => false,
        };
        let newest = window_of(op).map_or(0, |window: Window| window.last);
        match *op {
            _ if is_labelled => "running total that labels change".to_owned(),
            Op::Count { .. }
            | Op::Sum { .. }
            | Op::Mean { .. }
            | Op::Stddev { .. }
            | Op::Ratio { .. }
                if newest > 0 =>
            {
                "difference of two rows, the first of them searched".to_owned()
            }
            Op::Count { .. }
            | Op::Sum { .. }
            | Op::Mean { .. }
            | Op::Stddev { .. }
            | Op::Ratio { .. } => "difference of two rows".to_owned(),
            Op::Extreme { .. } | Op::Held { .. } if newest > 0 => {
                format!("looks at each of {newest} records")
            }
            Op::Extreme { .. } => "queue".to_owned(),
            Op::Edge { .. } | Op::InterArrival { .. } => "search among the rows".to_owned(),
            Op::Held { .. } => "holds values beyond 48 records, else looks at each".to_owned(),
            Op::Since { .. } => "time kept per key".to_owned(),
            Op::Value { .. } => "the record alone".to_owned(),
            Op::Memory { slot, .. } => {
                let bytes = self.memories[slot].words() * WORD_BYTES;
                format!("{bytes} bytes of memory per key")
            }
            Op::Decayed { .. } => "histogram per key, at most 96 KiB".to_owned(),
        }
    }
}

/// One or more columns.
fn tuple(sources: &[Source]) -> String {
    let names: Vec<&str> = sources.iter().map(|source| &*source.name).collect();
    match names.as_slice() {
        [name] => (*name).to_owned(),
        names => format!("({})", names.join(", ")),
    }
}
