//! The parts of a plan, each with the features that use it.

use std::collections::BTreeSet;

use tillwatch_records::units::DurationMs;

use super::explanation::{Explained, Explanation, Filter, Kept, RowField, WindowBound};
use crate::plan::{
    FeatureInfo, LABELLED_WORDS, Lasting, Layout, Needed, Plan, SQUARE_WORDS, SUM_WORDS, Uses,
    WORD_BYTES, bound_words, lasting_growth,
};
use crate::structures::{Decayed, HeldSlot, Holding, Queue};

impl Plan {
    /// What the plan keeps and does.
    pub fn explain(&self) -> Explanation {
        let uses: Vec<Uses> = self.made.iter().map(|made| made.uses.clone()).collect();
        let named = self.features.iter().zip(&self.made);
        Explanation {
            catalog: self.version.clone(),
            bytes_per_record: self.layout.places.stride * WORD_BYTES,
            retention: DurationMs::from_ms(self.retention_ms()),
            lateness: DurationMs::from_ms(self.lateness_ms()),
            looking: uses.iter().filter(|uses| uses.looks_at_rows()).count(),
            whole_after: DurationMs::from_ms(self.whole.windows_ms),
            memories: self.whole.needed.count_ones() as usize + self.cohorts.len(),
            row: self.explain_row(),
            windows: self.explain_windows(&uses),
            filters: self.explain_filters(&uses),
            kept: self.explain_kept(&uses),
            features: named
                .map(|(info, made)| Explained {
                    name: info.name.clone(),
                    window: self.window_words(info, &made.uses),
                    formula: made.formula.clone(),
                    cost: made.cost.clone(),
                })
                .collect(),
        }
    }

    /// The window of a feature as it is read.
    fn window_words(&self, info: &FeatureInfo, uses: &Uses) -> String {
        let Some(window) = uses.window else {
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

    fn explain_row(&self) -> Vec<RowField> {
        let layout = &self.layout;
        let mut row = Vec::new();
        let mut at = 0;
        let mut field = |words: usize, what: String| {
            row.push(RowField {
                at: at * WORD_BYTES,
                bytes: words * WORD_BYTES,
                what,
            });
            at += words;
        };
        field(Layout::COUNTS_AT, "event time".to_owned());
        for count in &layout.counts {
            field(1, format!("number of {}", self.count_words(*count)));
        }
        for sum in &layout.sums {
            field(SUM_WORDS, format!("sum of {}", self.term_words(sum)));
        }
        for square in &layout.squares {
            field(SQUARE_WORDS, format!("sum of {}", self.term_words(square)));
        }
        for wide in &layout.wide {
            field(4, format!("sum of {}", self.term_words(wide)));
        }
        for gap in &layout.gaps {
            let records = self.records(self.sinces[gap.since].bit, &[]);
            field(4, format!("sum of squared times between {records}"));
        }
        for raw in &layout.raws {
            field(raw.words(), self.raw_words(raw));
        }
        row
    }

    fn explain_windows(&self, uses: &[Uses]) -> Vec<WindowBound> {
        let windows = || uses.iter().filter_map(|uses| uses.window);
        self.bounds
            .iter()
            .enumerate()
            .map(|(index, bound)| WindowBound {
                bound: bound_words(bound),
                begin: windows().filter(|window| window.start == index).count(),
                end: windows()
                    .filter(|window| self.ends[window.end].bound == index)
                    .count(),
            })
            .collect()
    }

    fn explain_filters(&self, uses: &[Uses]) -> Vec<Filter> {
        let predicates_of = |uses: &Uses| -> BTreeSet<usize> {
            let bits = uses.bits.iter().map(|bit| &self.bits[*bit]);
            bits.flat_map(|bit| bit.predicates.iter().copied())
                .collect()
        };
        let of_records = self.predicates.iter().enumerate().map(|(id, p)| Filter {
            features: uses
                .iter()
                .filter(|uses| predicates_of(uses).contains(&id))
                .count(),
            is_label: false,
            predicate: p.canonical(),
        });
        let of_labels = self.labels.iter().enumerate().map(|(id, p)| Filter {
            features: uses.iter().filter(|uses| uses.labels.contains(&id)).count(),
            is_label: true,
            predicate: p.canonical(),
        });
        of_records.chain(of_labels).collect()
    }

    fn explain_kept(&self, uses: &[Uses]) -> Vec<Kept> {
        let mut kept = self.fixed_kept(uses);
        for slot in 0..self.extremes.len() {
            kept.push(Kept {
                bytes: size_of::<Queue>(),
                grows: "16 per entry, about ln n",
                ..of_key(
                    using(uses, |uses| &uses.queues, slot),
                    self.queue_words(slot),
                )
            });
        }
        for (slot, spec) in self.holdings.iter().enumerate() {
            kept.push(Kept {
                bytes: size_of::<HeldSlot>(),
                grows: self.holding_growth(spec),
                ..of_key(
                    using(uses, |uses| &uses.holdings, slot),
                    self.holding_words(spec),
                )
            });
        }
        for lasting in &self.lasting {
            let features = uses.iter().filter(|uses| looks_at(self, uses, lasting));
            kept.push(Kept {
                grows: lasting_growth(lasting.needed),
                ..of_key(features.count(), self.lasting_words(lasting))
            });
        }
        for slot in 0..self.decayed.len() {
            kept.push(Kept {
                bytes: size_of::<Decayed>(),
                grows: "12 to 18 per bucket, at most 96 KiB",
                ..of_key(
                    using(uses, |uses| &uses.decayed, slot),
                    self.decayed_words(slot),
                )
            });
        }
        for slot in 0..self.cohorts.len() {
            kept.push(Kept {
                grows: "56 to 112 per cohort, at most 65536 of them",
                is_of_lane: true,
                ..of_key(
                    using(uses, |uses| &uses.cohorts, slot),
                    self.cohort_words(slot),
                )
            });
        }
        kept
    }

    /// What a key keeps in a fixed number of words.
    fn fixed_kept(&self, uses: &[Uses]) -> Vec<Kept> {
        let fixed = |words: usize, features: usize, what: String| Kept {
            bytes: words * WORD_BYTES,
            ..of_key(features, what)
        };
        let mut kept = Vec::new();
        let cursors = self.bounds.len() - 1;
        if cursors > 0 {
            let features = uses.iter().filter(|uses| uses.window.is_some()).count();
            let what = format!("{cursors} places in the rows, one per window bound");
            kept.push(fixed(cursors, features, what));
        }
        for (slot, since) in self.sinces.iter().enumerate() {
            let what = format!("time of the last of {}", self.records(since.bit, &[]));
            kept.push(fixed(4, using(uses, |uses| &uses.sinces, slot), what));
        }
        for slot in 0..self.labelled.len() {
            let what = format!("running {}", self.labelled_words(slot));
            let features = using(uses, |uses| &uses.labelled, slot);
            kept.push(fixed(LABELLED_WORDS, features, what));
        }
        if self.label_words.is_some() {
            let features = uses.iter().filter(|uses| !uses.labels.is_empty()).count();
            let what = "row where the next label is looked for".to_owned();
            kept.push(fixed(1, features, what));
        }
        for (slot, memory) in self.memories.iter().enumerate() {
            let features = using(uses, |uses| &uses.memories, slot);
            kept.push(fixed(memory.words(), features, self.memory_words(slot)));
        }
        kept
    }
}

/// Number of features that use a part.
fn using(uses: &[Uses], of: fn(&Uses) -> &BTreeSet<usize>, slot: usize) -> usize {
    uses.iter().filter(|uses| of(uses).contains(&slot)).count()
}

/// Something that each key keeps.
fn of_key(features: usize, what: String) -> Kept {
    Kept {
        bytes: 0,
        grows: "",
        is_of_lane: false,
        features,
        what,
    }
}

/// Whether a feature looks at rows that compaction leaves for the sake of `lasting`.
fn looks_at(plan: &Plan, uses: &Uses, lasting: &Lasting) -> bool {
    let begins_there = uses.window.is_some_and(|w| w.start == lasting.bound);
    begins_there
        && match lasting.needed {
            Needed::Extreme { queue } => uses.queues.contains(&queue),
            Needed::Values { raw } => {
                let mut holdings = uses.holdings.iter().map(|slot| &plan.holdings[*slot]);
                holdings.any(|spec| spec.raw == raw && spec.holding == Holding::Distinct)
            }
        }
}
