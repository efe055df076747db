//! Models of other libraries as a [`Forest`](crate::Forest). The bytes may come from anywhere:
//! nothing in them is trusted before it is checked, and what is kept is bounded by their length and
//! by [`limits`](crate::limits).

mod arrays;
mod isolation;
mod json;
mod lightgbm;
mod loaded;
mod stream;
mod ubj;
mod xgboost;

pub use loaded::{Format, Iterations, Loaded};

use crate::error::TreeError;
use crate::limits::BYTES_MAX;

/// Reads a model of `format`; of trees after the best iteration, see [`Iterations::Best`].
///
/// # Errors
/// Says what in the file is malformed, unsupported or too large, and where.
pub fn load(bytes: &[u8], format: Format) -> Result<Loaded, TreeError> {
    load_with(bytes, format, Iterations::default())
}

/// Reads a model of `format`. Only XGBoost's formats know `iterations` that are not to count.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    bytes: &[u8],
    format: Format,
    iterations: Iterations,
) -> Result<Loaded, TreeError> {
    if bytes.len() > BYTES_MAX {
        return Err(TreeError::TooLarge {
            what: "bytes".to_owned(),
            found: bytes.len(),
            max: BYTES_MAX,
        });
    }
    match format {
        Format::LightGbmText => lightgbm::load(bytes),
        Format::XgBoostJson => xgboost::load(json::Json::new(bytes)?, iterations),
        Format::XgBoostUbj => xgboost::load(ubj::Ubj::new(bytes), iterations),
        Format::IsolationForestJson => isolation::load(json::Json::new(bytes)?),
    }
}
