//! Features from their definition: every accepted record is kept and looked at again for every
//! feature of every record. Slow, obvious, and written without the engine's help.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Column, Flags, RecordKind};

use crate::stream::Event;

/// What is computed; the names are those of a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names say it; the engine's catalog documents them"
)]
pub enum OracleAggregate {
    Count,
    Sum,
    Mean,
    Stddev,
    Min,
    Max,
    Ratio,
    Distinct,
    TimeSinceLast,
    Value,
}

/// A filter twice: as SQL and as a function.
#[derive(Debug, Clone, Copy)]
pub struct OracleFilter {
    /// What the catalog says.
    pub sql: &'static str,
    /// What it means.
    pub holds: fn(&Event) -> bool,
}

/// A feature to compute.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of a catalog entry")]
pub struct OracleFeature {
    pub name: String,
    pub aggregate: OracleAggregate,
    pub columns: Vec<Column>,
    pub filter: Option<OracleFilter>,
    pub base: Option<OracleFilter>,
    pub window_ms: i64,
    pub delay_ms: i64,
    pub exclude_current: bool,
    pub record_type: RecordKind,
}

/// How time is judged.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the fields are those of the engine's settings")]
pub struct OracleSettings {
    pub allowed_lateness_ms: i64,
    pub max_future_skew_ms: i64,
    pub dedup_horizon_ms: i64,
    pub idle_ttl_ms: i64,
}

/// What is expected of one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct OracleRow {
    /// One value per feature; `None` where there is none.
    pub values: Vec<Option<f64>>,
    /// `LATE`, `DUPLICATE` and `CLOCK_SKEW`.
    pub flags: Flags,
}

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

impl OracleFeature {
    /// A small random catalog.
    pub fn random(seed: u64) -> Vec<Self> {
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0xca7a);
        let count = random.random_range(1..9);
        (0..count)
            .map(|number| Self::random_one(&mut random, number))
            .collect()
    }

    fn random_one(random: &mut ChaCha8Rng, number: usize) -> Self {
        use OracleAggregate as A;
        let aggregates = [
            A::Count,
            A::Sum,
            A::Mean,
            A::Stddev,
            A::Min,
            A::Max,
            A::Ratio,
            A::Distinct,
            A::TimeSinceLast,
            A::Value,
        ];
        let mut pick = |count: usize| random.random_range(0..count);
        let aggregate = aggregates[pick(aggregates.len())];
        let filters = [None, None, Some(DECLINED), Some(LARGE), Some(NORTH)];
        let filter = filters[pick(filters.len())];
        let windows = [1, 1_000, 5_000, 60_000, 600_000, 3_600_000];
        let delays = [0, 0, 0, 1, 5_000, 60_000];
        let kinds = [
            RecordKind::Transaction,
            RecordKind::TerminalEvent,
            RecordKind::Label,
        ];
        let columns = match aggregate {
            A::Sum | A::Mean | A::Stddev => vec![Column::AmountMinor],
            A::Min | A::Max => vec![[Column::AmountMinor, Column::Lat][pick(2)]],
            A::Distinct => {
                let sets: [&[Column]; 3] = [
                    &[Column::CardToken],
                    &[Column::CardToken, Column::ResponseCode],
                    &[Column::Lat],
                ];
                sets[pick(3)].to_vec()
            }
            A::Count if pick(2) == 0 => vec![Column::CardToken],
            _ => Vec::new(),
        };
        let is_windowed = !matches!(aggregate, A::TimeSinceLast | A::Value);
        Self {
            name: format!("f{number}"),
            aggregate,
            columns,
            filter: match aggregate {
                A::Value => None,
                A::Ratio => filter.or(Some(DECLINED)),
                _ => filter,
            },
            base: if aggregate == A::Ratio {
                filters[pick(filters.len())]
            } else {
                None
            },
            window_ms: if is_windowed {
                windows[pick(windows.len())]
            } else {
                0
            },
            delay_ms: if is_windowed {
                delays[pick(delays.len())]
            } else {
                0
            },
            exclude_current: is_windowed && pick(4) == 0,
            record_type: if pick(5) == 0 && aggregate != A::Value {
                kinds[pick(3)]
            } else {
                RecordKind::Transaction
            },
        }
    }

    fn counts(&self, event: &Event) -> bool {
        event.kind == self.record_type
            && self.filter.is_none_or(|filter| (filter.holds)(event))
            && self.columns.iter().all(|column| !is_null(event, *column))
    }
}

/// The catalog of `features` as text.
pub fn catalog_toml(features: &[OracleFeature]) -> String {
    let mut text = String::from("name = \"random\"\n");
    for feature in features {
        let aggregate = match feature.aggregate {
            OracleAggregate::TimeSinceLast => "time_since_last".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        text += &format!(
            "[[feature]]\nname = \"{}\"\naggregate = \"{aggregate}\"\n",
            feature.name
        );
        if !feature.columns.is_empty() {
            let names: Vec<&str> = feature.columns.iter().map(|column| column.name()).collect();
            text += &format!("columns = {names:?}\n");
        }
        if let Some(filter) = feature.filter {
            text += &format!("filter = \"{}\"\n", filter.sql);
        }
        if let Some(base) = feature.base {
            text += &format!("base = \"{}\"\n", base.sql);
        }
        if feature.aggregate == OracleAggregate::Value {
            text += "expression = \"amount_minor + 0.5\"\n";
            continue;
        }
        text += &format!("record_type = \"{}\"\n", feature.record_type);
        if feature.window_ms > 0 {
            text += &format!("window = \"{}\"\n", DurationMs::from_ms(feature.window_ms));
            text += &format!("delay = \"{}\"\n", DurationMs::from_ms(feature.delay_ms));
            text += &format!("exclude_current = {}\n", feature.exclude_current);
        }
    }
    text
}

/// What is remembered of a key.
#[derive(Default)]
struct Memory<'a> {
    accepted: Vec<&'a Event>,
    watermark_ms: Option<i64>,
}

/// The features of every transaction of `events`, which is the whole input of one lane.
pub fn evaluate(
    features: &[OracleFeature],
    settings: &OracleSettings,
    events: &[Event],
) -> Vec<OracleRow> {
    let longest_ms = features
        .iter()
        .map(|f| f.window_ms + f.delay_ms)
        .max()
        .unwrap_or(0);
    let retention_ms = longest_ms + settings.allowed_lateness_ms;
    let ttl_ms = settings.idle_ttl_ms.max(retention_ms);
    let mut keys: BTreeMap<&str, Memory<'_>> = BTreeMap::new();
    let mut lane: Vec<&Event> = Vec::new();
    let mut rows = Vec::new();
    for event in events {
        let is_read = event.kind == RecordKind::Transaction
            || features
                .iter()
                .any(|feature| feature.record_type == event.kind);
        if !is_read {
            continue;
        }
        let now_ms = event.event_time_ms;
        let memory = keys.entry(&event.terminal_id).or_default();
        let flags = judge(settings, event, memory.watermark_ms, &lane);
        let is_idle = memory
            .watermark_ms
            .is_some_and(|time| now_ms - time > ttl_ms);
        if flags.is_empty() && is_idle {
            *memory = Memory::default();
        }
        let forgotten_ms = memory
            .watermark_ms
            .map_or(i64::MIN, |time| time - retention_ms);
        let value = |feature| value_of(feature, event, flags, forgotten_ms, &memory.accepted);
        if event.kind == RecordKind::Transaction {
            rows.push(OracleRow {
                values: features.iter().map(value).collect(),
                flags,
            });
        }
        if flags.is_empty() {
            memory.accepted.push(event);
            memory.watermark_ms = memory.watermark_ms.max(Some(now_ms));
            lane.push(event);
        }
    }
    rows
}

fn judge(
    settings: &OracleSettings,
    event: &Event,
    watermark_ms: Option<i64>,
    lane: &[&Event],
) -> Flags {
    let now_ms = event.event_time_ms;
    let lane_ms = lane
        .iter()
        .map(|e| e.event_time_ms)
        .max()
        .unwrap_or(i64::MIN);
    let mut flags = Flags::empty();
    flags.set(
        Flags::CLOCK_SKEW,
        now_ms > event.timestamp_ms + settings.max_future_skew_ms,
    );
    flags.set(
        Flags::LATE,
        watermark_ms.is_some_and(|time| now_ms < time - settings.allowed_lateness_ms),
    );
    let is_known = lane.iter().any(|known| {
        known.kind == event.kind
            && known.terminal_id == event.terminal_id
            && known.event_id == event.event_id
            && (event.kind != RecordKind::Label || known.event_time_ms == now_ms)
            && known.event_time_ms >= lane_ms - settings.dedup_horizon_ms
    });
    flags.set(Flags::DUPLICATE, is_known);
    flags
}

fn value_of(
    feature: &OracleFeature,
    event: &Event,
    flags: Flags,
    forgotten_ms: i64,
    accepted: &[&Event],
) -> Option<f64> {
    let now_ms = event.event_time_ms;
    if feature.aggregate == OracleAggregate::Value {
        return event.amount_minor.map(|amount| amount as f64 + 0.5);
    }
    if feature.aggregate == OracleAggregate::TimeSinceLast {
        let counted = accepted
            .iter()
            .filter(|e| e.event_time_ms <= now_ms && feature.counts(e));
        let last_ms = counted.map(|e| e.event_time_ms).max();
        return last_ms
            .filter(|_| now_ms >= forgotten_ms)
            .map(|last_ms| (now_ms - last_ms) as f64 / 1000.0);
    }
    let end_ms = now_ms - feature.delay_ms;
    let start_ms = (end_ms - feature.window_ms).max(forgotten_ms);
    let with_current =
        feature.delay_ms == 0 && !feature.exclude_current && !flags.contains(Flags::DUPLICATE);
    let window: Vec<&Event> = accepted
        .iter()
        .copied()
        .filter(|e| start_ms < e.event_time_ms && e.event_time_ms <= end_ms)
        .chain(with_current.then_some(event))
        .collect();
    aggregate(feature, &window)
}

fn aggregate(feature: &OracleFeature, window: &[&Event]) -> Option<f64> {
    let counted: Vec<&Event> = window
        .iter()
        .copied()
        .filter(|e| feature.counts(e))
        .collect();
    let amounts = || {
        counted
            .iter()
            .filter_map(|e| e.amount_minor)
            .map(i128::from)
    };
    let (count, sum) = (counted.len(), amounts().sum::<i128>());
    match feature.aggregate {
        OracleAggregate::Count => Some(count as f64),
        OracleAggregate::Sum => Some(sum as f64),
        OracleAggregate::Mean => (count > 0).then(|| sum as f64 / count as f64),
        OracleAggregate::Stddev => {
            let squares: i128 = amounts().map(|amount| amount * amount).sum();
            let spread = count as i128 * squares - sum * sum;
            (count > 0).then(|| (spread as f64).sqrt() / count as f64)
        }
        OracleAggregate::Min => numbers(feature, &counted).min_by(f64::total_cmp),
        OracleAggregate::Max => numbers(feature, &counted).max_by(f64::total_cmp),
        OracleAggregate::Ratio => {
            let is_base = |event: &&&Event| {
                event.kind == feature.record_type
                    && feature.base.is_none_or(|base| (base.holds)(event))
            };
            let whole = window.iter().filter(is_base).count();
            let part = window
                .iter()
                .filter(is_base)
                .filter(|e| feature.counts(e))
                .count();
            (whole > 0).then(|| part as f64 / whole as f64)
        }
        OracleAggregate::Distinct => {
            let values: BTreeSet<Vec<String>> = counted
                .iter()
                .map(|e| feature.columns.iter().map(|c| text_of(e, *c)).collect())
                .collect();
            Some(values.len() as f64)
        }
        OracleAggregate::TimeSinceLast | OracleAggregate::Value => None,
    }
}

fn numbers<'a>(feature: &'a OracleFeature, events: &'a [&Event]) -> impl Iterator<Item = f64> {
    let is_lat = feature.columns == [Column::Lat];
    events.iter().filter_map(move |event| {
        if is_lat {
            event.lat
        } else {
            event.amount_minor.map(|amount| amount as f64)
        }
    })
}

fn is_null(event: &Event, column: Column) -> bool {
    text_of(event, column).is_empty()
}

/// A value as text, zeros alike; empty for null.
fn text_of(event: &Event, column: Column) -> String {
    match column {
        Column::AmountMinor => event.amount_minor.map(|v| v.to_string()),
        Column::CardToken => event.card_token.clone(),
        Column::ResponseCode => event.response_code.map(str::to_owned),
        Column::Lat => event.lat.map(|v| (v + 0.0).to_string()),
        _ => None,
    }
    .unwrap_or_default()
}
