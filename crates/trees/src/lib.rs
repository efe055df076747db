//! Ensembles of decision trees: what they say of a row, and how much of it each input accounts for.
//!
//! A loader makes a [`Forest`] of a model file, which may come from anywhere. A forest is the
//! definition: which way every value goes at every node, and how leaves are added up. Engines compile
//! it into whatever is fast and must give the definition's bits.
//!
//! Nothing here does I/O, reads a clock or draws a random number, and nothing knows of Arrow: a batch
//! is one slice of doubles per feature, NaN where there is no value.

mod error;
mod exp;
mod explain;
mod forest;
mod instructions;
pub mod limits;
mod load;
mod predict;
mod tree;

pub use error::TreeError;
pub use explain::{ExplainScratch, Explainer, PathExplainer};
pub use forest::{Forest, Link, Precision, Sum};
pub use instructions::InstructionSet;
pub use load::{Format, Iterations, Loaded, load, load_with};
pub use predict::{Predictor, Scratch};
pub use tree::{CategorySet, Child, Leaf, Node, Test, Tree, ZERO_BOUND};
