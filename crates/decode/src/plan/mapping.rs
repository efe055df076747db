//! `[decode.fields]` and `[decode.units]` with the names resolved.

use std::collections::BTreeMap;

use tillwatch_records::column::ColumnType;
use tillwatch_records::suggest::did_you_mean;
use tillwatch_records::{Column, RecordKind};

use crate::error::DecodeError;
use crate::own::{OwnColumn, OwnOrigin};
use crate::path;
use crate::row::Origin;
use crate::sensitive::is_sensitive_name;
use crate::settings::{AmountUnit, Constant, DecodeSettings, FieldOrigin, KafkaPart, NumberBase};
use crate::times::TimeRules;
use crate::token::{Span, Token};
use crate::tree::{FieldTree, PathError, Step};
use crate::value::time::TimeRule;

/// What the settings say of each column.
pub(super) struct Mapping<'s> {
    fields: BTreeMap<Column, &'s FieldOrigin>,
    /// What the event id is joined from, if it is.
    pub(super) derived: Vec<Column>,
    times: TimeRules,
    settings: &'s DecodeSettings,
}

impl<'s> Mapping<'s> {
    pub(super) fn new(settings: &'s DecodeSettings) -> Result<Self, DecodeError> {
        let mut fields = BTreeMap::new();
        let mut derived = Vec::new();
        for (name, origin) in &settings.fields {
            let column = column_called(name, settings)?;
            let refused = |problem| DecodeError::NotMappable {
                column: column.name().to_owned(),
                problem,
            };
            match (column, origin) {
                (Column::IngestTime, _) => {
                    return Err(refused(
                        "is the Kafka record timestamp; take it out of the mapping",
                    ));
                }
                (Column::EventId | Column::EventTime, FieldOrigin::Constant(_)) => {
                    return Err(refused("cannot be the same in every record"));
                }
                (Column::EventId, FieldOrigin::Derived(from)) => {
                    derived = derived_from(&from.from, settings)?;
                }
                (_, FieldOrigin::Derived(_)) => {
                    return Err(refused("cannot be derived; only `event_id` can"));
                }
                (_, FieldOrigin::Joined(joined)) => {
                    check_joined(column.kind(), &joined.fields).map_err(refused)?;
                }
                (_, FieldOrigin::Header(of)) if is_sensitive_name(&of.header) => {
                    return Err(DecodeError::Sensitive {
                        column: column.name().to_owned(),
                        path: of.header.clone(),
                    });
                }
                (_, FieldOrigin::Kafka(of))
                    if of.kafka == KafkaPart::Timestamp
                        && column.kind() != ColumnType::TimestampMs =>
                {
                    return Err(refused("is no time, as the Kafka timestamp is"));
                }
                _ => {}
            }
            fields.insert(column, origin);
        }
        Ok(Self {
            fields,
            derived,
            times: TimeRules::new(&settings.units)?,
            settings,
        })
    }

    /// Where the values of `column` come from; `None` when not from the record.
    pub(super) fn origin(
        &self,
        column: Column,
        tree: &mut FieldTree,
    ) -> Result<Option<Origin>, DecodeError> {
        if column == Column::IngestTime {
            return Ok(None);
        }
        match self.fields.get(&column) {
            None => {
                let slot = tree.slot(&[Step::Name(column.name().to_owned())]);
                slot.map(|slot| Some(Origin::Slot(slot)))
                    .map_err(|_| DecodeError::PathConflict {
                        path: column.name().to_owned(),
                    })
            }
            Some(FieldOrigin::Path(path)) => {
                slot(tree, column.name(), path).map(|slot| Some(Origin::Slot(slot)))
            }
            Some(FieldOrigin::Constant(written)) => {
                let (token, text): (fn(Span) -> Token, _) = match &written.constant {
                    Constant::Text(text) => (Token::Text, text.clone()),
                    Constant::Integer(number) => (Token::Decimal, number.to_string()),
                    Constant::Float(number) => (Token::Decimal, number.to_string()),
                };
                Ok(Some(Origin::Constant(
                    token(Span::new(0, text.len())),
                    text.into_bytes().into(),
                )))
            }
            Some(FieldOrigin::Joined(joined)) => {
                joined_origin(column.name(), &joined.fields, tree).map(Some)
            }
            Some(FieldOrigin::Derived(_)) => Ok(None),
            Some(FieldOrigin::Header(of)) => Ok(Some(Origin::Header(of.header.as_str().into()))),
            Some(FieldOrigin::Kafka(of)) => Ok(Some(of_kafka(of.kafka))),
        }
    }

    /// Where the edition of ISO 8583 is; `None` where the settings leave no place for it.
    pub(super) fn edition(&self, tree: &mut FieldTree) -> Option<Origin> {
        self.origin(Column::SpecVersion, tree).ok().flatten()
    }

    /// The base of `column`, if it is a number that a card holds as bytes.
    pub(super) fn number_base(&self, column: Column) -> Option<NumberBase> {
        match column {
            Column::Atc => Some(self.settings.units.atc),
            Column::TransactionSequence => self.settings.units.transaction_sequence,
            _ => None,
        }
    }

    /// How the times of `column` are written.
    pub(super) fn time_rule(&self, column: Column) -> TimeRule {
        self.times.of(column).clone()
    }

    /// The unit of `column`, if it is an amount.
    pub(super) fn amount_unit(&self, column: Column) -> Option<AmountUnit> {
        match column {
            Column::AmountMinor | Column::OtherAmountMinor => Some(self.settings.units.amount),
            Column::EmvAmountMinor => Some(self.settings.units.emv_amount),
            _ => None,
        }
    }

    pub(super) fn is_mapped(&self, column: Column) -> bool {
        self.fields.contains_key(&column)
    }
}

/// The slot of the value at `path`, which `column` is read from.
pub(super) fn slot(tree: &mut FieldTree, column: &str, written: &str) -> Result<u16, DecodeError> {
    slot_of(tree, column, written, &path::steps(column, written)?)
}

/// The slot of the value behind `steps`, which are written so.
pub(super) fn slot_of(
    tree: &mut FieldTree,
    column: &str,
    written: &str,
    steps: &[Step],
) -> Result<u16, DecodeError> {
    tree.slot(steps).map_err(|error| match error {
        PathError::Conflict => DecodeError::PathConflict {
            path: written.to_owned(),
        },
        PathError::TooMany => path::bad(column, written, "is one too many"),
    })
}

/// Where the values of a column of the site's own come from.
pub(super) fn own_origin(column: &OwnColumn, tree: &mut FieldTree) -> Result<Origin, DecodeError> {
    match &column.origin {
        OwnOrigin::Field(path) => slot(tree, column.name(), path).map(Origin::Slot),
        OwnOrigin::Header(name) => Ok(Origin::Header(name.as_str().into())),
        OwnOrigin::Kafka(part) => Ok(of_kafka(*part)),
    }
}

fn of_kafka(part: KafkaPart) -> Origin {
    match part {
        KafkaPart::Key => Origin::Key,
        KafkaPart::Timestamp => Origin::Timestamp,
    }
}

/// The values at `paths`, joined.
fn joined_origin(
    column: &str,
    paths: &[String],
    tree: &mut FieldTree,
) -> Result<Origin, DecodeError> {
    let slots = paths.iter().map(|path| slot(tree, column, path));
    slots.collect::<Result<_, _>>().map(Origin::Joined)
}

/// Whether a column of `kind` may be joined from `paths`.
fn check_joined(kind: ColumnType, paths: &[String]) -> Result<(), &'static str> {
    match (kind, paths) {
        (ColumnType::TimestampMs, [_, _, ..]) => Ok(()),
        (ColumnType::TimestampMs, _) => {
            Err("has fewer than two `fields`; name a single one by its path alone")
        }
        _ => Err("is read from one field; only times are joined from several"),
    }
}

/// The canonical column called `name`.
pub(super) fn column_called(name: &str, settings: &DecodeSettings) -> Result<Column, DecodeError> {
    Column::from_name(name).ok_or_else(|| match settings.columns.contains_key(name) {
        true => DecodeError::OwnColumn {
            column: name.to_owned(),
            problem: "is none that [decode.fields] may name: it says itself where its values are, \
                      and no event id is derived from it",
        },
        false => DecodeError::UnknownColumn {
            name: name.to_owned(),
            hint: did_you_mean(name, Column::names()),
        },
    })
}

fn derived_from(names: &[String], settings: &DecodeSettings) -> Result<Vec<Column>, DecodeError> {
    let refused = |problem| DecodeError::NotMappable {
        column: Column::EventId.name().to_owned(),
        problem,
    };
    let columns: Vec<Column> = names
        .iter()
        .map(|name| column_called(name, settings))
        .collect::<Result<_, _>>()?;
    if columns.contains(&Column::EventId) || columns.contains(&Column::IngestTime) {
        return Err(refused(
            "cannot be derived from itself or from `ingest_time`, which changes when a record is sent again",
        ));
    }
    if columns
        .iter()
        .any(|column| column.kind() == ColumnType::Float64)
    {
        return Err(refused(
            "cannot be derived from a column of floating-point numbers",
        ));
    }
    let carried = |column: &Column| column.spec().carried_by.contains(&RecordKind::Transaction);
    if !columns.iter().any(carried) {
        return Err(refused(
            "must be derived from at least one column of transactions",
        ));
    }
    Ok(columns)
}
