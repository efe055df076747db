//! Fraudsters: what they do, and the truth about it.

use serde::Serialize;
use tillwatch_records::Typology;

use crate::card::Cards;
use crate::merchant::{CASH_MCC, REGIONS};
use crate::rng::mix;
use crate::terminal::{ROGUE_VERSION, STAN_MAX};
use crate::transaction::{Emv, Transaction, entry, mti, processing};
use crate::world::World;

/// What a fraudster does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// A tampered program makes up transactions from a few captured cryptograms, like clockwork.
    FabricatedBurst,
    /// Guessed cards of one BIN are tried out within minutes; most are declined.
    CardEnumeration,
    /// A counterfeit of the terminal works far away under the same identity. Every other one gives the
    /// real device's serial number too: then only places and counters tell.
    ClonedTerminal,
    /// Few stolen cards are swiped or keyed again and again at round amounts.
    CashOut,
    /// A skimmer makes chip reads fail, so that the stripe is read.
    SkimmingFallback,
}

impl Scenario {
    /// Every scenario, in the order in which they begin.
    pub const ALL: [Self; 5] = [
        Self::FabricatedBurst,
        Self::CardEnumeration,
        Self::ClonedTerminal,
        Self::CashOut,
        Self::SkimmingFallback,
    ];

    /// The typology that an alert should name.
    pub fn typology(self) -> Typology {
        match self {
            Self::FabricatedBurst | Self::CardEnumeration => Typology::Fabricated,
            Self::ClonedTerminal => Typology::ClonedTerminal,
            Self::CashOut => Typology::CashOut,
            Self::SkimmingFallback => Typology::Skimming,
        }
    }

    /// The reason codes that its evidence supports, some only with [`FieldSet::Full`](crate::FieldSet).
    pub fn reasons(self) -> &'static [&'static str] {
        match self {
            Self::FabricatedBurst => &[
                "CRYPTOGRAM_REPLAY",
                "STAN_DUPLICATE",
                "MACHINE_CADENCE",
                "ROUND_AMOUNTS",
                "WEAK_UNPREDICTABLE_NUMBER",
                "FORCE_POST",
                "EMV_INCONSISTENT",
                "ROGUE_VERSION",
            ],
            Self::CardEnumeration => &["CARD_ENUMERATION", "KEYED_ENTRY", "VOLUME_SPIKE"],
            Self::ClonedTerminal => &[
                "SERIAL_CONFLICT",
                "GEO_SPLIT",
                "SEQUENCE_FORK",
                "KSN_REGRESSION",
                "STAN_GAP",
            ],
            Self::CashOut => &[
                "CARD_REPEAT",
                "ROUND_AMOUNTS",
                "KEYED_ENTRY",
                "REFUND_WITHOUT_SALE",
                "TICKET_OUTLIER",
                "CASH_MCC",
            ],
            Self::SkimmingFallback => &[
                "FALLBACK_RATIO",
                "CONTACTLESS_DROP",
                "READ_ERRORS",
                "PIN_BYPASS",
            ],
        }
    }

    /// Fraud type of its labels.
    pub(crate) fn fraud_type(self) -> &'static [u8; 2] {
        match self {
            Self::FabricatedBurst => b"51",
            Self::CashOut => b"01",
            _ => b"04",
        }
    }

    /// Shortest and longest duration, in seconds.
    fn seconds(self) -> (u32, u32) {
        match self {
            Self::FabricatedBurst => (300, 720),
            Self::CardEnumeration => (300, 600),
            Self::ClonedTerminal | Self::CashOut => (900, 2_400),
            Self::SkimmingFallback => (1_500, 2_400),
        }
    }

    /// Least and most transactions per hour of a terminal that suits: a skimmer wants many cards, a
    /// clone hides behind traffic, the others want a quiet place.
    fn traffic_per_hour(self) -> (f32, f32) {
        match self {
            Self::FabricatedBurst | Self::CardEnumeration => (0.5, 12.0),
            Self::CashOut => (0.5, 8.0),
            Self::ClonedTerminal => (20.0, 80.0),
            Self::SkimmingFallback => (70.0, 1_000.0),
        }
    }
}

/// The truth about one fraud; kept beside the data, never inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthRecord {
    /// Its index in [`Fleet::truth`](crate::Fleet::truth).
    pub id: u32,
    /// What was done.
    pub scenario: Scenario,
    /// The typology that an alert should name.
    pub typology: Typology,
    /// Acquirer of the terminal.
    pub acquirer_id: String,
    /// Merchant of the terminal.
    pub merchant_id: String,
    /// The terminal.
    pub terminal_id: String,
    /// When it begins, milliseconds since 1970.
    pub start_ms: i64,
    /// When it ends, milliseconds since 1970; planned, possibly ahead of the stream.
    pub end_ms: i64,
    /// Reason codes that its evidence supports.
    pub reasons: &'static [&'static str],
    /// Fraudulent transactions so far.
    pub transactions: u32,
}

impl TruthRecord {
    /// The Kafka key of the terminal's records, as in [`Emitted::key`](crate::Emitted::key).
    pub fn key(&self) -> String {
        format!(
            "{}/{}/{}",
            self.acquirer_id, self.merchant_id, self.terminal_id
        )
    }
}

/// Terminals looked at in search of a suitable one.
const TARGET_TRIES: u32 = 512;

/// Amounts of a tampered program, in minor units: round, or just under a limit.
const FABRICATED_MINOR: [u32; 8] = [
    10_000, 20_000, 20_000, 30_000, 50_000, 50_000, 100_000, 49_900,
];

/// Amounts of a cash-out, in minor units.
const CASH_OUT_MINOR: [u32; 6] = [50_000, 80_000, 100_000, 100_000, 150_000, 200_000];

/// A fraudster at work on one terminal.
#[derive(Debug, Clone)]
pub struct Actor {
    pub scenario: Scenario,
    /// Index into the ground truth.
    pub truth: u32,
    /// Index of the terminal.
    pub terminal: u32,
    /// Nothing happens from here on.
    pub end_ms: i64,
    /// Time between two transactions on average.
    cadence_ms: u32,
    /// Transactions so far.
    count: u32,
    /// Captured or stolen cards; the first `cards_used` count.
    cards: [u32; 3],
    cards_used: u32,
    /// What each of the cards said when it was captured.
    captured: [Option<Emv>; 3],
    /// Amount for each of the cards, in minor units.
    amounts_minor: [u32; 3],
    /// BIN whose cards are guessed.
    bin: u32,
    /// The other device: its number, place and counters.
    serial: u32,
    region: u8,
    lat_e4: i32,
    lon_e4: i32,
    stan: u32,
    sequence: u32,
}

impl Actor {
    /// A fraudster who begins at `now_ms`, or none when no terminal is open and free. Marks the terminal
    /// as taken.
    pub fn begin(world: &mut World, scenario: Scenario, truth: u32, now_ms: i64) -> Option<Self> {
        let terminal = choose_terminal(world, scenario, now_ms)?;
        let home = world.terminals[terminal as usize].region;
        let seconds = scenario.seconds();
        let draws = &mut world.draws;
        let end_ms = now_ms + 1_000 * i64::from(draws.between(seconds.0, seconds.1));
        let cadence_ms = match scenario {
            Scenario::FabricatedBurst => draws.between(2_500, 5_000),
            Scenario::CardEnumeration => draws.between(1_800, 3_800),
            Scenario::ClonedTerminal => draws.between(25_000, 60_000),
            Scenario::CashOut => draws.between(45_000, 90_000),
            Scenario::SkimmingFallback => 0,
        };
        // Any region but the terminal's own.
        let regions = REGIONS.len() as u32;
        let region = (u32::from(home) + draws.between(1, regions)) % regions;
        let far = &REGIONS[region as usize];
        let number = draws.bits();
        let serial = if number & 1 == 1 {
            world.terminals[terminal as usize].serial
        } else {
            mix(number) as u32
        };
        let mut actor = Self {
            scenario,
            truth,
            terminal,
            end_ms,
            cadence_ms,
            count: 0,
            cards: [0; 3].map(|_| draws.below(world.cards.len())),
            cards_used: draws.between(1, 4),
            captured: [None; 3],
            amounts_minor: [0; 3].map(|_| draws.pick(&CASH_OUT_MINOR)),
            bin: Cards::any_bin(draws),
            serial,
            region: region as u8,
            lat_e4: far.lat_e4 + (draws.normal() * 500.0) as i32,
            lon_e4: far.lon_e4 + (draws.normal() * 500.0) as i32,
            stan: 1 + draws.below(STAN_MAX),
            sequence: draws.below(900_000),
        };
        if scenario == Scenario::FabricatedBurst {
            actor.captured = actor.cards.map(|card| Some(world.chip(card, 0)));
        }
        world.terminals[terminal as usize].scenario = truth + 1;
        Some(actor)
    }

    /// When it acts again after `now_ms`; its end when it does not.
    pub fn next_ms(&self, world: &mut World, now_ms: i64) -> i64 {
        let draws = &mut world.draws;
        let factor = match self.scenario {
            Scenario::SkimmingFallback => return self.end_ms,
            Scenario::FabricatedBurst => 0.99 + 0.02 * draws.unit(),
            Scenario::CardEnumeration => 0.6 + 0.8 * draws.unit(),
            Scenario::ClonedTerminal | Scenario::CashOut => 0.3 + 0.7 * draws.exponential(),
        };
        let gap_ms = (f64::from(self.cadence_ms) * factor) as i64;
        (now_ms + gap_ms.max(1)).min(self.end_ms)
    }

    /// Its transaction at `now_ms`. A skimmer makes none of its own: see [`World::business`].
    pub fn act(&mut self, world: &mut World, now_ms: i64) -> Option<Transaction> {
        self.count += 1;
        match self.scenario {
            Scenario::FabricatedBurst => Some(self.fabricate(world, now_ms)),
            Scenario::CardEnumeration => Some(self.guess(world, now_ms)),
            Scenario::ClonedTerminal => Some(self.clone_sale(world, now_ms)),
            Scenario::CashOut => Some(self.cash_out(world, now_ms)),
            Scenario::SkimmingFallback => None,
        }
    }

    fn fabricate(&self, world: &mut World, now_ms: i64) -> Transaction {
        let which = (self.count % self.cards_used) as usize;
        let amount_minor = world.draws.pick(&FABRICATED_MINOR);
        // The program is careless with its counter: one in six goes out under a used number.
        if world.draws.chance(1.0 / 6.0) {
            let terminal = &mut world.terminals[self.terminal as usize];
            terminal.stan = terminal.stan.saturating_sub(1);
        }
        let mut made = world.blank(self.terminal, self.cards[which], amount_minor, now_ms);
        made.entry_mode = entry::CHIP;
        made.emv = self.captured[which];
        made.version = ROGUE_VERSION;
        if world.draws.chance(0.25) {
            made.mti = mti::ADVICE;
        } else if world.draws.chance(0.05) {
            made.response_code = b"05";
        }
        made
    }

    fn guess(&self, world: &mut World, now_ms: i64) -> Transaction {
        let amount_minor = world.draws.between(100, 500);
        let mut tried = world.blank(self.terminal, 0, amount_minor, now_ms);
        // Numbers of guessed cards are apart for every fraudster.
        tried.card = world
            .cards
            .guessed(self.truth.wrapping_mul(1 << 16) | self.count, self.bin);
        tried.mti = mti::REQUEST;
        if world.draws.chance(0.3) {
            tried.entry_mode = entry::STRIPE;
        }
        tried.response_code = match world.draws.below(100) {
            0..=21 => b"00",
            22..=66 => b"14",
            67..=84 => b"05",
            85..=95 => b"54",
            _ => b"51",
        };
        tried
    }

    fn clone_sale(&mut self, world: &mut World, now_ms: i64) -> Transaction {
        let card = world
            .cards
            .customer(&mut world.draws, self.serial, self.region);
        let category = world.terminals[self.terminal as usize].category();
        let amount_minor = world
            .draws
            .lognormal(category.median_minor * 1.5, category.sigma)
            .clamp(100.0, 500_000.0) as u32;
        // The counterfeit counts by itself; the real terminal's counters must not move.
        let (stan, sequence) = {
            let terminal = &world.terminals[self.terminal as usize];
            (terminal.stan, terminal.sequence)
        };
        let mut sale = world.blank(self.terminal, card, amount_minor, now_ms);
        let terminal = &mut world.terminals[self.terminal as usize];
        (terminal.stan, terminal.sequence) = (stan, sequence);
        self.stan = self.stan % STAN_MAX + 1;
        self.sequence += 1;
        sale.stan = self.stan;
        sale.sequence = self.sequence;
        sale.serial = self.serial;
        sale.lat_e4 = self.lat_e4;
        sale.lon_e4 = self.lon_e4;
        sale.entry_mode = if world.draws.chance(0.6) {
            entry::CONTACTLESS
        } else {
            entry::CHIP
        };
        sale.emv = Some(world.chip(card, amount_minor));
        if world.draws.chance(0.08) {
            sale.response_code = world.draws.pick(&[b"05", b"51", b"59"]);
        }
        sale
    }

    fn cash_out(&self, world: &mut World, now_ms: i64) -> Transaction {
        let which = (self.count % self.cards_used) as usize;
        let (card, amount_minor) = (self.cards[which], self.amounts_minor[which]);
        let mut swipe = world.blank(self.terminal, card, amount_minor, now_ms);
        if which != 1 {
            swipe.entry_mode = entry::STRIPE;
        }
        match world.draws.below(100) {
            0..=11 => {
                // To a card of the holder that never bought here.
                swipe.card = world.cards.card(self.cards[2] ^ 1);
                swipe.processing_code = processing::REFUND;
            }
            12..=21 => swipe.processing_code = processing::CASH,
            22..=29 => swipe.response_code = b"51",
            30..=33 => swipe.response_code = b"61",
            _ => {}
        }
        swipe
    }
}

/// An open terminal that no other fraudster uses, with traffic that suits if one is met.
fn choose_terminal(world: &mut World, scenario: Scenario, now_ms: i64) -> Option<u32> {
    let (low, high) = scenario.traffic_per_hour();
    let still_ms = now_ms + 1_000 * i64::from(scenario.seconds().1);
    let mut best: Option<(f32, u32)> = None;
    for _ in 0..TARGET_TRIES {
        let index = world.draws.below(world.terminals.len() as u32);
        let terminal = &world.terminals[index as usize];
        let rate = terminal.rate_per_hour(now_ms);
        let cash = terminal.category().mcc == CASH_MCC;
        if terminal.scenario != 0 || rate <= 0.0 || cash || terminal.rate_per_hour(still_ms) <= 0.0
        {
            continue;
        }
        if (low..=high).contains(&rate) {
            return Some(index);
        }
        let miss = (low - rate).max(rate - high);
        if best.is_none_or(|(least, _)| miss < least) {
            best = Some((miss, index));
        }
    }
    best.map(|(_, index)| index)
}
