//! The kinds of model, one module each.

pub mod detector;
pub mod logistic;
pub mod rules;
pub mod trees;
