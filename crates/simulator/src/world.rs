//! The population at its ordinary business: customers, sales, declines, refunds and reversals.

use crate::card::Cards;
use crate::merchant::CASH_MCC;
use crate::rng::Draws;
use crate::terminal::{FollowUp, Terminal};
use crate::transaction::{Emv, Transaction, entry, mti, processing};

const HOUR_MS: i64 = 3_600_000;

/// How far ahead the next customer of a terminal is looked for. Every category opens within a week;
/// a fleet slowed down further gets a customer at the horizon.
const ARRIVAL_HORIZON_HOURS: u32 = 24 * 14;

/// Smallest and largest ticket, in minor units.
pub const AMOUNT_MINOR_RANGE: (f64, f64) = (50.0, 900_000.0);

/// Cash machine amounts in minor units, as often as listed.
const WITHDRAWALS_MINOR: [u32; 10] = [
    2_000, 3_000, 4_000, 5_000, 5_000, 6_000, 7_000, 10_000, 15_000, 20_000,
];

/// Terminal verification results: nothing to report but online authorisation; PIN bypassed.
const TVR_ONLINE: &[u8; 10] = b"0000008000";
const TVR_PIN_BYPASSED: &[u8; 10] = b"0000088000";

/// Shares of ordinary sales.
const REFUND_SHARE: f64 = 0.004;
const REVERSAL_SHARE: f64 = 0.004;
const STRIPE_SHARE: f64 = 0.004;
const FALLBACK_SHARE: f64 = 0.003;
const KEYED_SHARE: f64 = 0.002;
const PIN_BYPASS_SHARE: f64 = 0.01;

/// While a terminal skims: the shares of cards whose chip "fails", of contactless reads, and of chip
/// reads whose PIN a tampered keypad does not get through.
const SKIMMING_FALLBACK_SHARE: f64 = 0.45;
const SKIMMING_CONTACTLESS_SHARE: f64 = 0.10;
const SKIMMING_PIN_BYPASS_SHARE: f64 = 0.30;

/// Share of declined customers who try again at once.
const RETRY_SHARE: f64 = 0.5;

/// Terminals, cards and the generator that drives them.
#[derive(Debug)]
pub struct World {
    pub start_ms: i64,
    pub draws: Draws,
    pub terminals: Vec<Terminal>,
    pub cards: Cards,
}

impl World {
    /// When the next ordinary customer comes to terminal `index` after `now_ms`: a Poisson process whose
    /// rate changes by the hour.
    pub fn next_arrival(&mut self, index: u32, now_ms: i64) -> i64 {
        let terminal = &self.terminals[index as usize];
        let mut needed = self.draws.exponential();
        let mut from_ms = now_ms;
        for _ in 0..ARRIVAL_HORIZON_HOURS {
            let rate_per_ms = f64::from(terminal.rate_per_hour(from_ms)) / HOUR_MS as f64;
            let hour_end_ms = (from_ms.div_euclid(HOUR_MS) + 1) * HOUR_MS;
            let expected = rate_per_ms * (hour_end_ms - from_ms) as f64;
            if expected > needed {
                return (from_ms + (needed / rate_per_ms) as i64).max(now_ms + 1);
            }
            needed -= expected;
            from_ms = hour_end_ms;
        }
        from_ms
    }

    /// What terminal `index` does at `now_ms`, and when it does something again. `skimming` says whether
    /// a skimmer spoils its chip reads.
    pub fn business(&mut self, index: u32, now_ms: i64, skimming: bool) -> (Transaction, i64) {
        let follow_up = std::mem::replace(
            &mut self.terminals[index as usize].follow_up,
            FollowUp::None,
        );
        let transaction = match follow_up {
            FollowUp::Reversal => self.reversal(index, now_ms),
            FollowUp::Retry => self.sale(index, now_ms, skimming, true),
            FollowUp::None if self.draws.chance(REFUND_SHARE) => self.refund(index, now_ms),
            FollowUp::None => self.sale(index, now_ms, skimming, false),
        };
        let declined = transaction.response_code != b"00";
        let sale = transaction.processing_code == processing::PURCHASE;
        let next = if follow_up == FollowUp::None && declined && self.draws.chance(RETRY_SHARE) {
            FollowUp::Retry
        } else if sale && !declined && self.draws.chance(REVERSAL_SHARE) {
            FollowUp::Reversal
        } else {
            return (transaction, self.next_arrival(index, now_ms));
        };
        self.terminals[index as usize].follow_up = next;
        let gap_ms = self.draws.between(8_000, 45_000);
        (transaction, now_ms + i64::from(gap_ms))
    }

    /// A transaction of terminal `index` with its own device, place and counters; the caller sets
    /// what differs.
    pub fn blank(&mut self, index: u32, card: u32, amount_minor: u32, now_ms: i64) -> Transaction {
        let terminal = &mut self.terminals[index as usize];
        let category = terminal.category();
        let mut lat_e4 = terminal.lat_e4;
        let mut lon_e4 = terminal.lon_e4;
        if category.roams > 0 {
            lat_e4 += (self.draws.normal() * f64::from(category.roams)) as i32 / 3;
            lon_e4 += (self.draws.normal() * f64::from(category.roams)) as i32 / 3;
        }
        let dual_message = matches!(category.mcc, b"5812" | b"7011");
        Transaction {
            mti: if dual_message {
                mti::REQUEST
            } else {
                mti::FINANCIAL
            },
            stan: terminal.next_stan(),
            sequence: terminal.next_sequence(),
            time_ms: now_ms,
            card: self.cards.card(card),
            processing_code: processing::PURCHASE,
            amount_minor,
            entry_mode: entry::KEYED,
            response_code: b"00",
            emv: None,
            serial: terminal.serial,
            version: Terminal::version(terminal.serial, now_ms - self.start_ms),
            lat_e4,
            lon_e4,
        }
    }

    /// What the chip of `card` says when it signs `amount_minor`.
    pub fn chip(&mut self, card: u32, amount_minor: u32) -> Emv {
        let bits = self.draws.bits();
        Emv {
            atc: self.cards.next_atc(card),
            unpredictable_number: bits as u32,
            cryptogram_hash: crate::rng::mix(bits ^ u64::from(card)),
            tvr: TVR_ONLINE,
            amount_minor,
        }
    }

    fn sale(&mut self, index: u32, now_ms: i64, skimming: bool, retry: bool) -> Transaction {
        let terminal = &self.terminals[index as usize];
        let (card, amount_minor) = if retry {
            (terminal.last_card, terminal.last_amount)
        } else {
            let region = terminal.region;
            let amount_minor = self.amount(index);
            (
                self.cards.customer(&mut self.draws, index, region),
                amount_minor,
            )
        };
        let mut sale = self.blank(index, card, amount_minor, now_ms);
        let category = self.terminals[index as usize].category();
        if category.mcc == CASH_MCC {
            sale.processing_code = processing::CASH;
        }
        sale.entry_mode = if skimming {
            skimmed_entry(&mut self.draws)
        } else {
            ordinary_entry(&mut self.draws, category.contactless)
        };
        let chip = sale.entry_mode == entry::CHIP;
        if chip || sale.entry_mode == entry::CONTACTLESS {
            let mut emv = self.chip(card, amount_minor);
            let bypass_share = if skimming {
                SKIMMING_PIN_BYPASS_SHARE
            } else {
                PIN_BYPASS_SHARE
            };
            if chip && self.draws.chance(bypass_share) {
                emv.tvr = TVR_PIN_BYPASSED;
            }
            sale.emv = Some(emv);
        }
        sale.response_code = response(&mut self.draws, chip);
        let approved = sale.response_code == b"00";
        let remember = approved && self.draws.chance(0.2);
        let terminal = &mut self.terminals[index as usize];
        terminal.last_card = card;
        terminal.last_amount = amount_minor;
        if remember || (approved && terminal.sold_amount == 0) {
            terminal.sold_card = card;
            terminal.sold_amount = amount_minor;
        }
        sale
    }

    /// Of the last sale. No card is read for it.
    fn reversal(&mut self, index: u32, now_ms: i64) -> Transaction {
        let terminal = &self.terminals[index as usize];
        let (card, amount_minor) = (terminal.last_card, terminal.last_amount);
        let mut reversal = self.blank(index, card, amount_minor, now_ms);
        reversal.mti = mti::REVERSAL;
        reversal.entry_mode = entry::UNKNOWN;
        reversal
    }

    /// Of an earlier sale at the same terminal, whole or in part; a sale where there is none.
    fn refund(&mut self, index: u32, now_ms: i64) -> Transaction {
        let terminal = &self.terminals[index as usize];
        let (card, sold_minor) = (terminal.sold_card, terminal.sold_amount);
        if sold_minor == 0 || terminal.category().mcc == CASH_MCC {
            return self.sale(index, now_ms, false, false);
        }
        let share = if self.draws.chance(0.7) {
            1.0
        } else {
            0.2 + 0.7 * self.draws.unit()
        };
        let amount_minor = ((f64::from(sold_minor) * share) as u32).max(1);
        let mut refund = self.blank(index, card, amount_minor, now_ms);
        refund.processing_code = processing::REFUND;
        refund.entry_mode = entry::CHIP;
        refund.emv = Some(self.chip(card, amount_minor));
        // A sale is given back once.
        self.terminals[index as usize].sold_amount = 0;
        refund
    }

    fn amount(&mut self, index: u32) -> u32 {
        let category = self.terminals[index as usize].category();
        if category.mcc == CASH_MCC {
            return self.draws.pick(&WITHDRAWALS_MINOR);
        }
        let (low, high) = AMOUNT_MINOR_RANGE;
        let amount = self
            .draws
            .lognormal(category.median_minor, category.sigma)
            .clamp(low, high) as u32;
        // Prices end in 0 or 5 more often than not, and some people round up.
        match self.draws.below(100) {
            0..=1 => amount.next_multiple_of(1_000),
            2..=11 => amount.next_multiple_of(100),
            12..=54 => amount.next_multiple_of(5),
            _ => amount,
        }
    }
}

fn ordinary_entry(draws: &mut Draws, contactless: f64) -> &'static [u8; 2] {
    const STRIPE: f64 = STRIPE_SHARE;
    const FALLBACK: f64 = STRIPE + FALLBACK_SHARE;
    const KEYED: f64 = FALLBACK + KEYED_SHARE;
    match draws.unit() {
        x if x < STRIPE => entry::STRIPE,
        x if x < FALLBACK => entry::FALLBACK_STRIPE,
        x if x < KEYED => entry::KEYED,
        x if x < KEYED + contactless * (1.0 - KEYED) => entry::CONTACTLESS,
        _ => entry::CHIP,
    }
}

fn skimmed_entry(draws: &mut Draws) -> &'static [u8; 2] {
    match draws.unit() {
        x if x < SKIMMING_FALLBACK_SHARE * 0.15 => entry::FALLBACK_KEYED,
        x if x < SKIMMING_FALLBACK_SHARE => entry::FALLBACK_STRIPE,
        x if x < SKIMMING_FALLBACK_SHARE + SKIMMING_CONTACTLESS_SHARE => entry::CONTACTLESS,
        _ => entry::CHIP,
    }
}

/// Response code (DE39) by cause; PIN errors only where a PIN is entered.
fn response(draws: &mut Draws, pin: bool) -> &'static [u8; 2] {
    // Per 10,000.
    const DECLINES: [(u32, &[u8; 2]); 12] = [
        (190, b"51"),
        (25, b"61"),
        (20, b"65"),
        (80, b"05"),
        (8, b"59"),
        (10, b"62"),
        (15, b"54"),
        (6, b"14"),
        (30, b"91"),
        (8, b"96"),
        (6, b"68"),
        (10, b"57"),
    ];
    let mut ticket = draws.below(10_000);
    for (share, code) in DECLINES {
        match ticket.checked_sub(share) {
            Some(rest) => ticket = rest,
            None => return code,
        }
    }
    match ticket {
        0..=149 if pin => b"55",
        150..=154 if pin => b"75",
        _ => b"00",
    }
}
