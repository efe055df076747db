//! Between log-odds, probabilities and scores.

/// 1 / (1 + e^−x).
pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// ln(p / (1 − p)).
pub(crate) fn log_odds(p: f64) -> f64 {
    libm::log(p / (1.0 - p))
}

/// The score of a probability: `min(999, floor(1000 p))`. NaN gives 0.
pub fn score_of(probability: f64) -> u16 {
    (1000.0 * probability).floor().clamp(0.0, 999.0) as u16
}
