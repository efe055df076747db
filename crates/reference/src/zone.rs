//! Time zones as tables of offsets.

#[cfg(test)]
mod tests;

use arrow::array::{Array, StringArray};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use tillwatch_records::suggest::did_you_mean;

use crate::error::ReferenceError;
use crate::faults::Faults;

/// Row without a zone.
const NONE: u32 = u32::MAX;

/// 1970-01-01 and 2100-01-01: between them an offset is found in a table, outside it is computed.
const TABLE_START_MS: i64 = 0;
const TABLE_END_MS: i64 = 4_102_444_800_000;

/// Most changes of one zone kept in its table; no zone has changed more than four times a year.
const CHANGES_MAX: usize = 4 * 130;

/// The zone of every row.
#[derive(Debug)]
pub(crate) struct Zones {
    /// Index into `zones` by row, [`NONE`] where there is none.
    by_row: Vec<u32>,
    zones: Vec<Zone>,
}

#[derive(Debug)]
struct Zone {
    rules: TimeZone,
    /// From when (milliseconds since 1970) which offset holds, ascending; the first holds since
    /// [`TABLE_START_MS`].
    changes: Vec<(i64, i64)>,
    /// Until when `changes` is complete.
    end_ms: i64,
}

impl Zones {
    /// The zones that `names` say; each that is none is a fault, once.
    pub(crate) fn new(names: &StringArray, faults: &mut Faults) -> Self {
        let database = TimeZoneDatabase::bundled();
        let mut zones: Vec<Zone> = Vec::new();
        let mut known = hashbrown::HashMap::<&str, u32, foldhash::fast::FixedState>::default();
        let mut by_row = Vec::with_capacity(names.len());
        for (row, name) in names.iter().enumerate() {
            let Some(name) = name else {
                by_row.push(NONE);
                continue;
            };
            if let Some(index) = known.get(name) {
                by_row.push(*index);
                continue;
            }
            let Ok(rules) = database.get(name.trim()) else {
                let all: Vec<String> = database.available().map(|name| name.to_string()).collect();
                faults.push(ReferenceError::Zone {
                    row: row + 1,
                    zone: name.to_owned(),
                    hint: did_you_mean(name, all.iter().map(String::as_str)),
                });
                known.insert(name, NONE);
                by_row.push(NONE);
                continue;
            };
            let index = zones.len() as u32;
            zones.push(Zone::new(rules));
            known.insert(name, index);
            by_row.push(index);
        }
        Self { by_row, zones }
    }

    /// Minutes that the clock of `row` was ahead of UTC at `time_ms`.
    pub(crate) fn offset_minutes(&self, row: usize, time_ms: i64) -> Option<i64> {
        let index = *self.by_row.get(row)?;
        self.zones.get(index as usize)?.offset_minutes(time_ms)
    }
}

impl Zone {
    fn new(rules: TimeZone) -> Self {
        let mut changes = Vec::new();
        let mut end_ms = TABLE_END_MS;
        if let Ok(start) = Timestamp::from_millisecond(TABLE_START_MS) {
            changes.push((TABLE_START_MS, minutes(&rules, start)));
            for change in rules.following(start) {
                let from_ms = change.timestamp().as_millisecond();
                if from_ms >= TABLE_END_MS {
                    break;
                }
                if changes.len() == CHANGES_MAX {
                    end_ms = from_ms;
                    break;
                }
                changes.push((from_ms, minutes(&rules, change.timestamp())));
            }
        }
        Self {
            rules,
            changes,
            end_ms,
        }
    }

    fn offset_minutes(&self, time_ms: i64) -> Option<i64> {
        if (TABLE_START_MS..self.end_ms).contains(&time_ms) {
            let next = self.changes.partition_point(|(from, _)| *from <= time_ms);
            return Some(self.changes.get(next.checked_sub(1)?)?.1);
        }
        let time = Timestamp::from_millisecond(time_ms).ok()?;
        Some(minutes(&self.rules, time))
    }
}

fn minutes(rules: &TimeZone, time: Timestamp) -> i64 {
    i64::from(rules.to_offset(time).seconds()).div_euclid(60)
}
