//! What is said of a record.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::array::{Array as _, AsArray, Float64Array};
use arrow::datatypes::Float64Type;
use tillwatch_engine::Processed;
use tillwatch_records::{Flags, RawBatch, ScoreBatch};

/// What is said of one record: of every record something is said, and one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Scored(Scored),
    /// It was refused for this reason.
    Refused(&'static str),
}

/// A score, to the bit: what is large is kept as a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scored {
    pub(crate) flags: Flags,
    score: u16,
    /// Of the score's id, probability and reasons.
    own: u64,
    features: Vec<Option<u64>>,
    /// What was learnt, and which alerts were sent, depends on all records before.
    shadows: u64,
    pub(crate) alerts: Vec<(String, u32)>,
}

/// What is said of the records of `raw`, by offset.
pub(crate) fn told(raw: &RawBatch, processed: &Processed) -> Vec<(i64, Told)> {
    let scores = &processed.scores;
    let columns: Vec<&Float64Array> = scores
        .features
        .columns()
        .iter()
        .map(AsArray::as_primitive::<Float64Type>)
        .collect();
    let scored = scores.score_ids().enumerate().map(|(row, id)| {
        let told = Told::Scored(scored(scores, &columns, row, &id));
        (scores.events.offsets[row], told)
    });
    let refused = processed.refusals.iter().map(|refusal| {
        let told = Told::Refused(refusal.reason.code());
        (raw.get(refusal.index).offset, told)
    });
    let mut all: Vec<(i64, Told)> = scored.chain(refused).collect();
    all.sort_by_key(|(offset, _)| *offset);
    all
}

fn scored(scores: &ScoreBatch, columns: &[&Float64Array], row: usize, id: &str) -> Scored {
    let value = |column: &&Float64Array| column.is_valid(row).then(|| column.value(row).to_bits());
    let features: Vec<Option<u64>> = columns.iter().map(value).collect();
    let mut own = DefaultHasher::new();
    id.hash(&mut own);
    scores.probabilities[row].to_bits().hash(&mut own);
    for reason in scores.reasons.row(row) {
        reason.definition.code.hash(&mut own);
        let numbers = [
            reason.value,
            reason.contribution,
            reason.baseline.unwrap_or(-1.0),
        ];
        numbers.map(f64::to_bits).hash(&mut own);
    }
    let mut shadows = DefaultHasher::new();
    for shadow in &scores.shadows {
        let bits = shadow.probabilities.get(row).map(|value| value.to_bits());
        bits.hash(&mut shadows);
    }
    let alerts = scores
        .alerts
        .iter()
        .filter(|alert| alert.row as usize == row);
    Scored {
        // It says of a merged lane that a wait was cut short, which depends on when records came.
        flags: scores.flags[row] - Flags::REORDERED,
        score: scores.scores[row],
        own: own.finish(),
        features,
        shadows: shadows.finish(),
        alerts: alerts
            .map(|alert| {
                (
                    format!("{:?} {}", alert.typology, alert.severity),
                    alert.suppressed_count,
                )
            })
            .collect(),
    }
}

/// Marks that say: something may be missing here.
const ADMITTED: Flags = Flags::WARMING.union(Flags::STATE_EVICTED);

impl Told {
    /// Whether it may be said in place of `expected` by a lane that has not seen all records, and says so
    /// where it matters. What was learnt and which alerts were sent may lack records for ever.
    pub(crate) fn may_stand_for(&self, expected: &Self) -> bool {
        match (self, expected) {
            (Self::Scored(said), Self::Scored(expected)) => {
                said.flags.intersects(ADMITTED)
                    || expected.flags.intersects(ADMITTED)
                    || (said.own, said.flags - Flags::MODEL_WARMING)
                        == (expected.own, expected.flags - Flags::MODEL_WARMING)
            }
            (said, expected) => said == expected,
        }
    }

    pub(crate) fn flags(&self) -> Flags {
        match self {
            Self::Scored(scored) => scored.flags,
            Self::Refused(_) => Flags::empty(),
        }
    }

    /// What differs, in words.
    pub(crate) fn difference(&self, expected: &Self) -> String {
        let (Self::Scored(said), Self::Scored(expected)) = (self, expected) else {
            return format!("{self} in place of {expected}");
        };
        let mut differs = Vec::new();
        if said.features != expected.features {
            let pairs = said.features.iter().zip(&expected.features).enumerate();
            let other = pairs.filter(|(_, (said, expected))| said != expected);
            differs.extend(other.map(|(at, (said, expected))| {
                let number = |bits: &Option<u64>| bits.map(f64::from_bits);
                format!("feature {at} {:?} not {:?}", number(said), number(expected))
            }));
        }
        if said.flags != expected.flags {
            differs.push(format!("flags {:?} not {:?}", said.flags, expected.flags));
        }
        if said.shadows != expected.shadows {
            differs.push("what a shadow says".to_owned());
        }
        if said.alerts != expected.alerts {
            differs.push(format!(
                "alerts {:?} not {:?}",
                said.alerts, expected.alerts
            ));
        }
        if said.own != expected.own {
            differs.push("id, probability or reasons".to_owned());
        }
        differs.join(", ")
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scored(scored) => write!(f, "score {} {:?}", scored.score, scored.flags),
            Self::Refused(reason) => write!(f, "refusal {reason}"),
        }
    }
}
