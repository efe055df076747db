//! What the machine itself takes for memory that nobody has read for a while.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::ClockId;

use crate::cpu::cpu;

const PAGE_BYTES: usize = 4_096;

/// 512 MiB: more than any cache, and little beside the lane's state.
const PAGES: usize = 1 << 17;

/// Odd, so that each page has its turn once: far from the page before.
const STRIDE: usize = 48_271;

/// Pages that are read at once: about what the keys of one step of a cut lie on, five each.
const STEP_PAGES: usize = 160;

/// Memory without any structure, written once.
pub struct Plain(Vec<u8>);

impl Plain {
    pub fn written() -> Self {
        Self(vec![1; PAGES * PAGE_BYTES])
    }

    /// Reads a byte of each page once, some pages at a time. Most CPU time that one step took.
    pub fn longest_step(&self) -> Duration {
        let steps = PAGES / STEP_PAGES;
        let longest = (0..steps).map(|step| {
            let before = cpu(ClockId::ThreadCPUTime);
            let pages = step * STEP_PAGES..(step + 1) * STEP_PAGES;
            for number in pages {
                let page = number.wrapping_mul(STRIDE) % PAGES;
                black_box(self.0[page * PAGE_BYTES]);
            }
            cpu(ClockId::ThreadCPUTime) - before
        });
        longest.max().unwrap_or_default()
    }
}
