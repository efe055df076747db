//! Terminals: where they stand, how busy they are, and the counters they carry.

use crate::merchant::{CATEGORIES, Category, REGIONS, Region, rate_per_hour};
use crate::rng::{Draws, mix};

/// Largest system trace audit number; the next one is 1.
pub const STAN_MAX: u32 = 999_999;

/// Acquirers in the population.
const ACQUIRERS: u64 = 24;

/// Application versions, oldest first; the last is being rolled out.
pub const VERSIONS: [&[u8; 5]; 4] = [b"4.1.7", b"4.2.0", b"4.2.1", b"4.3.0"];

/// A version that no roll-out contains.
pub const ROGUE_VERSION: &[u8; 5] = b"4.9.9";

/// How long the roll-out of the newest version takes.
const ROLL_OUT_MS: u64 = 21 * 24 * 3_600_000;

/// What a terminal is going to do next, out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowUp {
    /// Nothing: the next customer comes.
    None,
    /// The last sale is reversed.
    Reversal,
    /// The last card is tried again at the same amount, after a decline.
    Retry,
}

/// A terminal. Small: a fleet has up to millions.
#[derive(Debug, Clone)]
pub struct Terminal {
    /// Number of its merchant.
    pub merchant: u32,
    /// Index into `CATEGORIES`.
    pub category: u8,
    /// Index into `REGIONS`.
    pub region: u8,
    /// What comes next.
    pub follow_up: FollowUp,
    /// Factor on the rate of its category.
    pub activity: f32,
    /// Latitude in 1e-4 degrees.
    pub lat_e4: i32,
    /// Longitude in 1e-4 degrees.
    pub lon_e4: i32,
    /// Number of its device.
    pub serial: u32,
    /// Last system trace audit number, 1 to `STAN_MAX`.
    pub stan: u32,
    /// Last transaction sequence counter (9F41).
    pub sequence: u32,
    /// Card of the last transaction.
    pub last_card: u32,
    /// Amount of the last transaction.
    pub last_amount: u32,
    /// Card of some earlier sale, which a refund goes to.
    pub sold_card: u32,
    /// Amount of that sale; 0 before the first.
    pub sold_amount: u32,
    /// Scenario that uses the terminal now: its index in the ground truth plus 1, or 0.
    pub scenario: u32,
}

impl Terminal {
    /// A fleet of `count`, in runs of one merchant; merchants have one or more sites.
    pub fn fleet(count: u32, draws: &mut Draws) -> Vec<Self> {
        let mut terminals = Vec::with_capacity(count as usize);
        let mut merchant = 0;
        while terminals.len() < count as usize {
            let category = pick_category(draws);
            let region = draws.below(REGIONS.len() as u32) as u8;
            let mean = f64::from(CATEGORIES[category as usize].terminals_per_merchant);
            let size = (draws.exponential() * mean).round().clamp(1.0, 200.0) as u32;
            let mut site = site(draws, &REGIONS[region as usize]);
            for position in 0..size.min(count - terminals.len() as u32) {
                if position % 4 == 0 && position > 0 {
                    site = self::site(draws, &REGIONS[region as usize]);
                }
                let serial = mix(terminals.len() as u64 ^ draws.bits()) as u32;
                terminals.push(Self {
                    merchant,
                    category,
                    region,
                    follow_up: FollowUp::None,
                    activity: draws.lognormal(0.55, 0.8) as f32,
                    lat_e4: site.0,
                    lon_e4: site.1,
                    serial,
                    stan: 1 + draws.below(STAN_MAX),
                    sequence: draws.below(900_000),
                    last_card: 0,
                    last_amount: 0,
                    sold_card: 0,
                    sold_amount: 0,
                    scenario: 0,
                });
            }
            merchant += 1;
        }
        terminals
    }

    pub fn category(&self) -> &'static Category {
        &CATEGORIES[self.category as usize]
    }

    pub fn region(&self) -> &'static Region {
        &REGIONS[self.region as usize]
    }

    /// Transactions per hour in the hour of `time_ms`.
    pub fn rate_per_hour(&self, time_ms: i64) -> f32 {
        rate_per_hour(self.category(), self.region(), self.activity, time_ms)
    }

    /// Acquirer number: a merchant has one acquirer.
    pub fn acquirer(&self) -> u32 {
        100_000 + (mix(u64::from(self.merchant)) % ACQUIRERS) as u32 * 37
    }

    pub fn next_stan(&mut self) -> u32 {
        self.stan = self.stan % STAN_MAX + 1;
        self.stan
    }

    pub fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence % STAN_MAX + 1;
        self.sequence
    }

    /// Application version of the device `serial` at `elapsed_ms` since the start.
    pub fn version(serial: u32, elapsed_ms: i64) -> &'static [u8; 5] {
        let scattered = mix(u64::from(serial));
        let newest = VERSIONS.len() - 1;
        if scattered % ROLL_OUT_MS < elapsed_ms.max(0).unsigned_abs() {
            return VERSIONS[newest];
        }
        // Most of the fleet is one step behind.
        match scattered >> 56 {
            0..=25 => VERSIONS[0],
            26..=76 => VERSIONS[1],
            _ => VERSIONS[newest - 1],
        }
    }
}

fn pick_category(draws: &mut Draws) -> u8 {
    let mut ticket = draws.below(CATEGORIES.iter().map(|c| c.per_mille).sum());
    for (index, category) in CATEGORIES.iter().enumerate() {
        match ticket.checked_sub(category.per_mille) {
            Some(rest) => ticket = rest,
            None => return index as u8,
        }
    }
    0
}

/// Somewhere within some 20 km of the centre of `region`.
fn site(draws: &mut Draws, region: &Region) -> (i32, i32) {
    let lat = region.lat_e4 + (draws.normal() * 800.0) as i32;
    let lon = region.lon_e4 + (draws.normal() * 1_200.0) as i32;
    (lat, lon)
}
