//! What the functions of the language do with one row's values.

use std::cmp::Ordering;

use crate::node::ClockPart;

/// Mean radius of the Earth in kilometres (IUGG, R₁).
const EARTH_RADIUS_KM: f64 = 6371.0088;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// 1970-01-01 was a Thursday, and Monday is 0.
const WEEKDAY_OF_EPOCH: i64 = 3;

/// Great-circle distance of two places in kilometres, on a sphere of radius 6371.0088 km, by the
/// haversine formula. Latitudes and longitudes are in degrees; NaN when one of them is not finite.
/// The same on every machine.
pub fn haversine_km(lat1: f64, lon1: f64, lat2: f64, lon2: f64) -> f64 {
    let half_sine = |degrees: f64| libm::sin(degrees.to_radians() / 2.0);
    let (dy, dx) = (half_sine(lat2 - lat1), half_sine(lon2 - lon1));
    let cosines = libm::cos(lat1.to_radians()) * libm::cos(lat2.to_radians());
    let a = dy * dy + cosines * dx * dx;
    // Rounding may lead past 1 between antipodes.
    let a = if a > 1.0 { 1.0 } else { a };
    2.0 * EARTH_RADIUS_KM * libm::asin(a.sqrt())
}

/// A part of the local time, `offset_minutes` ahead of UTC; nothing when it overflows.
pub(crate) fn clock(part: ClockPart, time_ms: i64, offset_minutes: i64) -> Option<i64> {
    let local = time_ms.checked_add(offset_minutes.checked_mul(MINUTE_MS)?)?;
    Some(match part {
        ClockPart::Minute => local.div_euclid(MINUTE_MS).rem_euclid(60),
        ClockPart::Hour => local.div_euclid(HOUR_MS).rem_euclid(24),
        ClockPart::Weekday => (local.div_euclid(DAY_MS) + WEEKDAY_OF_EPOCH).rem_euclid(7),
    })
}

/// Hexadecimal digits, and nothing else, as an integer of at most 63 bits.
pub(crate) fn hex(text: &str) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    text.chars().try_fold(0_i64, |value, c| {
        let digit = i64::from(c.to_digit(16)?);
        value.checked_mul(16)?.checked_add(digit)
    })
}

/// The last `count` characters; none when it is not positive.
pub(crate) fn right(text: &str, count: i64) -> &str {
    let Some(before) = usize::try_from(count).ok().and_then(|n| n.checked_sub(1)) else {
        return "";
    };
    let start = text.char_indices().rev().nth(before);
    start.map_or(text, |(byte, _)| text.get(byte..).unwrap_or_default())
}

/// Whether `list`, items separated by `;`, has `item`. Blanks around items do not count, and an
/// empty one is in no list.
pub(crate) fn contains_item(list: &str, item: &str) -> bool {
    let item = item.trim();
    !item.is_empty() && list.split(';').any(|known| known.trim() == item)
}

/// Whether version `a` comes before version `b`. Parts between dots that are digits only are
/// compared as numbers, others as text, after every number; a part that one version lacks is 0.
pub(crate) fn version_before(a: &str, b: &str) -> bool {
    let (mut left, mut right) = (a.trim().split('.'), b.trim().split('.'));
    loop {
        let (l, r) = match (left.next(), right.next()) {
            (None, None) => return false,
            (l, r) => (l.unwrap_or("0"), r.unwrap_or("0")),
        };
        match compare_parts(l, r) {
            Ordering::Equal => {}
            order => return order.is_lt(),
        }
    }
}

fn compare_parts(l: &str, r: &str) -> Ordering {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match (is_number(l), is_number(r)) {
        (true, true) => {
            // Of any length, so that a build date with a serial number does not overflow.
            let (l, r) = (l.trim_start_matches('0'), r.trim_start_matches('0'));
            l.len().cmp(&r.len()).then_with(|| l.cmp(r))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => l.cmp(r),
    }
}
