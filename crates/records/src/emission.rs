//! What is emitted: each row that is scored has a key, a time, a position and a cause.

use std::fmt;

use arrow::array::{Array, AsArray as _, StringArray, UInt32Array};
use arrow::compute::{concat, take};
use arrow::error::ArrowError;

use crate::event::EventBatch;
use crate::kind::{RecordKind, RecordKinds};

/// Why a row is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A record of a kind that is scored has arrived.
    Record(RecordKind),
    /// A time that was set for a key has passed.
    Timer,
}

impl Cause {
    /// The name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Record(kind) => kind.as_str(),
            Self::Timer => "timer",
        }
    }

    /// Whether a record is the cause.
    pub const fn is_record(self) -> bool {
        matches!(self, Self::Record(_))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The emissions of a batch, in order. Their positions are those of the rows of the [`EventBatch`] beside
/// them, which has as many; the position of a timer is that of the record that made time pass it.
#[derive(Debug, Clone)]
pub struct Emissions {
    /// Entity key of each.
    pub keys: StringArray,
    /// Time of each in milliseconds since 1970: the event time of its record, or what the timer was set for.
    pub times_ms: Vec<i64>,
    /// Cause of each.
    pub causes: Vec<Cause>,
    /// The kinds of record that the flow scores, in this batch or another.
    pub scored: RecordKinds,
    /// Whether the flow sets timers, in this batch or another.
    pub has_timers: bool,
}

impl Emissions {
    /// One emission for each row of `events`, whose entity keys are `keys`, in a flow that scores `scored`
    /// and sets no timers. Where event times are not decoded, record timestamps take their place.
    pub fn of_records(keys: StringArray, events: &EventBatch, scored: RecordKinds) -> Self {
        debug_assert_eq!(keys.len(), events.len());
        let times_ms = events.event_times_ms();
        Self {
            keys,
            times_ms: times_ms.unwrap_or(&events.record_timestamps_ms).to_vec(),
            causes: events.kinds.iter().copied().map(Cause::Record).collect(),
            scored,
            has_timers: false,
        }
    }

    /// Number of emissions.
    pub fn len(&self) -> usize {
        self.causes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }

    /// How many have a record as their cause.
    pub fn records(&self) -> usize {
        self.causes.iter().filter(|cause| cause.is_record()).count()
    }

    /// Entity key of `row`, where it has one.
    pub fn key(&self, row: usize) -> Option<&str> {
        self.keys.is_valid(row).then(|| self.keys.value(row))
    }

    /// Whether there may be other causes than transactions, in this batch or another: then tables have a
    /// column that tells the cause, all of them, so that those of one flow are alike.
    pub fn is_mixed(&self) -> bool {
        self.scored != RecordKinds::TRANSACTIONS || self.has_timers
    }

    /// The identity of the score of `row`, a function of the input alone, so that a consumer can drop the
    /// duplicates that at-least-once delivery may make. For a record at `offset` of a partition with this
    /// `prefix` ([`EventBatch::score_id_prefix`]) it is `prefix` and `offset`, for a timer
    /// `offset/timer/time/key` behind the prefix: one record may make time pass many timers. Times have no
    /// `/` in them, and the key is last, so no two are alike.
    pub fn score_id(&self, row: usize, prefix: &str, offset: i64) -> String {
        match self.causes[row] {
            Cause::Record(_) => format!("{prefix}{offset}"),
            Cause::Timer => {
                let key = self.key(row).unwrap_or_default();
                format!("{prefix}{offset}/timer/{}/{key}", self.times_ms[row])
            }
        }
    }

    /// A copy of the emissions from `first` on, which are `rows`.
    pub(crate) fn rows_from(&self, first: usize, rows: &UInt32Array) -> Result<Self, ArrowError> {
        Ok(Self {
            keys: take(&self.keys, rows, None)?.as_string::<i32>().clone(),
            times_ms: self.times_ms[first..].to_vec(),
            causes: self.causes[first..].to_vec(),
            scored: self.scored,
            has_timers: self.has_timers,
        })
    }

    /// The emissions of all `batches`, of which there is one at least, in one.
    ///
    /// # Errors
    /// Fails when there is no batch.
    pub fn concat(batches: &[&Self]) -> Result<Self, ArrowError> {
        let Some(first) = batches.first() else {
            return Err(ArrowError::InvalidArgumentError("no batch".to_owned()));
        };
        let keys: Vec<&dyn Array> = batches.iter().map(|b| &b.keys as &dyn Array).collect();
        let kinds = batches.iter().flat_map(|batch| batch.scored.iter());
        Ok(Self {
            keys: concat(&keys)?.as_string::<i32>().clone(),
            times_ms: batches.iter().flat_map(|b| &b.times_ms).copied().collect(),
            causes: batches.iter().flat_map(|b| &b.causes).copied().collect(),
            scored: RecordKinds::new(kinds).unwrap_or(first.scored),
            has_timers: batches.iter().any(|batch| batch.has_timers),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emissions(rows: &[(&str, i64, Cause)], scored: RecordKinds) -> Emissions {
        Emissions {
            keys: rows.iter().map(|row| Some(row.0)).collect(),
            times_ms: rows.iter().map(|row| row.1).collect(),
            causes: rows.iter().map(|row| row.2).collect(),
            scored,
            has_timers: rows.iter().any(|row| !row.2.is_record()),
        }
    }

    #[test]
    fn every_emission_of_an_offset_has_an_id_of_its_own() {
        let transaction = Cause::Record(RecordKind::Transaction);
        let rows = [
            ("a", 5, transaction),
            ("a", 5, Cause::Timer),
            ("a", 6, Cause::Timer),
            ("a/6", 5, Cause::Timer),
            ("b", 5, Cause::Timer),
        ];
        let all = emissions(&rows, RecordKinds::TRANSACTIONS);
        let ids: Vec<String> = (0..rows.len())
            .map(|row| all.score_id(row, "payments/3/", 42))
            .collect();
        assert_eq!(
            ids,
            [
                "payments/3/42",
                "payments/3/42/timer/5/a",
                "payments/3/42/timer/6/a",
                "payments/3/42/timer/5/a/6",
                "payments/3/42/timer/5/b",
            ]
        );
        assert_eq!((all.len(), all.records()), (5, 1));
        assert!(all.is_mixed());
    }

    #[test]
    fn what_the_flow_may_emit_survives_a_merge() {
        let label = Cause::Record(RecordKind::Label);
        let labels = RecordKinds::new([RecordKind::Label]).unwrap();
        let plain = emissions(&[], RecordKinds::TRANSACTIONS);
        assert!(!plain.is_mixed());
        let merged = Emissions::concat(&[
            &plain,
            &emissions(&[("a", 1, label)], labels),
            &emissions(&[("b", 2, Cause::Timer)], RecordKinds::TRANSACTIONS),
        ])
        .unwrap();
        assert_eq!(merged.causes, [label, Cause::Timer]);
        assert_eq!((merged.key(1), merged.times_ms[1]), (Some("b"), 2));
        assert_eq!(merged.scored.to_string(), "transaction, label");
        assert!(merged.has_timers && merged.is_mixed());
        assert!(Emissions::concat(&[]).is_err());
    }
}
