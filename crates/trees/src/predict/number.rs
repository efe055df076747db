//! Singles and doubles: what is summed, and what walks compare.

/// What walks look at, row after row.
#[derive(Debug, Default)]
pub(super) struct Values {
    singles: Vec<f32>,
    doubles: Vec<f64>,
}

impl Values {
    /// Bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        self.singles.capacity() * size_of::<f32>() + self.doubles.capacity() * size_of::<f64>()
    }
}

/// `f32` or `f64`.
pub(super) trait Number:
    Copy + Default + PartialOrd + std::ops::AddAssign + std::fmt::Debug
{
    /// Less than any number.
    const LEAST: Self;

    /// No number.
    const NAN: Self;

    /// Whether this is `f32`.
    const IS_SINGLE: bool;

    /// These numbers, if they are doubles.
    fn as_doubles(numbers: &mut [Self]) -> Option<&mut [f64]>;

    /// These numbers, if they are singles.
    fn as_singles(numbers: &mut [Self]) -> Option<&mut [f32]>;

    /// The nearest number.
    fn of(value: f64) -> Self;

    /// The double that it is.
    fn double(self) -> f64;

    /// Bits of this type, zero-extended.
    fn bits(self) -> u64;

    /// A number of bits that [`Number::bits`] gave, or for doubles any.
    fn of_bits(bits: u64) -> Self;

    /// Numbers of this type, to be overwritten.
    fn buffer(values: &mut Values) -> &mut Vec<Self>;
}

impl Number for f32 {
    const LEAST: Self = Self::NEG_INFINITY;
    const NAN: Self = Self::NAN;

    const IS_SINGLE: bool = true;

    #[inline(always)]
    fn as_doubles(_numbers: &mut [Self]) -> Option<&mut [f64]> {
        None
    }

    #[inline(always)]
    fn as_singles(numbers: &mut [Self]) -> Option<&mut [f32]> {
        Some(numbers)
    }

    #[inline(always)]
    fn of(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn double(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn bits(self) -> u64 {
        u64::from(self.to_bits())
    }

    #[inline(always)]
    fn of_bits(bits: u64) -> Self {
        Self::from_bits(bits as u32)
    }

    #[inline(always)]
    fn buffer(values: &mut Values) -> &mut Vec<Self> {
        &mut values.singles
    }
}

impl Number for f64 {
    const LEAST: Self = Self::NEG_INFINITY;
    const NAN: Self = Self::NAN;

    const IS_SINGLE: bool = false;

    #[inline(always)]
    fn as_doubles(numbers: &mut [Self]) -> Option<&mut [f64]> {
        Some(numbers)
    }

    #[inline(always)]
    fn as_singles(_numbers: &mut [Self]) -> Option<&mut [f32]> {
        None
    }

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn double(self) -> f64 {
        self
    }

    #[inline(always)]
    fn bits(self) -> u64 {
        self.to_bits()
    }

    #[inline(always)]
    fn of_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }

    #[inline(always)]
    fn buffer(values: &mut Values) -> &mut Vec<Self> {
        &mut values.doubles
    }
}
