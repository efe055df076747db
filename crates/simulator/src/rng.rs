//! Random draws. The generator is ChaCha8, whose stream is fixed by its specification, and the
//! distributions are our own, so that an update of a library changes no byte.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

/// The only source of randomness of a fleet.
#[derive(Debug, Clone)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    pub fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        for (word, lane) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(0..) {
            *word = mix(seed.wrapping_add(lane)).to_le_bytes();
        }
        Self(ChaCha8Rng::from_seed(bytes))
    }

    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in 0..n; 0 for an empty range.
    pub fn below(&mut self, n: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// Uniform in low..high.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low))
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Close to the standard normal: the sum of four uniforms, scaled (Irwin-Hall). Bounded by ±3.47,
    /// which keeps amounts within bounds.
    pub fn normal(&mut self) -> f64 {
        let bits = self.bits();
        let lanes = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
        (lanes as f64 * (1.0 / 65_536.0) - 2.0) * 1.732_050_8
    }

    /// Lognormal: e^(sigma × normal) × median.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// One of `choices`, never called with none.
    pub fn pick<T: Copy, const N: usize>(&mut self, choices: &[T; N]) -> T {
        const { assert!(N > 0) };
        choices[self.below(N as u32) as usize]
    }
}

/// A bijection of 64 bits that scatters neighbours (the finaliser of SplitMix64).
pub fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A bijection of 48 bits that scatters neighbours.
pub fn mix48(value: u64, salt: u64) -> u64 {
    const MASK: u64 = (1 << 48) - 1;
    let value = (value ^ salt).wrapping_mul(0xbf58_476d_1ce4_e5b9) & MASK;
    let value = ((value ^ (value >> 25)) ^ (salt >> 16)).wrapping_mul(0x94d0_49bb_1331_11eb) & MASK;
    value ^ (value >> 24)
}
