//! One row through trees of up to 64 leaves without walking them: for batches too small to fill a block.
//!
//! Number a tree's leaves from left to right. A node that sends a row right rules out the leaves on its
//! left, and the first leaf that no such node rules out is where the row ends (QuickScorer,
//! <https://doi.org/10.1145/2766462.2767733>): all leaves before it are left of it at some node where
//! the row goes right, and it is itself on the left of none.
//!
//! Which of the leaves of a tree one *feature* rules out depends only on its code: the rank of its value
//! among all bounds of the feature, or its category. So the leaves that are left are looked up, a line of
//! 512 bits for several trees at once, and the lines of all features are intersected. A line
//! that many codes share is held once.
//!
//! All values of a code go the same way at every node: bounds, and the ends of what counts as zero, are
//! at the ends of the ranges that codes stand for. So the lines are made by asking the definition,
//! [`Tree::goes_left`](crate::tree::Tree::goes_left), about one value of each.

mod build;
mod table;

pub(super) use table::Masks;
