//! Features in words: what each is, over which window, and what reading it takes.

use tillwatch_records::units::DurationMs;

use super::uses::window_of;
use super::words::{WORD_BYTES, tuple};
use crate::plan::{
    CountSource, FeatureInfo, Memory, MemoryRead, Op, Part, Plan, Shrink, Single, Total, Window,
};
use crate::structures::HoldingRead;

impl Plan {
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
            Op::Single(Single::Extreme { queue, .. }) => {
                let words = self.queue_words(queue);
                let words = words.strip_prefix("queue of ").unwrap_or(&words);
                // Its reach is that of the longest window, not of this one.
                words
                    .rsplit_once(", of ")
                    .map_or(words, |(values, _)| values)
                    .to_owned()
            }
            Op::Single(Single::Edge { raw, is_last, .. }) => {
                let which = if is_last { "newest" } else { "oldest" };
                format!("{which} {}", self.raw_subject_at(raw))
            }
            Op::Single(Single::Held { slot, read, .. }) => {
                self.held_words(read, &self.raw_subject_at(self.holdings[slot].raw))
            }
            Op::Single(Single::InterArrival { gaps, is_cv, .. }) => {
                let gap = &self.layout.gaps[(gaps - self.layout.gaps_at) / 4];
                let records = self.records(self.sinces[gap.since].bit, &[]);
                let what = if is_cv { "variation" } else { "mean" };
                format!("{what} of the times between {records}")
            }
            Op::Single(Single::Since { slot }) => {
                let records = self.records(self.sinces[slot].bit, &[]);
                format!("time since the last of {records}")
            }
            Op::Value { number } => self.number_words(number),
            Op::Single(Single::Memory { slot, read }) => self.remembered_words(slot, read),
            Op::Single(Single::Decayed { slot, read }) => {
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
            Op::Single(Single::Extreme { .. }) | Op::Single(Single::Held { .. }) if newest > 0 => {
                format!("looks at each of {newest} records")
            }
            Op::Single(Single::Extreme { .. }) => "queue".to_owned(),
            Op::Single(Single::Edge { .. }) | Op::Single(Single::InterArrival { .. }) => {
                "search among the rows".to_owned()
            }
            Op::Single(Single::Held { .. }) => {
                "holds values beyond 48 records, else looks at each".to_owned()
            }
            Op::Single(Single::Since { .. }) => "time kept per key".to_owned(),
            Op::Value { .. } => "the record alone".to_owned(),
            Op::Single(Single::Memory { slot, .. }) => {
                let bytes = self.memories[slot].words() * WORD_BYTES;
                format!("{bytes} bytes of memory per key")
            }
            Op::Single(Single::Decayed { .. }) => "histogram per key, at most 96 KiB".to_owned(),
        }
    }
}
