//! A random cut forest: Guha, Mishra, Roy and Schrijvers, "Robust Random Cut Forest Based Anomaly
//! Detection On Streams" (ICML 2016), with the sampling, the score and the attribution of AWS's
//! implementation.
//!
//! Every tree keeps a sample of rows in which recent ones are more likely, and cuts their bounding
//! box at random until each row is alone. A tree that took a row in or gave one up is distributed
//! as if it had been drawn for the rows that it holds. A row's score in a tree is high if the row
//! would have been cut off near the root.
//!
//! Positions are kept in 32 bits: two rows that are nearer than 6e-8 of an input's range are the same.

mod attribution;
mod boxes;
mod forest;
mod room;
mod sampled;
mod sampler;
mod tree;
mod update;
mod written;

pub use forest::{CutForestSettings, RandomCutForest};
