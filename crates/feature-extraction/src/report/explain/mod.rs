//! What a plan keeps and does, in words.

mod explanation;
mod formula;
mod kept;
#[cfg(test)]
mod tests;
mod text;
mod uses;
mod words;

pub use explanation::{Explained, Explanation, Filter, Kept, RowField, WindowBound};
