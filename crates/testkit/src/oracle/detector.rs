//! Detectors that compare a record with the ones before it. They look at records in order only:
//! those that were not older than their key's watermark.

use tillwatch_records::Column;

use super::definition::Definition;
use super::distinct::tuple;
use super::random::Palette;
use super::window::Moment;
use super::{OracleFeature, OracleValue, WRAP};
use crate::stream::Event;

pub(super) const SEQUENCE_GAP: Definition = Definition {
    columns: STAN,
    own_keys: wrap,
    ..Definition::without_window(sequence_gap)
};

pub(super) const SEQUENCE_DUPLICATES: Definition = Definition {
    columns: STAN,
    own_keys: wrap,
    ..Definition::windowed(sequence_duplicates)
};

pub(super) const SEQUENCE_REGRESSIONS: Definition = Definition {
    columns: STAN,
    own_keys: wrap,
    ..Definition::windowed(sequence_regressions)
};

pub(super) const SEQUENCE_FORKS: Definition = Definition {
    columns: STAN,
    own_keys: wrap,
    ..Definition::windowed(sequence_forks)
};

pub(super) const CHANGED: Definition = Definition {
    columns: DEVICES,
    ..Definition::without_window(changed)
};

pub(super) const CHANGES: Definition = Definition {
    columns: DEVICES,
    ..Definition::windowed(changes)
};

pub(super) const DISTANCE_KM: Definition = Definition {
    columns: &[&[], PLACE],
    default_columns: PLACE,
    ..Definition::without_window(distance_km)
};

pub(super) const SPEED_KMH: Definition = Definition {
    columns: &[&[], PLACE],
    default_columns: PLACE,
    ..Definition::without_window(speed_kmh)
};

const STAN: &[&[Column]] = &[&[Column::Stan]];

const DEVICES: &[&[Column]] = &[
    &[Column::HardwareSerial],
    &[Column::HardwareSerial, Column::Mcc],
    &[Column::ResponseCode],
];

const PLACE: &[Column] = &[Column::Lat, Column::Lon];

fn wrap(palette: &mut Palette, feature: &mut OracleFeature) {
    feature.wrap = palette.one(&[WRAP, WRAP, 999_999, 1_000]);
}

/// A number continues a run when it is at most this far ahead.
const RUN_STEP_MAX: i64 = 64;

/// Mean radius of the earth.
const EARTH_RADIUS_KM: f64 = 6371.0088;

fn sequence_gap(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let gap = step(feature, moment)
        .filter(|step| (1..=feature.wrap / 2).contains(step))
        .map(|step| (step - 1) as f64);
    OracleValue::Exact(gap)
}

fn sequence_duplicates(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    count_shown(feature, moment, steps_where(feature, |step| step == 0))
}

fn sequence_regressions(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    count_shown(
        feature,
        moment,
        steps_where(feature, |step| step > feature.wrap / 2),
    )
}

/// Shows records whose step from the previous one satisfies `is_shown`.
fn steps_where<'a>(
    feature: &OracleFeature,
    is_shown: impl Fn(i64) -> bool,
) -> impl FnMut(&'a Event) -> bool {
    let mut previous: Option<&Event> = None;
    move |event| {
        let step = previous
            .replace(event)
            .and_then(|previous| distance(feature, previous, event));
        step.is_some_and(&is_shown)
    }
}

fn sequence_forks(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let continues = |head: Option<i64>, number: i64| {
        head.is_some_and(|head| {
            (1..=RUN_STEP_MAX).contains(&(number - head).rem_euclid(feature.wrap))
        })
    };
    let (mut active, mut other): (Option<i64>, Option<i64>) = (None, None);
    count_shown(feature, moment, move |event| {
        let Some(number) = number(feature, event) else {
            return false;
        };
        // A repeated number moves neither head.
        let is_repeat = active.is_some_and(|head| (number - head).rem_euclid(feature.wrap) == 0);
        if is_repeat || continues(active, number) {
            active = Some(number);
            return false;
        }
        let is_alternation = continues(other, number);
        (active, other) = (Some(number), active);
        is_alternation
    })
}

fn changed(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let changed = previous(feature, moment)
        .map(|previous| f64::from(u8::from(differs(feature, previous, moment.event))));
    OracleValue::Exact(changed)
}

fn changes(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let mut previous: Option<&Event> = None;
    count_shown(feature, moment, |event| {
        let previous = previous.replace(event);
        previous.is_some_and(|previous| differs(feature, previous, event))
    })
}

fn differs(feature: &OracleFeature, previous: &Event, event: &Event) -> bool {
    tuple(feature, previous) != tuple(feature, event)
}

fn distance_km(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let km = previous(feature, moment)
        .and_then(|previous| haversine_km(feature, previous, moment.event));
    near_km(km)
}

fn speed_kmh(feature: &OracleFeature, moment: &Moment<'_, '_>) -> OracleValue {
    let kmh = previous(feature, moment).and_then(|previous| {
        let seconds = (moment.now_ms() - previous.event_time_ms) as f64 / 1000.0;
        let km = haversine_km(feature, previous, moment.event)?;
        Some(km / (seconds.max(1.0) / 3600.0))
    });
    near_km(kmh)
}

/// A metre in a thousand kilometres: the formula can be arranged in several ways.
fn near_km(value: Option<f64>) -> OracleValue {
    OracleValue::relative(value, 1e-9)
}

fn haversine_km(feature: &OracleFeature, from: &Event, to: &Event) -> Option<f64> {
    let [lat, lon] = *feature.columns_read() else {
        return None;
    };
    let radians = |event: &Event, column| event.number(column).map(f64::to_radians);
    let (lat1, lat2) = (radians(from, lat)?, radians(to, lat)?);
    let (lon1, lon2) = (radians(from, lon)?, radians(to, lon)?);
    let haversine = |angle: f64| libm::pow(libm::sin(angle / 2.0), 2.0);
    let h = haversine(lat2 - lat1) + libm::cos(lat1) * libm::cos(lat2) * haversine(lon2 - lon1);
    Some(2.0 * EARTH_RADIUS_KM * libm::asin(h.sqrt().min(1.0)))
}

/// The counted records in order that the key remembers, in order of arrival.
fn in_order<'a>(feature: &OracleFeature, moment: &Moment<'a, '_>) -> Vec<&'a Event> {
    let accepted = moment.key.accepted.iter();
    accepted
        .filter(|record| record.in_order && feature.counts(record.event))
        .map(|record| record.event)
        .collect()
}

/// The record that this one is compared with; none for a late record and for one that lacks what is
/// compared.
fn previous<'a>(feature: &OracleFeature, moment: &Moment<'a, '_>) -> Option<&'a Event> {
    let is_compared = !moment.is_behind() && feature.reads(moment.event);
    let before = in_order(feature, moment);
    before.last().copied().filter(|_| is_compared)
}

/// (current − previous) mod wrap.
fn step(feature: &OracleFeature, moment: &Moment<'_, '_>) -> Option<i64> {
    distance(feature, previous(feature, moment)?, moment.event)
}

fn distance(feature: &OracleFeature, previous: &Event, event: &Event) -> Option<i64> {
    let step = number(feature, event)? - number(feature, previous)?;
    Some(step.rem_euclid(feature.wrap))
}

fn number(feature: &OracleFeature, event: &Event) -> Option<i64> {
    let column = feature.columns.first()?;
    event.integer(*column)
}

/// How many records of the window show something; `shows` is given the counted records in order,
/// one by one.
fn count_shown<'a>(
    feature: &OracleFeature,
    moment: &Moment<'a, '_>,
    mut shows: impl FnMut(&'a Event) -> bool,
) -> OracleValue {
    let mut chain = in_order(feature, moment);
    if !moment.is_behind() && feature.counts(moment.event) {
        chain.push(moment.event);
    }
    chain.retain(|event| shows(event));
    let seen = moment.window(feature, |record| {
        chain.iter().any(|event| std::ptr::eq(*event, record.event))
    });
    OracleValue::Exact(Some(seen.len() as f64))
}
