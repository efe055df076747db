//! One kernel, compiled once per instruction set; the widest that the machine has is chosen at run time.
//!
//! A kernel is plain code over arrays that the compiler turns into vectors. It rounds after every
//! operation whatever the instructions are (the compiler never fuses a multiplication with an addition
//! by itself), so every set gives the same bits.

use std::fmt;

/// Code to be compiled for every instruction set.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;

    /// Runs it. Implementations, and what they call in loops, are `#[inline(always)]`: only what is
    /// inlined into a function of an instruction set is compiled for that set.
    fn run(self) -> Self::Output;
}

/// An instruction set that this machine has. Results are the same with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstructionSet(Kind);

/// Proof that this machine has everything that [`InstructionSet::run`] compiles for AVX-512.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512(());

/// Only [`InstructionSet::all`] makes those that not every machine of an architecture has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl InstructionSet {
    /// What every machine of the architecture has: SSE2 on x86-64, NEON on aarch64.
    pub const BASELINE: Self = Self(Kind::Baseline);

    /// All that this machine has, narrow ones first: AVX2 (2013 and later) and AVX-512 with VBMI (Ice Lake,
    /// Zen 4 and later) on x86-64.
    pub fn all() -> Vec<Self> {
        #[cfg_attr(
            not(target_arch = "x86_64"),
            expect(unused_mut, reason = "the baseline is all there is")
        )]
        let mut all = vec![Self::BASELINE];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("popcnt")
            {
                all.push(Self(Kind::Avx2));
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vbmi")
                {
                    all.push(Self(Kind::Avx512(Avx512(()))));
                }
            }
        }
        all
    }

    /// The proof, if this is AVX-512.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn avx512(self) -> Option<Avx512> {
        match self.0 {
            Kind::Avx512(proof) => Some(proof),
            _ => None,
        }
    }

    /// The widest that this machine has.
    pub fn widest() -> Self {
        Self::all().pop().unwrap_or(Self::BASELINE)
    }

    /// Runs `kernel` as compiled for this set.
    #[cfg_attr(
        target_arch = "x86_64",
        expect(
            unsafe_code,
            reason = "a function compiled for a set may only be called where the machine has it"
        )
    )]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Kind::Baseline => kernel.run(),
            // SAFETY: `all` is the only maker of this kind and has seen each of these features.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { run_avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => unsafe { run_avx512(kernel) },
        }
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            Kind::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
        })
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2,popcnt")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi2,popcnt")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
