//! What a plan keeps and does, in words.

mod explanation;
mod kept;
#[cfg(test)]
mod tests;
mod text;

pub use explanation::{Explained, Explanation, Filter, Kept, RowField, WindowBound};
