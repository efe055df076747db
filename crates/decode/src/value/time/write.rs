//! Times as a site writes them, for records that are made here.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::pattern::Pattern;
use super::rule::TimeRule;
use super::zone::Zone;
use crate::settings::Constant;

/// `ms`, milliseconds since 1970, as `rule` reads it.
pub(crate) fn written(rule: &TimeRule, ms: i64) -> Constant {
    match rule {
        TimeRule::Epoch(0) | TimeRule::Auto(_) => Constant::Integer(ms),
        TimeRule::Epoch(scale @ 1..) => Constant::Float(ms as f64 / 10_f64.powi(*scale as i32)),
        TimeRule::Epoch(scale) => {
            let finer = 10_i64.pow(scale.unsigned_abs() as u32);
            Constant::Integer(ms.saturating_mul(finer))
        }
        TimeRule::Rfc3339(_) => Constant::Text(rfc3339(ms)),
        TimeRule::Offset(offset) => Constant::Text(offset.written(ms)),
        TimeRule::Pattern(rule) => Constant::Text(of_pattern(&rule.pattern, &rule.zone, ms)),
    }
}

fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}

/// The conversions of a pattern are those of the library as well.
fn of_pattern(pattern: &Pattern, zone: &Zone, ms: i64) -> String {
    let zone = match zone {
        Zone::Named(zone) => zone.clone(),
        Zone::Fixed(ms) => {
            let offset = i32::try_from(ms / 1000)
                .ok()
                .and_then(|s| Offset::from_seconds(s).ok());
            TimeZone::fixed(offset.unwrap_or(Offset::UTC))
        }
    };
    let at = Timestamp::from_millisecond(ms).unwrap_or_default();
    let text = jiff::fmt::strtime::format(pattern.text(), &at.to_zoned(zone));
    text.unwrap_or_else(|_| rfc3339(ms))
}
