//! When records come: the time between them, since the last, and their rate by hour of the week.

use super::definition::{Definition, Span};
use super::moments::mean_of;
use super::window::{Moment, weight};
use super::{OracleFeature, OracleValue};

pub(super) const INTER_ARRIVAL_MEAN: Definition = Definition {
    last: true,
    ..Definition::windowed(inter_arrival_mean)
};

pub(super) const INTER_ARRIVAL_CV: Definition = Definition {
    last: true,
    ..Definition::windowed(inter_arrival_cv)
};

pub(super) const TIME_SINCE_LAST: Definition = Definition::without_window(time_since_last);

pub(super) const HOUR_OF_WEEK_RATE: Definition = Definition {
    span: Span::MemoryByDefault,
    ..Definition::windowed(hour_of_week_rate)
};

const MS_PER_SECOND: f64 = 1000.0;
const HOUR_MS: i64 = 3_600_000;
const HOURS_PER_WEEK: i64 = 168;
const WEEK_MS: i64 = HOURS_PER_WEEK * HOUR_MS;

/// Half-life where the feature names none: 28 days.
const RATE_HALF_LIFE_MS: i64 = 28 * 86_400_000;

fn inter_arrival_mean(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let mean_ms = mean_of(&gaps_ms(feature, moment));
    OracleValue::Exact(mean_ms.map(|mean_ms| mean_ms / MS_PER_SECOND))
}

fn inter_arrival_cv(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    // √(m·Σg² − (Σg)²) / m over Σg / m: the m cancels before anything is rounded.
    let gaps_ms = gaps_ms(feature, moment);
    let count = gaps_ms.len() as i128;
    let sum: i128 = gaps_ms.iter().sum();
    let squares: i128 = gaps_ms.iter().map(|gap| gap * gap).sum();
    let spread = count * squares - sum * sum;
    let cv = (spread as f64).sqrt() / sum as f64;
    OracleValue::Exact(Some(cv).filter(|_| count >= 2 && sum != 0))
}

/// The times from each counted record of the window to the next.
fn gaps_ms(feature: &OracleFeature, moment: &Moment<'_, '_>) -> Vec<i128> {
    let counted = moment.counted(feature);
    counted
        .windows(2)
        .map(|pair| i128::from(pair[1].event_time_ms - pair[0].event_time_ms))
        .collect()
}

fn time_since_last(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let now_ms = moment.now_ms();
    let counted = moment.remembered(feature).into_iter();
    let times = counted.map(|event| event.event_time_ms);
    let last_ms = times.filter(|time| *time <= now_ms).max();
    let seconds = last_ms
        .filter(|_| now_ms >= moment.forgotten_ms)
        .map(|last_ms| (now_ms - last_ms) as f64 / MS_PER_SECOND);
    OracleValue::Exact(seconds)
}

fn hour_of_week_rate(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let counted = moment.remembered(feature);
    let now_ms = moment.now_ms();
    // Records are in the order of their times, whenever they arrived.
    let Some(first_ms) = counted.iter().map(|event| event.event_time_ms).min() else {
        return OracleValue::Exact(None);
    };
    // Ages are those at the watermark for what is behind it.
    let as_of_ms = now_ms.max(moment.key.watermark_ms.unwrap_or(now_ms));
    let known_ms = as_of_ms - first_ms;
    if known_ms < WEEK_MS {
        return OracleValue::Exact(None);
    }
    let half_life_ms = feature.half_life_ms.unwrap_or(RATE_HALF_LIFE_MS);
    let hour = |time_ms: i64| time_ms.div_euclid(HOUR_MS).rem_euclid(HOURS_PER_WEEK);
    let records: f64 = counted
        .iter()
        .filter(|event| hour(event.event_time_ms) == hour(now_ms))
        .map(|event| weight(as_of_ms - event.event_time_ms, half_life_ms))
        .sum();
    let half_life_weeks = half_life_ms as f64 / WEEK_MS as f64;
    let weeks = half_life_weeks / std::f64::consts::LN_2 * (1.0 - weight(known_ms, half_life_ms));
    let rate = records / weeks;
    // What has decayed to nothing may be nothing.
    OracleValue::Near {
        value: Some(rate),
        error: 1e-5 * rate + 1e-12,
    }
}
