//! The `[decode]` table as it is written.

mod time;
mod tokenise;

use std::collections::BTreeMap;

use serde::Deserialize;
use tillwatch_records::RecordKind;

pub use self::tokenise::{PreviousKeySettings, TokeniseSettings};
pub use time::{TimeFormat, TimeSettings, TimeTable, TimeUnit};

/// How a site's records become columns. An empty table reads JSON that uses the canonical names, amounts
/// in minor units and times in milliseconds.
///
/// ```toml
/// [decode]
/// format = "json"
///
/// [decode.fields]
/// terminal_id = "tid"                       # another name
/// card_token = "card.token"                 # a path into nested objects; write a literal dot as \.
/// currency = { constant = "EUR" }           # the same in every record
/// event_id = { from = ["terminal_id", "stan", "event_time"] }   # values joined by `/`
/// mcc = "merchant.codes[0]"                 # the first element of an array; write a literal [ as \[
/// acquirer_id = { header = "acquirer" }     # a Kafka header
/// rrn = { kafka = "key" }                   # the Kafka key; "timestamp" for times
///
/// [decode.columns]                          # columns of the site's own
/// store_tier = { type = "text", field = "store.tier" }
/// received = { type = "timestamp", format = "rfc3339", header = "received-at" }
///
/// [decode.units]
/// amount = "major"                          # 57.16 EUR is 5716 minor units
/// event_time = "rfc3339"
///
/// [decode.record_type]
/// field = "type"
/// values = { AUTH = "transaction", STATUS = "terminal_event" }
///
/// [decode.invalid]
/// lat = "refuse"                            # no row of a record whose latitude cannot be read
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecodeSettings {
    /// Encoding of the payloads. Default: `"json"`.
    pub format: String,
    /// Canonical column name → where its value is. A column that is not named here is read from a
    /// field of its canonical name. Default: empty.
    pub fields: BTreeMap<String, FieldOrigin>,
    /// What becomes of `NaN`, `Infinity` and `-Infinity` in JSON, which Python writes and JSON does not have:
    /// they are null, or refuse their record. Default: `"refuse"`.
    pub nan: OnInvalid,
    /// Name of a column of the site's own → its type and where its value is. Default: empty.
    pub columns: BTreeMap<String, OwnColumnSettings>,
    /// Units of amounts and times.
    pub units: UnitSettings,
    /// How the type of a record is told.
    pub record_type: RecordTypeSettings,
    /// Column, or `default` for all others → what a value costs that cannot be read. Default:
    /// `default = "null"`.
    pub invalid: BTreeMap<String, OnInvalid>,
    /// Where card numbers in clear are that become tokens. Default: nowhere.
    pub tokenise: Option<TokeniseSettings>,
    /// Text columns whose long numbers are no card numbers, so that nobody looks for any there. Default:
    /// empty.
    pub no_card_numbers_in: Vec<String>,
}

/// Where the value of a column is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "a field's name or path, { constant = … }, { header = … }, { kafka = \"key\" }, \
                 { kafka = \"timestamp\" } or { fields = [paths…] } for a time, or \
                 { from = [columns…] } for the event id"
)]
pub enum FieldOrigin {
    /// A field, by name or by a path of names separated by dots; `[0]` behind a name is the first element of
    /// an array. A dot, an opening bracket or a backslash in a name is written with a backslash before it.
    Path(String),
    /// No field: every record has this value.
    Constant(ConstantOrigin),
    /// No field: the values of other columns, joined. Only for `event_id`.
    Derived(DerivedOrigin),
    /// Several fields, joined. Only for times.
    Joined(JoinedOrigin),
    /// No field: a Kafka header.
    Header(HeaderOrigin),
    /// No field: another part of the Kafka record.
    Kafka(KafkaOrigin),
}

/// `{ constant = … }`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstantOrigin {
    /// The value, written as a record would hold it.
    pub constant: Constant,
}

/// `{ fields = […] }`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinedOrigin {
    /// Names or paths as of a single field, at least two. Their values are joined by a blank, and the
    /// column's format reads that; a record that lacks any of them has no value.
    pub fields: Vec<String>,
}

/// `{ from = […] }`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedOrigin {
    /// Canonical column names, at least one; a record that lacks any of them has no event id.
    pub from: Vec<String>,
}

/// `{ header = … }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderOrigin {
    /// Name of the header, whose value is UTF-8. Where a record has several of one name, the last counts.
    pub header: String,
}

/// `{ kafka = … }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaOrigin {
    /// Which part.
    pub kafka: KafkaPart,
}

/// A part of a Kafka record beside its payload and headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaPart {
    /// The key, as text: UTF-8.
    Key,
    /// The timestamp, milliseconds since 1970. Only for times. Rows of files have none.
    Timestamp,
}

/// A column of the site's own, `{ type = …, field = … }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnColumnSettings {
    /// Type of its values.
    #[serde(rename = "type")]
    pub kind: OwnColumnType,
    /// The field that holds it, by name or path as under `fields`. Default: the one called as the column.
    pub field: Option<String>,
    /// The Kafka header that holds it, in place of a field. Default: none.
    pub header: Option<String>,
    /// The part of the Kafka record that holds it, in place of a field. Default: none.
    pub kafka: Option<KafkaPart>,
    /// Format of a timestamp. Default: that of `event_time`.
    pub format: Option<TimeSettings>,
}

/// Type of a column of the site's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnColumnType {
    /// UTF-8 text of at most `limits::TEXT_BYTES_MAX` bytes.
    Text,
    /// Signed 64-bit integer.
    Integer,
    /// IEEE 754 double, finite.
    Float,
    /// True or false; as text `true` and `false`, as a number 1 and 0.
    Boolean,
    /// Time of the years 2000 to 2099.
    Timestamp,
}

/// A value in configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a string or a number")]
pub enum Constant {
    /// Text, or a number or time written as text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with decimals.
    Float(f64),
}

/// Units of amounts and times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnitSettings {
    /// Unit of `amount_minor` and `other_amount_minor`. Default: `"minor"`.
    pub amount: AmountUnit,
    /// Unit of `emv_amount_minor`. Default: `"minor"`, as EMV tag 9F02 is on the card's side.
    pub emv_amount: AmountUnit,
    /// Base of `atc`, which is two bytes on the card (EMV tag 9F36). Default: `"auto"`.
    pub atc: NumberBase,
    /// Base of `transaction_sequence`, whose digits are decimal on the card (EMV tag 9F41). Default:
    /// `"decimal"`.
    pub transaction_sequence: Option<NumberBase>,
    /// Format of `event_time`. Default: `"ms"`.
    pub event_time: TimeSettings,
    /// Format of `maintenance_start`. Default: that of `event_time`.
    pub maintenance_start: Option<TimeSettings>,
    /// Format of `maintenance_end`. Default: that of `event_time`.
    pub maintenance_end: Option<TimeSettings>,
    /// Format of `occurred_time`. Default: that of `event_time`.
    pub occurred_time: Option<TimeSettings>,
    /// Format of `reported_time`. Default: that of `event_time`.
    pub reported_time: Option<TimeSettings>,
}

/// What a value costs that its column cannot hold, such as a number of letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnInvalid {
    /// Itself: the column is null, which is counted, and the score is flagged.
    #[default]
    Null,
    /// The record, which is refused.
    Refuse,
}

/// Unit of an amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountUnit {
    /// The currency's smallest unit: 5716 is 57.16 EUR.
    #[default]
    Minor,
    /// The currency itself: 57.16. Converted by its decimal digits with the ISO 4217 exponent of the
    /// record's currency, never through binary floating point.
    Major,
}

/// Base of a number that a card holds as bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberBase {
    /// Decimal, but for texts that cannot be: with the prefix `0x`, with a digit above nine, or of four
    /// digits of which the first is a zero, as two bytes are written. `"1000"` stays a thousand: where a
    /// site writes hexadecimal numbers, say so.
    #[default]
    Auto,
    /// Decimal, with zeros in front or without.
    Decimal,
    /// Texts are hexadecimal, with the prefix `0x` or without; what is typed as a number is that number.
    Hexadecimal,
}

/// How the type of a record is told: by a field or a header, else by the topic, else the default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordTypeSettings {
    /// Name or path of the field that holds it, as under `fields`. Default: none.
    pub field: Option<String>,
    /// Name of the Kafka header that holds it. Default: none.
    pub header: Option<String>,
    /// Topic → type of its records. Default: empty.
    pub topics: BTreeMap<String, RecordType>,
    /// The site's word for a type → the type. `transaction`, `terminal_event` and `label` are always
    /// understood. Default: empty.
    pub values: BTreeMap<String, RecordType>,
    /// The type of a record that nothing else tells. Default: `"transaction"`.
    pub default: RecordType,
    /// What becomes of records without a payload. Default: `"refused"`.
    pub tombstones: Tombstones,
}

/// What records of a type are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordType {
    /// Transactions.
    Transaction,
    /// Events of the terminal itself.
    TerminalEvent,
    /// What became known of a transaction later.
    Label,
    /// None of ours: they are passed over and counted.
    Ignored,
}

/// What becomes of records without a payload, by which Kafka deletes a key in a compacted topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tombstones {
    /// They are dead letters.
    #[default]
    Refused,
    /// They are passed over and counted.
    Ignored,
}

impl Default for DecodeSettings {
    fn default() -> Self {
        Self {
            format: "json".to_owned(),
            nan: OnInvalid::Refuse,
            fields: BTreeMap::new(),
            columns: BTreeMap::new(),
            units: UnitSettings::default(),
            record_type: RecordTypeSettings::default(),
            invalid: BTreeMap::from([("default".to_owned(), OnInvalid::Null)]),
            tokenise: None,
            no_card_numbers_in: Vec::new(),
        }
    }
}

impl Default for RecordTypeSettings {
    fn default() -> Self {
        Self {
            field: None,
            header: None,
            topics: BTreeMap::new(),
            values: BTreeMap::new(),
            default: RecordType::Transaction,
            tombstones: Tombstones::default(),
        }
    }
}

impl RecordType {
    /// The kind of the records; `None` where they are ignored.
    pub fn kind(self) -> Option<RecordKind> {
        match self {
            Self::Transaction => Some(RecordKind::Transaction),
            Self::TerminalEvent => Some(RecordKind::TerminalEvent),
            Self::Label => Some(RecordKind::Label),
            Self::Ignored => None,
        }
    }
}
