//! Random catalogs: any mix of aggregates and keys that a catalog may have.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::RecordKind;

use super::definition::{Number, Span};
use super::{OracleAggregate, OracleExpression, OracleFeature, OracleFilter};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

const DECLINED: OracleFilter = OracleFilter {
    sql: "response_code NOT IN ('00', '10')",
    holds: |event| {
        event
            .response_code
            .is_some_and(|code| code != "00" && code != "10")
    },
};
const LARGE: OracleFilter = OracleFilter {
    sql: "amount_minor > 10000",
    holds: |event| event.amount_minor.is_some_and(|amount| amount > 10_000),
};
const NORTH: OracleFilter = OracleFilter {
    sql: "lat >= 48.15 OR card_token = 'c1'",
    holds: |event| {
        event.lat.is_some_and(|lat| lat >= 48.15) || event.card_token.as_deref() == Some("c1")
    },
};
pub(super) const FILTERS: [OracleFilter; 3] = [DECLINED, LARGE, NORTH];

const LABELS: [OracleFilter; 4] = [
    OracleFilter {
        sql: "label_kind <> 'CLEARED'",
        holds: |label| label.label_kind.is_some_and(|kind| kind != "CLEARED"),
    },
    OracleFilter {
        sql: "label_kind IN ('TC40', 'CONFIRMED')",
        holds: |label| matches!(label.label_kind, Some("TC40" | "CONFIRMED")),
    },
    OracleFilter {
        sql: "occurred_time IS NOT NULL",
        holds: |label| label.occurred_time_ms.is_some(),
    },
    OracleFilter {
        sql: "event_time - occurred_time > 60000",
        holds: |label| {
            let occurred_ms = label.occurred_time_ms;
            occurred_ms.is_some_and(|time| label.event_time_ms - time > 60_000)
        },
    },
];

const EXPRESSIONS: [OracleExpression; 3] = [
    OracleExpression {
        sql: "amount_minor + 0.5",
        value: |event| event.amount_minor.map(|amount| amount as f64 + 0.5),
    },
    OracleExpression {
        sql: "amount_minor * 0.25",
        value: |event| event.amount_minor.map(|amount| amount as f64 * 0.25),
    },
    OracleExpression {
        sql: "lat - lon",
        value: |event| event.lat.zip(event.lon).map(|(lat, lon)| lat - lon),
    },
];

/// What the features of one catalog draw from: little, so that they share much.
pub(super) struct Palette {
    random: ChaCha8Rng,
    windows_ms: Vec<i64>,
    delays_ms: Vec<i64>,
    pub(super) filters: Vec<Option<OracleFilter>>,
    panes_ms: &'static [i64],
    /// Whether nearly all windows have a resolution.
    is_sawtooth: bool,
    pub(super) half_lives_ms: &'static [i64],
    /// Records of another kind that features may be about. Labels join transactions or are records
    /// themselves.
    other_kind: RecordKind,
}

impl Palette {
    /// For streams of minutes, or of days where `is_slow`. Half-lives are long enough that no weight
    /// vanishes within a stream.
    pub(super) fn random(seed: u64, is_slow: bool) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0xca7a);
        let mut some = |values: &[i64]| -> Vec<i64> {
            let count = random.random_range(1..4);
            (0..count)
                .map(|_| values[random.random_range(0..values.len())])
                .collect()
        };
        let (windows_ms, delays_ms) = if is_slow {
            (
                some(&[
                    MINUTE_MS,
                    HOUR_MS,
                    12 * HOUR_MS,
                    DAY_MS,
                    7 * DAY_MS,
                    30 * DAY_MS,
                ]),
                some(&[0, 0, 0, 1, HOUR_MS, DAY_MS]),
            )
        } else {
            (
                some(&[1, 1_000, 5_000, MINUTE_MS, 10 * MINUTE_MS, HOUR_MS]),
                some(&[0, 0, 0, 1, 5_000, MINUTE_MS]),
            )
        };
        let filters = (0..2)
            .map(|_| [None, Some(DECLINED), Some(LARGE), Some(NORTH)][random.random_range(0..4)])
            .chain([None])
            .collect();
        Self {
            windows_ms,
            delays_ms,
            filters,
            panes_ms: if is_slow {
                &[HOUR_MS, DAY_MS]
            } else {
                &[1_000, MINUTE_MS, 10 * MINUTE_MS]
            },
            half_lives_ms: if is_slow {
                &[6 * HOUR_MS, 2 * DAY_MS, 28 * DAY_MS]
            } else {
                &[10 * MINUTE_MS, HOUR_MS, DAY_MS]
            },
            other_kind: if random.random_range(0..2) == 0 {
                RecordKind::TerminalEvent
            } else {
                RecordKind::Label
            },
            is_sawtooth: random.random_range(0..3) == 0,
            random,
        }
    }

    pub(super) fn features(mut self) -> Vec<OracleFeature> {
        let count = self.random.random_range(1..9);
        (0..count).map(|number| self.feature(number)).collect()
    }

    /// One of `values`.
    pub(super) fn one<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.random.random_range(0..values.len())]
    }

    /// True once in so many times.
    pub(super) fn chance(&mut self, one_in: u32) -> bool {
        self.random.random_range(0..one_in) == 0
    }

    fn feature(&mut self, number: usize) -> OracleFeature {
        // An exact window as long keeps every record, and then no pane is needed.
        let aggregate = if self.is_sawtooth && !self.chance(6) {
            let all = OracleAggregate::ALL.iter().copied();
            let sawtooth: Vec<_> = all.filter(|a| a.definition().panes).collect();
            self.one(&sawtooth)
        } else {
            self.one(OracleAggregate::ALL)
        };
        let definition = aggregate.definition();
        let mut feature = OracleFeature::new(format!("f{number}"), aggregate);
        feature.columns = self.one(definition.columns).to_vec();
        let has_expression = match definition.number {
            Number::None => false,
            Number::Column => self.chance(3),
            Number::Expression => true,
        };
        if has_expression {
            feature.columns.clear();
            feature.expression = Some(self.one(&EXPRESSIONS));
        }
        if definition.number != Number::Expression {
            let filters = self.filters.clone();
            feature.filter = self.one(&filters);
            if self.chance(6) {
                feature.record_type = self.other_kind;
            }
        }
        self.span(&mut feature);
        self.own_keys(&mut feature);
        feature
    }

    /// Window or half-life, and what goes with a window.
    fn span(&mut self, feature: &mut OracleFeature) {
        let definition = feature.aggregate.definition();
        let has_half_life = match definition.span {
            Span::None => return,
            Span::Window => false,
            Span::WindowOrMemory => self.chance(2),
            Span::Memory => true,
            Span::MemoryByDefault => {
                if self.chance(2) {
                    return;
                }
                true
            }
        };
        if has_half_life {
            feature.half_life_ms = Some(self.one(self.half_lives_ms));
            return;
        }
        let (windows_ms, delays_ms) = (self.windows_ms.clone(), self.delays_ms.clone());
        feature.window_ms = self.one(&windows_ms);
        feature.delay_ms = self.one(&delays_ms);
        feature.exclude_current = self.chance(4);
        if definition.panes && (self.is_sawtooth || self.chance(4)) {
            let panes_ms: Vec<i64> = self
                .panes_ms
                .iter()
                .copied()
                .filter(|pane_ms| *pane_ms <= feature.window_ms)
                .collect();
            if !panes_ms.is_empty() {
                feature.resolution_ms = Some(self.one(&panes_ms));
            }
        }
        if definition.last && feature.resolution_ms.is_none() && self.chance(3) {
            feature.last = Some(self.one(&[1, 2, 3, 7, 64, 256]));
        }
    }

    /// A label, and the keys that only this aggregate has.
    fn own_keys(&mut self, feature: &mut OracleFeature) {
        let definition = feature.aggregate.definition();
        let takes_label = definition.label
            && feature.resolution_ms.is_none()
            && feature.last.is_none()
            && self.other_kind == RecordKind::TerminalEvent;
        if takes_label && self.chance(2) {
            feature.record_type = RecordKind::Transaction;
            feature.label = Some(self.one(&LABELS));
        }
        (definition.own_keys)(self, feature);
    }
}
