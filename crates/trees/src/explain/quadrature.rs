//! Gauss-Legendre quadrature.

/// Positions in (0, 1), ascending, and weights, with which Σ wᵢ f(yᵢ) is the integral of `f` over
/// [0, 1] for every polynomial `f` of degree at most 2 × `points` − 1.
///
/// Newton's method on the Legendre polynomial, as in Press et al., Numerical Recipes, 4.6.
pub(super) fn gauss_legendre(points: usize) -> (Vec<f64>, Vec<f64>) {
    let mut positions = vec![0.5; points];
    let mut weights = vec![0.0; points];
    for i in 0..points.div_ceil(2) {
        let guess = std::f64::consts::PI * (i as f64 + 0.75) / (points as f64 + 0.5);
        let mut x = libm::cos(guess);
        let mut slope = 1.0;
        // The guess is good to a few digits, and each step doubles them.
        for _ in 0..8 {
            let (value, derivative) = legendre(points, x);
            slope = derivative;
            x -= value / derivative;
        }
        let weight = 1.0 / ((1.0 - x) * (1.0 + x) * slope * slope);
        positions[i] = 0.5 - 0.5 * x;
        positions[points - 1 - i] = 0.5 + 0.5 * x;
        weights[i] = weight;
        weights[points - 1 - i] = weight;
    }
    (positions, weights)
}

/// The Legendre polynomial of `degree` at `x`, and its derivative.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (0.0, 1.0);
    for k in 0..degree {
        let k = k as f64;
        let next = ((2.0 * k + 1.0) * x * value - k * before) / (k + 1.0);
        before = value;
        value = next;
    }
    let derivative = degree as f64 * (x * value - before) / (x * x - 1.0);
    (value, derivative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for points in (1..=40).chain([64, 200, 2048]) {
            let (positions, weights) = gauss_legendre(points);
            assert!(positions.is_sorted_by(|a, b| a < b), "{points} points");
            for power in [0, 1, points, 2 * points - 1] {
                let terms = positions.iter().zip(&weights);
                let sum: f64 = terms.map(|(y, w)| w * y.powi(power as i32)).sum();
                let integral = 1.0 / (power as f64 + 1.0);
                let off = (sum / integral - 1.0).abs();
                assert!(
                    off < 1e-11,
                    "y^{power} with {points} points is off by {off:e}"
                );
            }
        }
    }

    #[test]
    fn a_point_too_few_is_not_exact() {
        let (positions, weights) = gauss_legendre(3);
        let sum: f64 = positions
            .iter()
            .zip(&weights)
            .map(|(y, w)| w * y.powi(6))
            .sum();
        assert!((sum - 1.0 / 7.0).abs() > 1e-5);
    }
}
