//! The canonical columns: one place that names every field the product knows, with its type, the
//! record types that carry it and its origin.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::kind::RecordKind;

/// What the name of every column of reference data starts with, and that of no other column.
pub const REFERENCE_PREFIX: &str = "registry_";

/// Type of a column. Few on purpose: every step of the flow handles all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text; codes are text, so that leading zeros and unknown codes survive.
    Text,
    /// Signed 64-bit integer.
    Int64,
    /// IEEE 754 double.
    Float64,
    /// Milliseconds since 1970, UTC.
    TimestampMs,
    /// True or false. Columns of a site's own alone: no canonical column has it.
    Boolean,
}

impl ColumnType {
    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::TimestampMs => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::Boolean => DataType::Boolean,
        }
    }
}

/// What is fixed about a column.
#[derive(Debug)]
pub struct ColumnSpec {
    /// Canonical name.
    pub name: &'static str,
    /// Type.
    pub kind: ColumnType,
    /// Record types that carry it.
    pub carried_by: &'static [RecordKind],
    /// Meaning, unit and origin.
    pub doc: &'static str,
}

const T: RecordKind = RecordKind::Transaction;
const E: RecordKind = RecordKind::TerminalEvent;
const L: RecordKind = RecordKind::Label;

macro_rules! columns {
    ($($variant:ident $name:literal $kind:ident [$($carrier:ident)*] $doc:literal;)*) => {
        /// A canonical column.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Column {
            $(#[doc = $doc] $variant,)*
        }

        const SPECS: &[ColumnSpec] = &[$(ColumnSpec {
            name: $name,
            kind: ColumnType::$kind,
            carried_by: &[$($carrier),*],
            doc: $doc,
        },)*];

        impl Column {
            /// Every column, in canonical order.
            pub const ALL: &'static [Column] = &[$(Column::$variant,)*];
        }
    };
}

columns! {
    EventId "event_id" Text [T E L]
        "Identity of the event, unique within its key for the deduplication horizon; in a label, \
         the transaction it speaks of.";
    SpecVersion "spec_version" Text [T]
        "ISO 8583 edition of the message: 1987, 1993 or 2003; code lists differ between them.";
    Mti "mti" Text [T]
        "Message type indicator: 0100, 0200, 0120/0220 advice, 0400/0420 reversal, 0800 network.";
    Stan "stan" Int64 [T]
        "System trace audit number, DE11, 0 to 999999.";
    Rrn "rrn" Text [T]
        "Retrieval reference number, DE37.";
    AuthCode "auth_code" Text [T]
        "Authorisation identification response, DE38.";
    OriginalData "original_data" Text [T]
        "Original data elements of the message that a reversal or advice refers to, DE90.";
    EventTime "event_time" TimestampMs [T E L]
        "When it happened: milliseconds since 1970, UTC; DE7 with its year inferred. In a label, \
         the time that decides which windows it belongs to.";
    LocalTime "local_time" Text [T]
        "Local date and time at the terminal without a zone, DE12 and DE13.";
    IngestTime "ingest_time" TimestampMs [T E L]
        "Kafka record timestamp, milliseconds since 1970, UTC.";
    AcquirerId "acquirer_id" Text [T E L]
        "Acquiring institution, DE32.";
    MerchantId "merchant_id" Text [T E L]
        "Card acceptor, DE42.";
    TerminalId "terminal_id" Text [T E L]
        "Card acceptor terminal, DE41; unique only together with acquirer and merchant.";
    Mcc "mcc" Text [T]
        "Merchant category code, DE18 (DE26 in later editions), ISO 18245.";
    AcquirerCountry "acquirer_country" Text [T]
        "Acquirer's country, DE19, ISO 3166.";
    NameLocation "name_location" Text [T]
        "Card acceptor name and location, DE43.";
    CardToken "card_token" Text [T]
        "Keyed HMAC of the whole PAN; never the PAN.";
    Par "par" Text [T]
        "Payment account reference, EMV tag 9F24.";
    Bin "bin" Text [T]
        "Issuer identification, the first 6 or 8 digits of the PAN.";
    Psn "psn" Text [T]
        "PAN sequence number, DE23, EMV tag 5F34.";
    IssuerCountry "issuer_country" Text [T]
        "Issuer's country, ISO 3166.";
    Last4 "last4" Text [T]
        "Last four digits of the PAN, where the site may keep them.";
    ProcessingCode "processing_code" Text [T]
        "DE3; its first two digits are the kind of transaction (00 purchase, 01 cash, 20 refund).";
    AmountMinor "amount_minor" Int64 [T]
        "Transaction amount in minor units of its currency, DE4.";
    Currency "currency" Text [T]
        "ISO 4217 code of the amount, DE49, alphabetic or numeric as the site sends it.";
    OtherAmountMinor "other_amount_minor" Int64 [T]
        "Further amount (cashback) in minor units, DE54.";
    EntryMode "entry_mode" Text [T]
        "How the card was read: the first two digits of DE22 (05 chip, 07 contactless, 80 \
         fallback to stripe).";
    PinCapability "pin_capability" Text [T]
        "PIN entry capability: the third digit of DE22.";
    PosCondition "pos_condition" Text [T]
        "Point-of-service condition code, DE25.";
    ResponseCode "response_code" Text [T]
        "Response code, DE39; 00 approved.";
    Arc "arc" Text [T]
        "Authorisation response code of the card dialogue, EMV tag 8A (Y1, Y3, Z1, Z3 offline).";
    LatencyMs "latency_ms" Int64 [T]
        "Time from request to response, milliseconds.";
    Aid "aid" Text [T]
        "Application identifier, EMV tag 84, hexadecimal.";
    Aip "aip" Text [T]
        "Application interchange profile, EMV tag 82, hexadecimal.";
    Tvr "tvr" Text [T]
        "Terminal verification results, EMV tag 95, five bytes in hexadecimal.";
    CvmResults "cvm_results" Text [T]
        "Cardholder verification results, EMV tag 9F34, hexadecimal.";
    Atc "atc" Int64 [T]
        "Application transaction counter of the card, EMV tag 9F36.";
    Cid "cid" Text [T]
        "Cryptogram information data, EMV tag 9F27, hexadecimal.";
    UnpredictableNumber "unpredictable_number" Text [T]
        "Unpredictable number of the terminal, EMV tag 9F37, hexadecimal.";
    TerminalCapabilities "terminal_capabilities" Text [T]
        "Terminal capabilities, EMV tag 9F33, hexadecimal.";
    TerminalType "terminal_type" Text [T]
        "Terminal type, EMV tag 9F35.";
    IfdSerial "ifd_serial" Text [T]
        "Interface device serial number, EMV tag 9F1E.";
    TransactionSequence "transaction_sequence" Int64 [T]
        "Transaction sequence counter of the terminal, EMV tag 9F41.";
    CryptogramHash "cryptogram_hash" Text [T]
        "Hash of the application cryptogram, EMV tag 9F26.";
    EmvAmountMinor "emv_amount_minor" Int64 [T]
        "Amount authorised as the card signed it, in minor units, EMV tag 9F02; differs from DE4 \
         only where something was changed.";
    HardwareSerial "hardware_serial" Text [T E]
        "Serial number of the device.";
    Model "model" Text [T E]
        "Device model.";
    FirmwareVersion "firmware_version" Text [T E]
        "Firmware version of the device.";
    AppVersion "app_version" Text [T E]
        "Version of the payment application.";
    Ksn "ksn" Text [T E]
        "DUKPT key serial number, hexadecimal; its last 21 bits count transactions.";
    ConnectionType "connection_type" Text [T E]
        "How the device is connected: ethernet, wifi, cellular.";
    IpHash "ip_hash" Text [T E]
        "Keyed hash of the device's network address.";
    CellId "cell_id" Text [T E]
        "Mobile cell that served the device.";
    Lat "lat" Float64 [T E]
        "Latitude in degrees, WGS 84.";
    Lon "lon" Float64 [T E]
        "Longitude in degrees, WGS 84.";
    SerialCipher "serial_cipher" Text [T]
        "Serial number enciphered by the device, for comparison with `hardware_serial`.";
    SerialRandom "serial_random" Text [T]
        "Random number that `serial_cipher` was made with.";
    EventType "event_type" Text [E]
        "Kind of terminal event: BOOT, SHUTDOWN, HEARTBEAT, TAMPER, KEY_LOAD, KEY_MISSING, \
         UPDATE_START, UPDATE_END, CONFIG_CHANGE, NET_UP, NET_DOWN, DEVICE_ERROR, \
         CARD_READ_ERROR, LOGON, BATCH_CLOSE.";
    ActionResult "action_result" Text [E]
        "Result of a terminal management action, nexo code.";
    ErrorCode "error_code" Text [E]
        "Device error code, as the vendor numbers it.";
    SignalDbm "signal_dbm" Int64 [E]
        "Received signal strength, dBm.";
    BatteryPercent "battery_percent" Int64 [E]
        "Battery charge, percent.";
    Carrier "carrier" Text [E]
        "Mobile carrier.";
    SafCount "saf_count" Int64 [E]
        "Transactions waiting in store-and-forward.";
    UptimeS "uptime_s" Int64 [E]
        "Time since boot, seconds.";
    MaintenanceStart "maintenance_start" TimestampMs [E]
        "Start of the maintenance window.";
    MaintenanceEnd "maintenance_end" TimestampMs [E]
        "End of the maintenance window.";
    Detail "detail" Text [E]
        "Free text of a terminal event.";
    LabelKind "label_kind" Text [L]
        "Source of a label: TC40, SAFE, CHARGEBACK, CONFIRMED (fraud), CLEARED (no fraud).";
    FraudType "fraud_type" Text [L]
        "Fraud type: 00 lost, 01 stolen, 02 never received, 03 application, 04 counterfeit, 05 \
         account takeover, 06 card-not-present, 51 collusive merchant.";
    OccurredTime "occurred_time" TimestampMs [L]
        "When the labelled transaction happened.";
    ReportedTime "reported_time" TimestampMs [L]
        "When the label was reported.";
}

impl Column {
    /// Number of columns.
    pub const COUNT: usize = SPECS.len();

    /// What is fixed about the column.
    pub fn spec(self) -> &'static ColumnSpec {
        &SPECS[self as usize]
    }

    /// Canonical name.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// Type.
    pub fn kind(self) -> ColumnType {
        self.spec().kind
    }

    /// The column called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|column| column.name() == name)
    }

    /// Names of all columns, in canonical order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SPECS.iter().map(|spec| spec.name)
    }

    /// The Arrow field. Nullable always: what a step of the flow requires it checks by itself.
    pub fn field(self) -> Field {
        Field::new(self.name(), self.kind().data_type(), true)
    }
}

/// The columns that a configuration builds, in canonical order without repetition: only what the
/// plan, the rules or the output read.
#[derive(Debug, Clone)]
pub struct Projection {
    /// Strictly ascending.
    columns: Vec<Column>,
    /// Index into `columns` by column, `ABSENT` when not projected.
    index: [u8; Column::COUNT],
    schema: SchemaRef,
}

const ABSENT: u8 = u8::MAX;

impl Projection {
    /// A projection on `columns`, given in any order.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        let mut columns: Vec<Column> = columns.into_iter().collect();
        columns.sort_unstable();
        columns.dedup();
        let mut index = [ABSENT; Column::COUNT];
        for (position, column) in columns.iter().enumerate() {
            index[*column as usize] = position as u8;
        }
        let schema = Arc::new(Schema::new(
            columns.iter().map(|c| c.field()).collect::<Vec<_>>(),
        ));
        Self {
            columns,
            index,
            schema,
        }
    }

    /// A projection on every column that records of `kind` carry.
    pub fn of_kind(kind: RecordKind) -> Self {
        Self::new(
            Column::ALL
                .iter()
                .copied()
                .filter(|column| column.spec().carried_by.contains(&kind)),
        )
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Position of `column`, if projected.
    pub fn index_of(&self, column: Column) -> Option<usize> {
        let index = self.index[column as usize];
        (index != ABSENT).then_some(index as usize)
    }

    /// The Arrow schema, one field per column.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for column in Column::ALL {
            assert_eq!(Column::from_name(column.name()), Some(*column));
            assert!(!column.spec().carried_by.is_empty());
        }
        const { assert!(Column::COUNT < ABSENT as usize) };
    }

    #[test]
    fn projection_is_sorted_and_indexed() {
        let projection = Projection::new([Column::AmountMinor, Column::EventId, Column::EventId]);
        assert_eq!(
            projection.columns(),
            &[Column::EventId, Column::AmountMinor]
        );
        assert_eq!(projection.index_of(Column::AmountMinor), Some(1));
        assert_eq!(projection.index_of(Column::Mcc), None);
        assert_eq!(projection.schema().field(1).name(), "amount_minor");
    }
}
