//! How a fleet is described.

use serde::{Deserialize, Serialize};
use tillwatch_records::Column;
use tillwatch_records::limits::{EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN};

use crate::error::SimulatorError;

/// Most terminals in a fleet: seven digits name a terminal, and a slot of the schedule has 24 bits
/// that fraudsters share.
pub const TERMINALS_MAX: u32 = 10_000_000;

/// Most cards in a fleet: two bytes each, so 200 MB.
pub const CARDS_MAX: u32 = 100_000_000;

/// Which canonical columns a transaction carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldSet {
    /// What a site sends that is content with little, about 450 bytes a record: enough to see every kind
    /// of fraud, not all of its evidence.
    #[default]
    Default,
    /// Further `rrn`, `tvr`, `emv_amount_minor`, `transaction_sequence`, `ksn`, `app_version` and
    /// `acquirer_country`, about 620 bytes a record: all that the shipped rules read.
    Full,
}

impl FieldSet {
    /// The columns in the order in which a record writes them. Records read without a chip lack the
    /// EMV columns.
    pub fn columns(self) -> &'static [Column] {
        use Column as C;
        const FULL: &[Column] = &[
            C::EventId,
            C::Mti,
            C::Stan,
            C::EventTime,
            C::AcquirerId,
            C::MerchantId,
            C::TerminalId,
            C::Mcc,
            C::CardToken,
            C::Bin,
            C::ProcessingCode,
            C::AmountMinor,
            C::Currency,
            C::EntryMode,
            C::ResponseCode,
            C::Atc,
            C::UnpredictableNumber,
            C::CryptogramHash,
            C::HardwareSerial,
            C::Lat,
            C::Lon,
            // Only in the full set:
            C::Rrn,
            C::Tvr,
            C::EmvAmountMinor,
            C::TransactionSequence,
            C::Ksn,
            C::AppVersion,
            C::AcquirerCountry,
        ];
        const DEFAULT_LEN: usize = 21;
        match self {
            Self::Default => &FULL[..DEFAULT_LEN],
            Self::Full => FULL,
        }
    }
}

/// A fleet and its fraudsters. Every key has a default; unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatorSettings {
    /// Seed of every random draw. Default 7.
    pub seed: u64,
    /// Terminals, 1 to 10,000,000. Default 50,000, which makes about 100 transactions per simulated
    /// second on a weekday morning.
    pub terminals: u32,
    /// Cards of the population, 1,000 to 100,000,000. Default 2,000,000.
    pub cards: u32,
    /// When the simulated clock starts, RFC 3339. Default 2026-01-05T08:00:00Z, a Monday morning; fixed,
    /// so that results do not depend on the day they are made.
    pub start: String,
    /// Factor on the rate of every terminal. Default 1.
    pub activity: f64,
    /// Fraud scenarios that begin per simulated hour and 1,000 terminals, over all kinds. Default 1.2,
    /// which makes about one record in a hundred fraudulent. 0 for none.
    pub fraud_intensity: f64,
    /// Share of transactions that arrive late, by 20 s on average. Default 0.001. With this and
    /// `advice_fraction` at 0 event times never decrease.
    pub late_fraction: f64,
    /// Share of transactions that were stored at the terminal and forwarded as an advice (0220), up to an
    /// hour late. Default 0.0005.
    pub advice_fraction: f64,
    /// Share of records that are terminal events (HEARTBEAT, BOOT, LOGON, UPDATE_END,
    /// CARD_READ_ERROR) instead of transactions. Default 0.
    pub terminal_event_fraction: f64,
    /// Whether fraudulent transactions are followed by labels, lognormal with median 14 days, clipped to
    /// 1 to 120 days. Default false.
    pub labels: bool,
    /// Which columns a transaction carries: `default` or `full`.
    pub fields: FieldSet,
}

impl Default for SimulatorSettings {
    fn default() -> Self {
        Self {
            seed: 7,
            terminals: 50_000,
            cards: 2_000_000,
            start: "2026-01-05T08:00:00Z".to_owned(),
            activity: 1.0,
            fraud_intensity: 1.2,
            late_fraction: 0.001,
            advice_fraction: 0.0005,
            terminal_event_fraction: 0.0,
            labels: false,
            fields: FieldSet::Default,
        }
    }
}

impl SimulatorSettings {
    /// Checks every setting and gives the start in milliseconds since 1970, UTC.
    pub fn validate(&self) -> Result<i64, SimulatorError> {
        let refuse = |setting, given: String, fix| {
            Err(SimulatorError::Setting {
                setting,
                given,
                fix,
            })
        };
        if !(1..=TERMINALS_MAX).contains(&self.terminals) {
            let given = self.terminals.to_string();
            return refuse("terminals", given, "choose 1 to 10000000");
        }
        if !(1_000..=CARDS_MAX).contains(&self.cards) {
            let given = self.cards.to_string();
            return refuse("cards", given, "choose 1000 to 100000000");
        }
        if !(self.activity > 0.0 && self.activity <= 1_000.0) {
            let given = self.activity.to_string();
            return refuse("activity", given, "choose more than 0 and at most 1000");
        }
        if !(0.0..=1_000.0).contains(&self.fraud_intensity) {
            let given = self.fraud_intensity.to_string();
            return refuse("fraud_intensity", given, "choose 0 to 1000");
        }
        for (setting, share) in [
            ("late_fraction", self.late_fraction),
            ("advice_fraction", self.advice_fraction),
            ("terminal_event_fraction", self.terminal_event_fraction),
        ] {
            if !(0.0..=0.5).contains(&share) {
                return refuse(setting, share.to_string(), "choose 0 to 0.5");
            }
        }
        match self.start.parse::<jiff::Timestamp>() {
            // Half of the accepted span is left for the simulated clock to run.
            Ok(start)
                if (EVENT_TIME_MS_MIN..EVENT_TIME_MS_MAX / 2 + EVENT_TIME_MS_MIN / 2)
                    .contains(&start.as_millisecond()) =>
            {
                Ok(start.as_millisecond())
            }
            _ => refuse(
                "start",
                format!("`{}`", self.start),
                "write an RFC 3339 time from 2000 to 2049, for example 2026-01-05T08:00:00Z",
            ),
        }
    }
}
