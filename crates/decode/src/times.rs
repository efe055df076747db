//! The settings of times, checked: which of them a column follows, and how records are written by them.

use tillwatch_records::Column;

use crate::error::DecodeError;
use crate::settings::{Constant, DecodeSettings, TimeSettings, UnitSettings};
use crate::value::time::{TimeRule, written};

/// How the times of the canonical columns are written.
#[derive(Debug)]
pub(crate) struct TimeRules {
    event_time: TimeRule,
    /// Those that do not follow the event time.
    others: Vec<(Column, TimeRule)>,
}

impl TimeRules {
    /// The rules of `units`, also those of columns that nobody reads.
    pub(crate) fn new(units: &UnitSettings) -> Result<Self, DecodeError> {
        let named = |column: Column, settings: &TimeSettings| {
            rule(&format!("`{}` of [decode.units]", column.name()), settings)
        };
        let others = [
            (Column::MaintenanceStart, &units.maintenance_start),
            (Column::MaintenanceEnd, &units.maintenance_end),
            (Column::OccurredTime, &units.occurred_time),
            (Column::ReportedTime, &units.reported_time),
        ];
        let others = others.into_iter();
        let others = others.filter_map(|(column, settings)| Some((column, settings.as_ref()?)));
        Ok(Self {
            event_time: named(Column::EventTime, &units.event_time)?,
            others: others
                .map(|(column, settings)| Ok((column, named(column, settings)?)))
                .collect::<Result<_, DecodeError>>()?,
        })
    }

    /// How the times of `column` are written.
    pub(crate) fn of(&self, column: Column) -> &TimeRule {
        let own = self.others.iter().find(|(other, _)| *other == column);
        own.map_or(&self.event_time, |(_, rule)| rule)
    }
}

/// The rule of `settings`, which are at `place`.
pub(crate) fn rule(place: &str, settings: &TimeSettings) -> Result<TimeRule, DecodeError> {
    TimeRule::new(settings).map_err(|problem| DecodeError::TimeFormat {
        place: place.to_owned(),
        problem,
    })
}

/// Writes event times as a site's records hold them.
#[derive(Debug)]
pub struct EventTimeWriter(TimeRule);

impl EventTimeWriter {
    /// A writer of what `settings` read.
    ///
    /// # Errors
    /// Names what cannot be followed, and what to write instead.
    pub fn new(settings: &DecodeSettings) -> Result<Self, DecodeError> {
        let rules = TimeRules::new(&settings.units)?;
        Ok(Self(rules.event_time))
    }

    /// The value of a record's field for `time_ms`, milliseconds since 1970.
    pub fn write(&self, time_ms: i64) -> Constant {
        written(&self.0, time_ms)
    }
}
