//! How rows of one kind of record are made.

use std::sync::Arc;

use tillwatch_records::{Column, KeySpec, RecordKind, code};

use super::cards::Cards;
use super::invalid::InvalidRule;
use super::layout::{Entry, Layout, OwnEntry};
use super::mapping::Mapping;
use super::wanted::Wanted;
use crate::buffer::BufferId;
use crate::error::DecodeError;
use crate::own::OwnColumn;
use crate::refusal::ColumnRef;
use crate::row::{CardPlan, Convert, Fill, Guard, KindPlan, Origin, check_constant};
use crate::settings::{AmountUnit, OnInvalid};

pub(super) struct KindBuilder<'a> {
    pub(super) mapping: &'a Mapping<'a>,
    pub(super) wanted: &'a Wanted,
    pub(super) layout: &'a Layout,
    pub(super) cards: &'a Cards<'a>,
    pub(super) invalid: &'a InvalidRule<'a>,
    /// Where the edition of ISO 8583 is, where some code needs it.
    pub(super) edition: Option<Origin>,
}

impl KindBuilder<'_> {
    pub(super) fn build(&self, kind: RecordKind) -> Result<KindPlan, DecodeError> {
        let mut fills = Vec::new();
        for entry in &self.layout.columns {
            // The Kafka timestamp of a label is that of the label, and no time of its transaction.
            let is_own_time = entry.column == Column::EventTime
                && matches!(entry.origin, Some(Origin::Timestamp));
            // Any other column stays null.
            if let Some(origin) = &entry.origin
                && self.carries(kind, entry.column)
                && !(is_own_time && kind == RecordKind::Label)
            {
                fills.push(self.fill(kind, entry, origin)?);
            }
        }
        // An amount in major units looks at the currency of its row.
        fills.sort_by_key(|fill| matches!(fill.convert, Convert::Amount { .. }));
        // A site's own column is nobody's in particular: whatever kind of record has it is asked for it.
        let own = self.wanted.own.iter().zip(&self.layout.own).zip(0_u16..);
        fills.extend(own.map(|((column, entry), at)| {
            let guard = self.cards.guard(column.name(), false);
            let on_invalid = self.invalid.of_own(column.name());
            own_fill((column, entry), at, guard, on_invalid)
        }));
        let key_parts = self.wanted.key_columns().into_iter();
        let key_parts = key_parts.filter(|column| self.carries(kind, *column));
        let label_times = [Column::ReportedTime, Column::OccurredTime];
        let label_times = label_times.into_iter();
        Ok(KindPlan {
            fills,
            derived: self.derived(kind),
            key_parts: key_parts
                .filter_map(|column| self.layout.text(column))
                .collect(),
            keys: self.keys(kind),
            needs_key: self.wanted.keys.len() > 1 && kind != RecordKind::Label,
            event_id: self.layout.event_id,
            event_time: self.layout.event_time,
            ingest_time: self.layout.time(Column::IngestTime),
            label_times: label_times
                .filter_map(|column| self.layout.time(column))
                .collect(),
            is_label: kind == RecordKind::Label,
            card: self.card(kind),
            edition: self.edition.clone(),
            pin_capability: self
                .layout
                .text(Column::PinCapability)
                .filter(|_| self.carries(kind, Column::PinCapability)),
        })
    }

    /// What is made of the card numbers that records of `kind` have in clear.
    fn card(&self, kind: RecordKind) -> Option<(Origin, CardPlan)> {
        let (origin, tokeniser) = self.cards.tokenised.as_ref()?;
        let place = |column| {
            let is_made = Cards::makes(column, self.mapping) && self.carries(kind, column);
            self.layout.text(column).filter(|_| is_made)
        };
        let plan = CardPlan {
            tokeniser: Arc::clone(tokeniser),
            token: place(Column::CardToken),
            bin: place(Column::Bin),
            last4: place(Column::Last4),
            required: self.is_required(kind, Column::CardToken),
            on_invalid: self.on_invalid(kind, Column::CardToken),
        };
        let is_read = plan.token.or(plan.bin).or(plan.last4).is_some();
        is_read.then(|| (origin.clone(), plan))
    }

    /// The keys that records of `kind` may have: the texts that each is made of, and their columns.
    fn keys(&self, kind: RecordKind) -> Vec<Vec<(usize, Column)>> {
        let keys = self.wanted.keys.iter();
        let carried = keys.filter(|key| {
            let mut columns = key.columns().iter();
            columns.all(|column| self.carries(kind, *column))
        });
        let parts = |key: &KeySpec| {
            let columns = key.columns().iter();
            let parts = columns.filter_map(|column| Some((self.layout.text(*column)?, *column)));
            parts.collect()
        };
        carried.map(parts).collect()
    }

    /// Whether records of `kind` have `column`. A label has the whole keys of its transaction, so that
    /// it comes to the same state.
    fn carries(&self, kind: RecordKind, column: Column) -> bool {
        let is_key = self.is_of_key(column);
        column.spec().carried_by.contains(&kind) || (is_key && kind == RecordKind::Label)
    }

    fn fill(&self, kind: RecordKind, entry: &Entry, origin: &Origin) -> Result<Fill, DecodeError> {
        let column = entry.column;
        let guard = self.cards.guard(column.name(), is_of_card(column));
        let convert = match (entry.id, self.mapping.amount_unit(column)) {
            (BufferId::Text(to), _) => match code::position(column) {
                Some(at) => Convert::Code {
                    to,
                    form: code::TABLE[at].1,
                    at,
                    guard,
                },
                None => Convert::Text { to, guard },
            },
            (BufferId::Float(to), _) => Convert::Degrees {
                to,
                max: if column == Column::Lat { 90.0 } else { 180.0 },
            },
            (BufferId::Time(to), _) => Convert::Time {
                to,
                format: self.mapping.time_rule(column),
            },
            (BufferId::Boolean(to), _) => Convert::Boolean { to },
            (BufferId::Integer(to), None) => match self.mapping.number_base(column) {
                Some(base) => Convert::Counter { to, base },
                None => Convert::Integer { to },
            },
            (BufferId::Integer(to), Some(AmountUnit::Minor)) => {
                Convert::Amount { to, currency: None }
            }
            (BufferId::Integer(to), Some(AmountUnit::Major)) => Convert::Amount {
                to,
                currency: self.layout.text(Column::Currency),
            },
        };
        let fill = Fill {
            column: ColumnRef::Canonical(column),
            required: self.is_required(kind, column),
            on_invalid: self.on_invalid(kind, column),
            convert,
            origin: origin.clone(),
        };
        check_constant(&fill).map_err(|problem| DecodeError::BadConstant {
            column: column.name().to_owned(),
            problem,
        })?;
        Ok(fill)
    }

    /// Refuses that a column which names the record, or which it needs, be null where it cannot be read.
    pub(super) fn check_invalid(&self) -> Result<(), DecodeError> {
        let mut null = self.invalid.null();
        let is_vital = |column: &Column| {
            let mut kinds = RecordKind::ALL.into_iter();
            kinds.any(|kind| self.carries(kind, *column) && self.is_vital(kind, *column))
        };
        null.find(is_vital).map_or(Ok(()), |column| {
            Err(DecodeError::NotMappable {
                column: column.name().to_owned(),
                problem: "is one that records need: without it they are refused; take it out of \
                          [decode.invalid]",
            })
        })
    }

    /// What a value of `column` costs that cannot be read. A label is refused, since it can be sent again
    /// when it is mended, and no payment waits for it.
    fn on_invalid(&self, kind: RecordKind, column: Column) -> OnInvalid {
        if self.is_vital(kind, column) {
            return OnInvalid::Refuse;
        }
        match kind {
            RecordKind::Label => self.invalid.named(column).unwrap_or(OnInvalid::Refuse),
            _ => self.invalid.of(column),
        }
    }

    /// Whether a record of `kind` names itself by `column`, or cannot be understood without it.
    fn is_vital(&self, kind: RecordKind, column: Column) -> bool {
        let is_name = matches!(
            column,
            Column::EventId | Column::EventTime | Column::IngestTime
        ) || self.is_of_key(column)
            || self.mapping.derived.contains(&column);
        let is_major =
            |entry: &Entry| self.mapping.amount_unit(entry.column) == Some(AmountUnit::Major);
        let is_unit = column == Column::Currency && self.layout.columns.iter().any(is_major);
        is_name || is_unit || self.is_required(kind, column)
    }

    fn is_of_key(&self, column: Column) -> bool {
        let mut keys = self.wanted.keys.iter();
        keys.any(|key| key.columns().contains(&column))
    }

    /// A label may name its transaction in two ways; that is decided when its row is whole. So it is where
    /// there are several keys, of which a record needs one.
    fn is_required(&self, kind: RecordKind, column: Column) -> bool {
        match column {
            _ if kind == RecordKind::Label => false,
            Column::EventId | Column::EventTime => true,
            Column::AmountMinor | Column::Currency => {
                let is_read = self.wanted.projection.index_of(column).is_some();
                let is_read = is_read && !self.wanted.optional.contains(&column);
                is_read || self.mapping.is_mapped(column)
            }
            _ => self.wanted.keys.len() == 1 && self.is_of_key(column),
        }
    }

    /// Buffers that the event id of a record of `kind` is joined from. What the kind does not carry
    /// is left out; but a label must come to the same id as its transaction, or has none.
    fn derived(&self, kind: RecordKind) -> Vec<BufferId> {
        let carried_by = |column: &Column, kind| self.carries(kind, *column);
        let parts = self.mapping.derived.iter();
        let is_other_id = kind == RecordKind::Label
            && parts.clone().any(|column| {
                carried_by(column, RecordKind::Transaction) && !carried_by(column, kind)
            });
        if is_other_id {
            return Vec::new();
        }
        parts
            .filter(|column| carried_by(column, kind))
            .filter_map(|column| self.layout.id(*column))
            .collect()
    }
}

/// Whether a card number in clear might be put in `column` by mistake, where a token or a part of it belongs.
fn is_of_card(column: Column) -> bool {
    matches!(
        column,
        Column::CardToken | Column::Par | Column::Bin | Column::Last4 | Column::Psn
    )
}

/// How the `at`-th column of the site's own is filled, in records of whatever kind.
fn own_fill(
    (column, entry): (&OwnColumn, &OwnEntry),
    at: u16,
    guard: Guard,
    on_invalid: OnInvalid,
) -> Fill {
    let convert = match entry.id {
        BufferId::Text(to) => Convert::Text { to, guard },
        BufferId::Integer(to) => Convert::Integer { to },
        BufferId::Float(to) => Convert::Float { to },
        BufferId::Boolean(to) => Convert::Boolean { to },
        BufferId::Time(to) => Convert::Time {
            to,
            format: column.format.clone(),
        },
    };
    Fill {
        column: ColumnRef::Own(at),
        required: false,
        on_invalid,
        convert,
        origin: entry.origin.clone(),
    }
}
