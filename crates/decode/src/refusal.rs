//! Why a record is refused.

use std::fmt;

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

macro_rules! reasons {
    ($($variant:ident $code:literal $doc:literal;)*) => {
        /// Cause of a refusal. Codes are append-only: a published code never changes meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum RefusalReason {
            $(#[doc = $doc] $variant,)*
        }

        impl RefusalReason {
            /// Every cause, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on dead letters and metrics.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }
        }
    };
}

reasons! {
    EmptyPayload "empty_payload"
        "No payload (a tombstone) or one of no bytes.";
    PayloadTooLarge "payload_too_large"
        "Longer than `limits::PAYLOAD_BYTES_MAX`.";
    ByteOrderMark "byte_order_mark"
        "Starts with a byte order mark, which JSON does not allow.";
    InvalidUtf8 "invalid_utf8"
        "Not UTF-8 throughout.";
    NotAnObject "not_an_object"
        "Well begun JSON, but not an object.";
    BadJson "bad_json"
        "Not JSON, cut short, or with something after its end.";
    TooDeep "too_deep"
        "Nested deeper than `limits::JSON_DEPTH_MAX`.";
    DuplicateField "duplicate_field"
        "A mapped field given twice: which one other systems took cannot be known.";
    UnknownRecordType "unknown_record_type"
        "The record type field or header holds a word that is not mapped.";
    MissingField "missing_field"
        "A required field is absent, null or empty.";
    WrongType "wrong_type"
        "A value of a type that its column cannot hold.";
    BadNumber "bad_number"
        "Text that should be a number and is none.";
    NumberOutOfRange "number_out_of_range"
        "A number outside what its column can hold or mean.";
    AmountPrecision "amount_precision"
        "An amount with more decimals than its currency has.";
    AmountOutOfRange "amount_out_of_range"
        "A negative amount, or one of `limits::AMOUNT_MINOR_MAX` or more.";
    BadTime "bad_time"
        "Not a time in the configured format.";
    TimeOutOfRange "time_out_of_range"
        "A time outside 2000 to 2099: most likely a unit error.";
    TextTooLong "text_too_long"
        "A text longer than `limits::TEXT_BYTES_MAX`.";
    KeyTooLong "key_too_long"
        "An entity key longer than `limits::KEY_BYTES_MAX`.";
    PanInClear "pan_in_clear"
        "A card column that holds what looks like a card number in clear.";
}

impl fmt::Display for RefusalReason {
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
    /// A column, by its canonical name.
    Column(&'static str),
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

    pub(crate) fn in_column(self, column: &'static str) -> Self {
        Self {
            place: Place::Column(column),
            ..self
        }
    }

    pub(crate) fn into_refusal(self, index: usize) -> Refusal {
        let detail = match self.place {
            Place::Record => self.what.to_owned(),
            Place::Byte(at) => format!("byte {at}: {}", self.what),
            Place::Column(column) => format!("`{column}`: {}", self.what),
        };
        Refusal {
            index,
            reason: self.reason,
            detail,
        }
    }
}
