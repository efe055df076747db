//! Opening hours.

#[cfg(test)]
mod tests;

use arrow::array::{Array, StringArray};

use crate::error::ReferenceError;
use crate::faults::Faults;

const DAY_MINUTES: u32 = 24 * 60;
const WEEK_MINUTES: u32 = 7 * DAY_MINUTES;
const MINUTE_MS: i64 = 60_000;

/// 1970-01-01 was a Thursday; the week starts on Monday.
const EPOCH_DAY: i64 = 3;

/// Longest text of opening hours: a line for every day with several spans fits.
const TEXT_BYTES_MAX: usize = 1024;

const DAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

const EXAMPLE: &str = "write for example `Mo-Fr 08:00-18:00; Sa 09:00-13:00` or `24/7`";

/// When a shop is open, by its own clock; a part of the notation that OpenStreetMap uses:
///
/// ```text
/// hours = "24/7" | rule { ";" rule }
/// rule  = [ days ] ( "off" | span { "," span } )       without days: every day
/// days  = day [ "-" day ] { "," day [ "-" day ] }      Mo Tu We Th Fr Sa Su; Sa-Mo goes round
/// span  = HH:MM "-" HH:MM                              from, to (not included); 24:00 is midnight
/// ```
///
/// A span whose end is not after its start goes on past midnight and belongs to the day it starts on:
/// `Fr 20:00-02:00` is open on Saturday at one. A rule replaces what earlier rules say about its days.
/// There are no holidays, weeks or months.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningHours {
    /// Minutes of the week from Monday 00:00, start included and end not; ascending, apart from each
    /// other, each within the week.
    open: Vec<(u32, u32)>,
}

impl OpeningHours {
    /// Reads `text`.
    ///
    /// # Errors
    /// What is wrong with it and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!(
                "more than {TEXT_BYTES_MAX} bytes; state the hours of one week"
            ));
        }
        if text.trim() == "24/7" {
            return Ok(Self {
                open: vec![(0, WEEK_MINUTES)],
            });
        }
        let mut by_day: [Vec<(u32, u32)>; 7] = Default::default();
        for rule in text.split(';') {
            let (days, spans) = read_rule(rule.trim())?;
            for (day, closed) in by_day.iter_mut().zip(days) {
                if closed {
                    day.clone_from(&spans);
                }
            }
        }
        Ok(Self::of_days(&by_day))
    }

    /// Whether it is open at `time_ms` (milliseconds since 1970) where clocks are `offset_minutes`
    /// ahead of UTC.
    pub fn is_open(&self, time_ms: i64, offset_minutes: i64) -> bool {
        let minutes = time_ms
            .div_euclid(MINUTE_MS)
            .saturating_add(offset_minutes)
            .saturating_add(EPOCH_DAY * i64::from(DAY_MINUTES));
        let minute = minutes.rem_euclid(i64::from(WEEK_MINUTES)) as u32;
        self.open
            .iter()
            .any(|(from, to)| (*from..*to).contains(&minute))
    }

    fn of_days(by_day: &[Vec<(u32, u32)>; 7]) -> Self {
        let mut spans = Vec::new();
        for (day, hours) in (0..).zip(by_day) {
            for (from, to) in hours {
                let (from, to) = (day * DAY_MINUTES + from, day * DAY_MINUTES + to);
                spans.push((from, to.min(WEEK_MINUTES)));
                if to > WEEK_MINUTES {
                    spans.push((0, to - WEEK_MINUTES));
                }
            }
        }
        spans.sort_unstable();
        let mut open: Vec<(u32, u32)> = Vec::with_capacity(spans.len());
        for (from, to) in spans {
            match open.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => open.push((from, to)),
            }
        }
        Self { open }
    }
}

type Spans = Vec<(u32, u32)>;

/// Which days a rule speaks of, and their spans; a span may end on the next day.
fn read_rule(rule: &str) -> Result<([bool; 7], Spans), String> {
    if rule.is_empty() {
        return Err(format!("an empty rule; {EXAMPLE}"));
    }
    let (days, rest) = match rule.chars().next() {
        Some(first) if first.is_ascii_digit() || rule == "off" => ([true; 7], rule),
        _ => match rule.split_once(char::is_whitespace) {
            Some((days, rest)) => (read_days(days)?, rest.trim()),
            None => return Err(format!("`{rule}` has no hours; {EXAMPLE}")),
        },
    };
    if rest == "off" {
        return Ok((days, Vec::new()));
    }
    let spans = rest.split(',').map(|span| read_span(span.trim()));
    Ok((days, spans.collect::<Result<_, _>>()?))
}

fn read_days(text: &str) -> Result<[bool; 7], String> {
    let position = |name: &str| {
        DAYS.iter()
            .position(|day| *day == name)
            .ok_or_else(|| format!("`{name}` is no day; days are {}", DAYS.join(", ")))
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (position(first)?, position(last)?),
            None => (position(part)?, position(part)?),
        };
        let count = (last + 7 - first) % 7 + 1;
        for (_, day) in (0..count).zip((0..7).cycle().skip(first)) {
            days[day] = true;
        }
    }
    Ok(days)
}

fn read_span(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("`{text}` is no span of time; {EXAMPLE}");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let from = read_time(from.trim()).ok_or_else(wrong)?;
    let to = read_time(to.trim()).ok_or_else(wrong)?;
    if from == to {
        return Err(format!(
            "`{text}` starts when it ends; write `00:00-24:00` for the whole day or `off`"
        ));
    }
    if from == DAY_MINUTES {
        return Err(wrong());
    }
    Ok((from, if to > from { to } else { to + DAY_MINUTES }))
}

/// `HH:MM`, 00:00 to 24:00.
fn read_time(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let time = hours * 60 + minutes;
    (minutes < 60 && time <= DAY_MINUTES).then_some(time)
}

/// Row without hours.
const NONE: u32 = u32::MAX;

/// The opening hours of every row.
#[derive(Debug)]
pub(crate) struct Hours {
    /// Index into `hours` by row, [`NONE`] where there are none.
    by_row: Vec<u32>,
    hours: Vec<OpeningHours>,
}

impl Hours {
    /// The hours that `texts` say; each that cannot be read is a fault, once.
    pub(crate) fn new(texts: &StringArray, faults: &mut Faults) -> Self {
        let mut hours = Vec::new();
        let mut known = hashbrown::HashMap::<&str, u32, foldhash::fast::FixedState>::default();
        let mut by_row = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            let Some(text) = text else {
                by_row.push(NONE);
                continue;
            };
            if let Some(index) = known.get(text) {
                by_row.push(*index);
                continue;
            }
            let index = match OpeningHours::parse(text) {
                Ok(parsed) => {
                    hours.push(parsed);
                    hours.len() as u32 - 1
                }
                Err(reason) => {
                    faults.push(ReferenceError::Hours {
                        row: row + 1,
                        hours: text.chars().take(TEXT_BYTES_MAX).collect(),
                        reason,
                    });
                    NONE
                }
            };
            known.insert(text, index);
            by_row.push(index);
        }
        Self { by_row, hours }
    }

    /// The hours of `row`.
    pub(crate) fn of(&self, row: usize) -> Option<&OpeningHours> {
        self.hours.get(*self.by_row.get(row)? as usize)
    }
}
