//! Trees whose nodes and leaves stand in one array each, in any order, joined by positions.

use crate::tree::{CategorySet, Child, Leaf, Node, Test, Tree};

/// A node of such a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Entry {
    /// Splits on a feature; `left` and `right` are positions.
    Split {
        feature: u32,
        test: Test,
        left: usize,
        right: usize,
        cover: f64,
    },
    /// Ends a walk.
    End(Leaf),
}

/// The tree that starts at position 0. Positions it does not reach are left out: XGBoost keeps those that
/// were pruned.
///
/// # Errors
/// Passes on what `entry` refuses; says which position is not there or has two parents.
pub(super) fn tree(
    count: usize,
    sets: Vec<CategorySet>,
    mut entry: impl FnMut(usize) -> Result<Entry, String>,
) -> Result<Tree, String> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut leaves = Vec::new();
    let mut reached = vec![false; count];
    // What is yet to be visited, level by level, and where it hangs.
    let mut queue = vec![(0, None)];
    let mut next = 0;
    while let Some((position, parent)) = queue.get(next).copied() {
        next += 1;
        match reached.get_mut(position) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => return Err(format!("node {position} has two parents")),
            None => {
                return Err(format!("node {position} is named and is not there"));
            }
        }
        let child = match entry(position)? {
            Entry::End(leaf) => {
                leaves.push(leaf);
                Child::Leaf(leaves.len() as u32 - 1)
            }
            Entry::Split {
                feature,
                test,
                left,
                right,
                cover,
            } => {
                let index = nodes.len();
                queue.push((left, Some((index, true))));
                queue.push((right, Some((index, false))));
                nodes.push(Node {
                    feature,
                    test,
                    // Set when they are visited, which is the rest of this loop.
                    left: Child::Leaf(0),
                    right: Child::Leaf(0),
                    cover,
                });
                Child::Node(index as u32)
            }
        };
        match parent {
            Some((parent, true)) => nodes[parent].left = child,
            Some((parent, false)) => nodes[parent].right = child,
            None => {}
        }
    }
    Tree::new(nodes, leaves, sets)
}
