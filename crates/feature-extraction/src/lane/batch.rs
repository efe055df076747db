//! A batch on its way through a lane, and what is known of its records before they are folded.

use arrow::array::{Array, AsArray, Int64Array, StringArray};
use arrow::datatypes::Int64Type;
use tillwatch_records::{Column, EventBatch, Flags, RecordKind};

use crate::identity::{Content, IdHasher};
use crate::inputs::Inputs;
use crate::state::KeyIndex;

/// A batch on its way through the lane.
pub(super) struct Batch<'a> {
    pub(super) events: &'a EventBatch,
    pub(super) keys: &'a StringArray,
    pub(super) said: Said<'a>,
    pub(super) inputs: &'a Inputs<'a>,
    /// Marks of a lane before, one for each scored record; none where there is none.
    pub(super) before: &'a [Flags],
}

impl Batch<'_> {
    /// The marks that say that what a lane before has made of a record may not be whole, where it is
    /// the scored record of this number.
    #[inline]
    pub(super) fn doubt(&self, is_scored: bool, number: usize) -> Flags {
        let marks = self.before.get(number).filter(|_| is_scored);
        let doubts = Flags::WARMING | Flags::STATE_EVICTED;
        marks.map_or(Flags::empty(), |marks| *marks & doubts)
    }
}

/// The columns by which a record is known again. One that is not there is null in every record.
pub(super) struct Said<'a> {
    event_ids: Option<&'a StringArray>,
    amounts: Option<&'a Int64Array>,
    currencies: Option<&'a StringArray>,
    cards: Option<&'a StringArray>,
    message_types: Option<&'a StringArray>,
    event_types: Option<&'a StringArray>,
    label_kinds: Option<&'a StringArray>,
}

/// What is known of the records of a chunk before they are folded.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) key_hashes: Vec<u64>,
    /// Hash of what the key knows a record by; 0 where there is no id.
    pub(super) ids: Vec<u64>,
    /// Hash of what each says.
    pub(super) contents: Vec<u32>,
    pub(super) indexes: Vec<Option<KeyIndex>>,
    pub(super) deltas: Vec<u32>,
    /// Rows of the output that have no key.
    pub(super) unkeyed: Vec<usize>,
}

#[inline]
pub(super) fn key_of<'a>(batch: &Batch<'a>, row: usize) -> &'a [u8] {
    if batch.keys.is_null(row) {
        return b"";
    }
    batch.keys.value(row).as_bytes()
}

impl Chunk {
    /// Bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        let hashes = self.key_hashes.capacity() + self.ids.capacity();
        let halves = self.contents.capacity() + self.deltas.capacity();
        size_of::<u64>() * hashes
            + size_of::<u32>() * halves
            + size_of::<Option<KeyIndex>>() * self.indexes.capacity()
            + size_of::<usize>() * self.unkeyed.capacity()
    }

    /// Hashes the id of every one of `rows` and what it says.
    pub(super) fn hash_ids(
        &mut self,
        batch: &Batch<'_>,
        rows: std::ops::Range<usize>,
        hasher: &IdHasher,
    ) {
        let (said, kinds) = (&batch.said, &batch.events.kinds);
        self.ids.clear();
        let ids = rows.clone().map(|row| said.id(kinds[row], row, hasher));
        self.ids.extend(ids);
        self.contents.clear();
        let contents = rows.zip(&self.ids).map(|(row, id)| match id {
            0 => 0,
            _ => hasher.content(&said.content(kinds[row], row)),
        });
        self.contents.extend(contents);
    }
}

impl<'a> Said<'a> {
    pub(super) fn new(events: &'a EventBatch) -> Self {
        let amounts = events.column(Column::AmountMinor);
        Self {
            event_ids: events.text(Column::EventId),
            amounts: amounts.and_then(|array| array.as_primitive_opt::<Int64Type>()),
            currencies: events.text(Column::Currency),
            cards: events.text(Column::CardToken),
            message_types: events.text(Column::Mti),
            event_types: events.text(Column::EventType),
            label_kinds: events.text(Column::LabelKind),
        }
    }

    /// Whether a message says that it is sent again: the last digit of its type (ISO 8583) is that of a
    /// repeat.
    #[inline]
    pub(super) fn is_repeat(&self, row: usize) -> bool {
        let message_type = text(self.message_types, row);
        message_type.is_some_and(|text| matches!(text.as_bytes(), [_, _, _, b'1' | b'3' | b'5']))
    }

    /// What the key knows a record by: the hash of its event id, 0 where it has none. A label carries the id
    /// of the transaction that it speaks of, so the ids of labels are others than those of other records.
    #[inline]
    fn id(&self, kind: RecordKind, row: usize, hasher: &IdHasher) -> u64 {
        let Some(id) = text(self.event_ids, row) else {
            return 0;
        };
        let hash = hasher.id(id.as_bytes());
        match kind {
            RecordKind::Label => (!hash).max(1),
            RecordKind::Transaction | RecordKind::TerminalEvent => hash,
        }
    }

    /// What a record says besides its id and its time.
    #[inline]
    fn content(&self, kind: RecordKind, row: usize) -> Content<'a> {
        let mut amount = None;
        let texts = match kind {
            RecordKind::Transaction => {
                let amounts = self.amounts.filter(|amounts| amounts.is_valid(row));
                amount = amounts.map(|amounts| amounts.value(row));
                [text(self.currencies, row), text(self.cards, row)]
            }
            RecordKind::TerminalEvent => [text(self.event_types, row), None],
            RecordKind::Label => [text(self.label_kinds, row), None],
        };
        Content {
            kind,
            amount,
            texts,
        }
    }
}

#[inline]
fn text(column: Option<&StringArray>, row: usize) -> Option<&str> {
    let column = column.filter(|column| column.is_valid(row))?;
    Some(column.value(row))
}
