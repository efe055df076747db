//! Numbers that look random and follow from a seed alone.

/// Steele, Lea and Flood's SplitMix64 (OOPSLA 2014), with the constants of its reference
/// implementation: its state is one word, which is written with a detector's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SplitMix64 {
    pub(crate) state: u64,
}

/// The golden ratio in 64 bits, made odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// Above 0 and below 1: the middle of one of 2^52 equal parts.
    #[inline]
    pub(crate) fn unit(&mut self) -> f64 {
        const PART: f64 = 1.0 / (1_u64 << 52) as f64;
        ((self.next() >> 12) as f64 + 0.5) * PART
    }
}

/// Spreads every bit over the word.
#[inline]
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A fingerprint of words in their order. Finds accidents, not forgeries.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    #[inline]
    pub(crate) fn add(&mut self, word: u64) {
        self.0 = mix(self.0.wrapping_add(GAMMA) ^ word);
    }

    pub(crate) fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_sequence() {
        let mut random = SplitMix64::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
            ]
        );
    }

    #[test]
    fn a_unit_is_neither_end() {
        let mut random = SplitMix64::new(7);
        let units: Vec<f64> = (0..10_000).map(|_| random.unit()).collect();
        assert!(units.iter().all(|unit| *unit > 0.0 && *unit < 1.0));
        let mean = units.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
