//! Who asks for parts, and what is noted of it.

use crate::plan::{Column, Made, Plan, Slot, Uses, Window};

/// A plan in the making, and what the feature at hand has asked it for so far.
pub(crate) struct Parts {
    pub(crate) plan: Plan,
    pub(super) uses: Uses,
}

/// What reading a feature takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// Differences of running totals over a window.
    Totals(Window),
    /// A running total that labels change.
    Labelled,
    /// The queue of extreme values of a window.
    Queue(Window),
    /// The values of a window, held or looked at.
    Values(Window),
    /// A search among the rows.
    Search,
    /// A time that a key keeps.
    Time,
    /// The record alone.
    Record,
    /// A memory of so many bytes.
    Memory { bytes: usize },
    /// A histogram whose records age.
    Decayed,
}

impl Parts {
    /// No feature has asked for anything yet.
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            uses: Uses::default(),
        }
    }

    /// The feature at hand, once it has asked for its parts.
    pub(crate) fn made(
        &mut self,
        column: impl Column + 'static,
        formula: String,
        cost: Cost,
    ) -> Made {
        Made {
            column: Box::new(column),
            uses: std::mem::take(&mut self.uses),
            formula,
            cost: cost.words(),
        }
    }
}

impl Cost {
    fn words(self) -> String {
        match self {
            Self::Totals(window) if window.last > 0 => {
                "difference of two rows, the first of them searched".to_owned()
            }
            Self::Totals(_) => "difference of two rows".to_owned(),
            Self::Labelled => "running total that labels change".to_owned(),
            Self::Queue(window) | Self::Values(window) if window.last > 0 => {
                format!("looks at each of {} records", window.last)
            }
            Self::Queue(_) => "queue".to_owned(),
            Self::Values(_) => "holds values beyond 48 records, else looks at each".to_owned(),
            Self::Search => "search among the rows".to_owned(),
            Self::Time => "time kept per key".to_owned(),
            Self::Record => "the record alone".to_owned(),
            Self::Memory { bytes } => format!("{bytes} bytes of memory per key"),
            Self::Decayed => "histogram per key, at most 96 KiB".to_owned(),
        }
    }
}

/// So many slots more; gives the first of them.
pub(super) fn next(slots: &mut usize, count: usize) -> Slot {
    *slots += count;
    *slots - count
}

/// The slot of `item` in `list`, where it is put if it is not there.
pub(super) fn taken<T: PartialEq>(list: &mut Vec<(T, Slot)>, item: T, slots: &mut usize) -> Slot {
    match list.iter().find(|(known, _)| *known == item) {
        Some((_, slot)) => *slot,
        None => {
            let slot = next(slots, 1);
            list.push((item, slot));
            slot
        }
    }
}
