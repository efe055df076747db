//! One transaction, as numbers, and its JSON.

use tillwatch_records::Column;

use crate::card::Card;
use crate::json::Object;
use crate::settings::FieldSet;
use crate::terminal::Terminal;

/// What a chip adds to a transaction (DE55).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emv {
    pub atc: u16,
    pub unpredictable_number: u32,
    pub cryptogram_hash: u64,
    pub tvr: &'static [u8; 10],
    pub amount_minor: u32,
}

/// Everything a record says that is not fixed by its terminal.
#[derive(Debug, Clone, Copy)]
pub struct Transaction {
    pub mti: &'static [u8; 4],
    pub stan: u32,
    pub sequence: u32,
    pub time_ms: i64,
    pub card: Card,
    pub processing_code: &'static [u8; 6],
    pub amount_minor: u32,
    pub entry_mode: &'static [u8; 2],
    pub response_code: &'static [u8; 2],
    pub emv: Option<Emv>,
    pub serial: u32,
    pub version: &'static [u8; 5],
    pub lat_e4: i32,
    pub lon_e4: i32,
}

/// Message types.
pub mod mti {
    pub const REQUEST: &[u8; 4] = b"0100";
    pub const FINANCIAL: &[u8; 4] = b"0200";
    pub const ADVICE: &[u8; 4] = b"0220";
    pub const REVERSAL: &[u8; 4] = b"0400";
}

/// Entry modes, the first two digits of DE22.
pub mod entry {
    pub const UNKNOWN: &[u8; 2] = b"00";
    pub const KEYED: &[u8; 2] = b"01";
    pub const CHIP: &[u8; 2] = b"05";
    pub const CONTACTLESS: &[u8; 2] = b"07";
    pub const FALLBACK_KEYED: &[u8; 2] = b"79";
    pub const FALLBACK_STRIPE: &[u8; 2] = b"80";
    pub const STRIPE: &[u8; 2] = b"90";
}

/// Processing codes, DE3.
pub mod processing {
    pub const PURCHASE: &[u8; 6] = b"000000";
    pub const CASH: &[u8; 6] = b"010000";
    pub const REFUND: &[u8; 6] = b"200000";
}

/// Number of the event in six bytes, 12 hexadecimal digits.
pub fn event_id(number: u64) -> [u8; EVENT_ID_BYTES] {
    let mut text = [0; EVENT_ID_BYTES];
    crate::json::hex(number, &mut text);
    text
}

/// Bytes of the key of a record.
pub const KEY_BYTES: usize = 24;

/// Bytes of an event id.
pub const EVENT_ID_BYTES: usize = 12;

/// The Kafka key of a terminal, which is also its entity key: acquirer, merchant and terminal id
/// joined by `/`.
pub fn key_of(terminal: &Terminal, index: u32) -> [u8; KEY_BYTES] {
    let mut key = *b"000000/M0000000/T0000000";
    crate::json::digits(terminal.acquirer(), &mut key[..6]);
    crate::json::digits(terminal.merchant, &mut key[8..15]);
    crate::json::digits(index, &mut key[17..]);
    key
}

/// A card token as text. Its first letter keeps a token of decimal digits alone from looking like a
/// PAN, which a decoder refuses.
fn token_text(token: u64) -> [u8; 17] {
    let mut text = [b't'; 17];
    crate::json::hex(token, &mut text[1..]);
    text
}

impl Transaction {
    /// Appends the record to `out`; `key` as `key_of` made it.
    pub fn write(
        &self,
        fields: FieldSet,
        terminal: &Terminal,
        key: &[u8; KEY_BYTES],
        event_id: &[u8; EVENT_ID_BYTES],
        out: &mut Vec<u8>,
    ) {
        use Column as C;
        let mut json = Object::begin(out);
        json.text(C::EventId, event_id);
        json.text(C::Mti, self.mti);
        json.unsigned(C::Stan, self.stan.into());
        json.unsigned(C::EventTime, self.time_ms.max(0).unsigned_abs());
        json.text(C::AcquirerId, &key[..6]);
        json.text(C::MerchantId, &key[7..15]);
        json.text(C::TerminalId, &key[16..]);
        json.text(C::Mcc, terminal.category().mcc);
        json.text(C::CardToken, &token_text(self.card.token));
        json.digits::<6>(C::Bin, self.card.bin);
        json.text(C::ProcessingCode, self.processing_code);
        json.unsigned(C::AmountMinor, self.amount_minor.into());
        json.text(C::Currency, terminal.region().currency);
        json.text(C::EntryMode, self.entry_mode);
        json.text(C::ResponseCode, self.response_code);
        if let Some(emv) = &self.emv {
            json.unsigned(C::Atc, emv.atc.into());
            json.hex::<8>(C::UnpredictableNumber, emv.unpredictable_number.into());
            json.hex::<16>(C::CryptogramHash, emv.cryptogram_hash);
        }
        json.hex::<8>(C::HardwareSerial, self.serial.into());
        json.degrees(C::Lat, self.lat_e4);
        json.degrees(C::Lon, self.lon_e4);
        if fields == FieldSet::Full {
            self.write_further(terminal, &mut json);
        }
        json.end();
    }

    fn write_further(&self, terminal: &Terminal, json: &mut Object<'_>) {
        use Column as C;
        // DE37 by custom: last digit of the year, day, hour, then the STAN. Day and hour of the epoch
        // do for a simulated one.
        let hours = self.time_ms.max(0).unsigned_abs() / 3_600_000;
        json.digits::<12>(C::Rrn, hours % 1_000_000 * 1_000_000 + u64::from(self.stan));
        if let Some(emv) = &self.emv {
            json.text(C::Tvr, emv.tvr);
            json.unsigned(C::EmvAmountMinor, emv.amount_minor.into());
        }
        json.unsigned(C::TransactionSequence, self.sequence.into());
        // Key set id and device id, then the 21-bit counter.
        let device = u64::from(self.serial) << 21 | u64::from(self.sequence & 0x1f_ffff);
        json.hex_long::<20>(C::Ksn, 0xffff_9876 << 16 | device >> 48, device);
        json.text(C::AppVersion, self.version);
        json.text(C::AcquirerCountry, terminal.region().country.as_bytes());
    }
}

/// Appends a terminal event of type `event_type` to `out`.
pub fn write_terminal_event(
    terminal: &Terminal,
    key: &[u8; KEY_BYTES],
    event_id: &[u8; EVENT_ID_BYTES],
    event_type: &[u8],
    now_ms: i64,
    elapsed_ms: i64,
    out: &mut Vec<u8>,
) {
    use Column as C;
    let mut json = Object::begin(out);
    json.text(C::EventId, event_id);
    json.unsigned(C::EventTime, now_ms.max(0).unsigned_abs());
    json.text(C::AcquirerId, &key[..6]);
    json.text(C::MerchantId, &key[7..15]);
    json.text(C::TerminalId, &key[16..]);
    json.hex::<8>(C::HardwareSerial, terminal.serial.into());
    let version = Terminal::version(terminal.serial, elapsed_ms);
    json.text(C::AppVersion, version);
    json.degrees(C::Lat, terminal.lat_e4);
    json.degrees(C::Lon, terminal.lon_e4);
    json.text(C::EventType, event_type);
    json.end();
}
