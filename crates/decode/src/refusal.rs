//! Why a record is refused.

use std::fmt;

use arrow::datatypes::Schema;
use tillwatch_records::Column;

/// A record that has no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Index of the record in its raw batch, from 0.
    pub index: usize,
    /// The cause, for counting and routing.
    pub reason: RefusalReason,
    /// What and where, in words for the dead letter. Holds names from the configuration and byte
    /// positions, never anything that the record contains.
    pub detail: String,
}

/// Cause of a refusal: one of those below, which records of any format may have, or one of a format's
/// own. Codes are append-only: a published code never changes meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefusalReason(&'static Cause);

/// What is published of a cause.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Cause {
    /// Unique among all formats.
    pub(crate) code: &'static str,
    pub(crate) meaning: &'static str,
}

macro_rules! reasons {
    ($($name:ident $code:literal $meaning:literal;)*) => {
        impl RefusalReason {
            $(#[doc = $meaning] pub const $name: Self = Self(&Cause { code: $code, meaning: $meaning });)*

            /// The causes that records of any format may have, in the order of the documentation.
            pub const SHARED: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

reasons! {
    EMPTY_PAYLOAD "empty_payload"
        "No payload (a tombstone) or one of no bytes.";
    PAYLOAD_TOO_LARGE "payload_too_large"
        "Longer than `limits::PAYLOAD_BYTES_MAX`.";
    INVALID_UTF8 "invalid_utf8"
        "Text that is not UTF-8 throughout.";
    DUPLICATE_FIELD "duplicate_field"
        "A mapped field given twice: which one other systems took cannot be known.";
    UNKNOWN_RECORD_TYPE "unknown_record_type"
        "The record type field or header holds a word that is not mapped.";
    MISSING_FIELD "missing_field"
        "A required field is absent, null or empty.";
    WRONG_TYPE "wrong_type"
        "A value of a type that its column cannot hold.";
    BAD_NUMBER "bad_number"
        "Text that should be a number and is none.";
    NUMBER_OUT_OF_RANGE "number_out_of_range"
        "A number outside what its column can hold or mean.";
    AMOUNT_PRECISION "amount_precision"
        "An amount with more decimals than its currency has.";
    AMOUNT_OUT_OF_RANGE "amount_out_of_range"
        "A negative amount, or one of `limits::AMOUNT_MINOR_MAX` or more.";
    UNKNOWN_CURRENCY "unknown_currency"
        "An amount in major units in a currency that ISO 4217 does not have: its decimals are not known.";
    BAD_TIME "bad_time"
        "Not a time in the configured format.";
    TIME_OUT_OF_RANGE "time_out_of_range"
        "A time outside 2000 to 2099: most likely a unit error.";
    TEXT_TOO_LONG "text_too_long"
        "A text longer than `limits::TEXT_BYTES_MAX`.";
    KEY_TOO_LONG "key_too_long"
        "An entity key longer than `limits::KEY_BYTES_MAX`.";
    PAN_IN_CLEAR "pan_in_clear"
        "A text column that holds what looks like a card number in clear.";
    BAD_CARD_NUMBER "bad_card_number"
        "A card number to be made a token that is none, or of which digits are hidden.";
    DECODER_DEFECT "decoder_defect"
        "The decoder could not make columns of the batch. The record may be sound: report it, and \
         send it again after an update.";
}

impl RefusalReason {
    /// A cause that only records of one format have.
    pub(crate) const fn new(cause: &'static Cause) -> Self {
        Self(cause)
    }

    /// The name on dead letters and metrics.
    pub fn code(self) -> &'static str {
        self.0.code
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        self.0.meaning
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A cause before it is put into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: RefusalReason,
    /// What is wrong; never anything from a record.
    pub(crate) what: &'static str,
    pub(crate) place: Place,
}

/// Where a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The record as a whole.
    Record,
    /// A byte of the payload, from 0.
    Byte(usize),
    /// A column.
    Column(ColumnRef),
}

/// A column that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ColumnRef {
    Canonical(Column),
    /// One of the site's own, by its position among those that are read.
    Own(u16),
}

impl ColumnRef {
    /// What it is called; `own` has the site's columns that are read.
    pub(crate) fn name(self, own: &Schema) -> &str {
        match self {
            Self::Canonical(column) => column.name(),
            Self::Own(at) => {
                let field = own.fields().get(usize::from(at));
                field.map_or("", |field| field.name())
            }
        }
    }
}

impl Fault {
    pub(crate) fn new(reason: RefusalReason, what: &'static str) -> Self {
        Self {
            reason,
            what,
            place: Place::Record,
        }
    }

    pub(crate) fn at_byte(reason: RefusalReason, what: &'static str, at: usize) -> Self {
        Self {
            reason,
            what,
            place: Place::Byte(at),
        }
    }

    pub(crate) fn in_column(self, column: ColumnRef) -> Self {
        Self {
            place: Place::Column(column),
            ..self
        }
    }

    /// The refusal of the record at `index`; `own` has the site's columns that are read.
    pub(crate) fn into_refusal(self, index: usize, own: &Schema) -> Refusal {
        let detail = match self.place {
            Place::Record => self.what.to_owned(),
            Place::Byte(at) => format!("byte {at}: {}", self.what),
            Place::Column(column) => format!("`{}`: {}", column.name(own), self.what),
        };
        Refusal {
            index,
            reason: self.reason,
            detail,
        }
    }
}
