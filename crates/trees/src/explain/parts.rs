//! The parts in which contributions are added up.

use super::chunk::LANES;

/// The sum of all parts.
#[inline(always)]
pub(super) fn sum(parts: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = parts;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}
