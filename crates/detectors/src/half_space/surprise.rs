//! How rare a side of a split is, in bits.

/// Logarithms of all masses that a window can have.
#[derive(Debug)]
pub(super) struct Surprise {
    /// log2(mass + ½).
    logarithms: Vec<f64>,
}

impl Surprise {
    /// For masses of up to `window`.
    pub(super) fn new(window: usize) -> Self {
        let masses = 0..=window;
        Self {
            logarithms: masses.map(|mass| libm::log2(mass as f64 + 0.5)).collect(),
        }
    }

    /// By how many bits going to a side with `side` of the `mass` of a node is rarer than what
    /// sides of this split are on average. The share of a side is (side + ½) ÷ (mass + 1), so that
    /// both sides' add up to 1 and none is 0.
    #[inline]
    pub(super) fn excess(&self, side: u16, mass: u16) -> f64 {
        let (side, other) = (usize::from(side), usize::from(mass - side));
        // Bits less the mean of both sides' bits are the share of the other side times what they
        // differ by, and in the difference the mass of the node cancels out.
        let share_of_other = (other as f64 + 0.5) / (f64::from(mass) + 1.0);
        share_of_other * (self.logarithms[other] - self.logarithms[side])
    }
}
