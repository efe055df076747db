//! What a plan keeps and takes, for people.

mod estimate;
mod explain;

pub use estimate::{Estimate, Rates};
pub use explain::{Explained, Explanation, Filter, Kept, RowField, WindowBound};
