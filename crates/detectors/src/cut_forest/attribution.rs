//! What a row's score in one tree is made of: AWS's directional attribution.

use super::boxes::{extend, growth, larger, outside, range};
use super::tree::{Link, Tree, score_at};

/// What an input contributes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Side {
    /// By being less than what is known.
    pub(super) below: f64,
    /// By being more.
    pub(super) above: f64,
}

impl Tree {
    /// Sets `sides`, one per input, to what adds up to [`Tree::score`] of the same point. `path` is scratch.
    pub(super) fn attribute(&self, point: &[f32], path: &mut Vec<u16>, sides: &mut [Side]) {
        sides.fill(Side::default());
        let Some(leaf) = self.descend(point, path) else {
            return;
        };
        let leaf = Link::leaf(leaf);
        let at_leaf = self.corners(leaf);
        if at_leaf.0 == point {
            self.attribute_held(point, leaf, path, sides);
            return;
        }
        mix(at_leaf, 0.0, point, score_at(path.len()), sides);
        for (depth, number) in path.iter().enumerate().rev() {
            let corners = self.corners(Link::node(*number));
            if !mix(
                corners,
                self.node(*number).range,
                point,
                score_at(depth),
                sides,
            ) {
                break;
            }
        }
    }

    /// The same for a point that is held in a leaf: shares are those that it would have if the leaf
    /// were not there.
    fn attribute_held(&self, point: &[f32], leaf: Link, path: &[u16], sides: &mut [Side]) {
        let mut without: Option<(Vec<f32>, Vec<f32>)> = None;
        let mut below = leaf;
        for (depth, number) in path.iter().enumerate().rev() {
            let node = self.node(*number);
            let sibling = if node.left == below {
                node.right
            } else {
                node.left
            };
            below = Link::node(*number);
            let (low, high) = self.corners(sibling);
            let (all_low, all_high) = without.get_or_insert_with(|| (low.to_vec(), high.to_vec()));
            extend(all_low, all_high, low, high);
            let range = range(all_low, all_high);
            if !mix((all_low, all_high), range, point, score_at(depth), sides) {
                break;
            }
        }
        let total = match leaf.place() {
            super::tree::Place::Leaf(number) => self.score_of_held(number, path.len()),
            super::tree::Place::Node(_) => 0.0,
        };
        let sum: f64 = sides.iter().map(|side| side.below + side.above).sum();
        for side in &mut *sides {
            if sum > 0.0 {
                side.below *= total / sum;
                side.above *= total / sum;
            }
        }
        if sum <= 0.0 {
            // It is among the others, or there are none: nothing tells inputs apart.
            let even = total / (2 * sides.len()) as f64;
            sides.fill(Side {
                below: even,
                above: even,
            });
        }
    }
}

/// Mixes in the score of being cut off from a box, by the chance of that, divided among the inputs
/// by how far `point` is outside; whether it is outside at all.
fn mix(
    (low, high): (&[f32], &[f32]),
    range: f32,
    point: &[f32],
    score: f64,
    sides: &mut [Side],
) -> bool {
    let growth = f64::from(growth(low, high, point));
    if growth <= 0.0 {
        return false;
    }
    let chance = growth / (growth + f64::from(range));
    let ends = || low.iter().zip(high).zip(point);
    // Added up in doubles, so that shares add up to 1 better than `growth` does. Only one of the
    // two is above 0.
    let whole: f64 = ends()
        .map(|((low, high), position)| f64::from(outside(*low, *high, *position)))
        .sum();
    let factor = chance * score / whole;
    for (((low, high), position), side) in ends().zip(sides) {
        let below = f64::from(larger(low - position, 0.0));
        let above = f64::from(larger(position - high, 0.0));
        side.below = side.below * (1.0 - chance) + factor * below;
        side.above = side.above * (1.0 - chance) + factor * above;
    }
    true
}
