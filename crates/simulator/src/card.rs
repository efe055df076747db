//! The card population: almost all of a card is derived from its number, only its counter is kept.

use crate::merchant::REGIONS;
use crate::rng::{Draws, mix};

/// BINs in the population.
const BINS: u64 = 160;

/// Regular customers of a terminal.
const REGULARS: u32 = 48;

/// A card as a terminal reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Stands for a keyed hash of the PAN: a keyed bijection, so tokens never collide.
    pub token: u64,
    /// Six digits.
    pub bin: u32,
}

/// Every card.
#[derive(Debug)]
pub struct Cards {
    key: u64,
    /// Uses of each card so far; added to its first counter value.
    uses: Vec<u16>,
}

impl Cards {
    pub fn new(cards: u32, key: u64) -> Self {
        Self {
            key,
            uses: vec![0; cards as usize],
        }
    }

    pub fn len(&self) -> u32 {
        self.uses.len() as u32
    }

    /// The card with number `index`; numbers beyond the population are cards that nobody holds, as a
    /// guesser tries them.
    pub fn card(&self, index: u32) -> Card {
        let scattered = mix(u64::from(index) ^ self.key);
        Card {
            token: mix(scattered ^ self.key.rotate_left(32)),
            bin: Self::bin(scattered % BINS),
        }
    }

    /// A card that does not exist, of the given BIN.
    pub fn guessed(&self, serial: u32, bin: u32) -> Card {
        let unknown = (1 << 40) | u64::from(serial);
        Card {
            token: mix(mix(unknown ^ self.key) ^ self.key.rotate_left(32)),
            bin,
        }
    }

    /// One of the BINs.
    pub fn any_bin(draws: &mut Draws) -> u32 {
        Self::bin(draws.bits() % BINS)
    }

    /// The counter of card `index` at its next use (tag 9F36).
    pub fn next_atc(&mut self, index: u32) -> u16 {
        let uses = &mut self.uses[index as usize];
        *uses = uses.wrapping_add(1);
        let first = (mix(u64::from(index) ^ self.key) >> 48) as u16 % 3_000;
        first.wrapping_add(*uses)
    }

    /// A customer of `terminal` in `region`: a regular, somebody from the region, or a traveller.
    pub fn customer(&self, draws: &mut Draws, terminal: u32, region: u8) -> u32 {
        let home = self.len() / REGIONS.len() as u32;
        let first = home * u32::from(region);
        match draws.unit() {
            x if x < 0.03 => draws.below(self.len()),
            x if x < 0.30 => {
                let regular = draws.below(REGULARS);
                let scattered = mix(u64::from(terminal) << 8 | u64::from(regular));
                first + (((scattered >> 32) * u64::from(home)) >> 32) as u32
            }
            _ => first + draws.below(home),
        }
    }

    /// Schemes start with 4 or 5; the rest is spread out.
    fn bin(number: u64) -> u32 {
        400_000 + (number * 1_237 % 199_999) as u32
    }
}
