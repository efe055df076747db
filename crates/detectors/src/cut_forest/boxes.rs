//! Arithmetic of boxes and points, four inputs at a time.
//!
//! Slices are as long as a multiple of [`LANES`]; behind the inputs they are zero, which adds
//! nothing. Sums are taken lane by lane, in an order that does not depend on what the machine's
//! registers hold.

/// Inputs that are handled together.
pub(super) const LANES: usize = 4;

/// Sum over the inputs of how far `point` is outside of `low` to `high`; 0 if it is inside.
#[inline]
pub(super) fn growth(low: &[f32], high: &[f32], point: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (low, high, point) = (
        low.as_chunks::<LANES>().0,
        high.as_chunks::<LANES>().0,
        point.as_chunks::<LANES>().0,
    );
    for ((low, high), point) in low.iter().zip(high).zip(point) {
        for lane in 0..LANES {
            sums[lane] += outside(low[lane], high[lane], point[lane]);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// How far a position is outside of `low` to `high`, in either direction.
#[inline]
pub(super) fn outside(low: f32, high: f32, position: f32) -> f32 {
    larger(larger(low - position, position - high), 0.0)
}

/// Sum over the inputs of the extent.
#[inline]
pub(super) fn range(low: &[f32], high: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (low, high) = (low.as_chunks::<LANES>().0, high.as_chunks::<LANES>().0);
    for (low, high) in low.iter().zip(high) {
        for lane in 0..LANES {
            sums[lane] += high[lane] - low[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// Makes the box hold the box from `other_low` to `other_high` as well.
#[inline]
pub(super) fn extend(low: &mut [f32], high: &mut [f32], other_low: &[f32], other_high: &[f32]) {
    for (low, other) in low.iter_mut().zip(other_low) {
        *low = smaller(*low, *other);
    }
    for (high, other) in high.iter_mut().zip(other_high) {
        *high = larger(*high, *other);
    }
}

/// Whether the box might be smaller without `point`, which is in it.
#[inline]
pub(super) fn touches(low: &[f32], high: &[f32], point: &[f32]) -> bool {
    let ends = low.iter().zip(high).zip(point);
    // The zeros behind the inputs would always touch, but have no extent.
    let mut ends = ends.filter(|((low, high), _)| low < high);
    ends.any(|((low, high), position)| position == low || position == high)
}

/// One instruction, unlike [`f32::max`], which minds NaN.
#[inline]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// As [`larger`].
#[inline]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}
