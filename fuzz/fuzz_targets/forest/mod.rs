//! What the loaders' targets share.

use tillwatch_trees::{Format, load};

/// Reads `bytes`; a model that they make gives every row a score and a probability.
pub fn check(bytes: &[u8], format: Format) {
    Format::sniff(bytes);
    let Ok(model) = load(bytes, format) else {
        return;
    };
    let width = model.forest.features().len();
    for value in [f64::NAN, 0.0, -0.5, 1.0, 1e300, f64::NEG_INFINITY] {
        let raw = model.forest.raw_score(&vec![value; width]);
        let probability = model.forest.link().probability(raw);
        assert!(raw.is_nan() || (0.0..=1.0).contains(&probability));
    }
}
