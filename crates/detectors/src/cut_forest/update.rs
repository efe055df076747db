//! How a tree takes a row in and gives one up: afterwards it is distributed as if it had been drawn
//! for the rows that it holds (theorems of the paper on insertion and deletion).

use super::boxes::{growth, outside, touches};
use super::tree::{Link, Node, Place, Tree};
use crate::random::SplitMix64;

/// Where a row is cut off from a box.
struct Cut {
    dimension: usize,
    at: f32,
    row_is_left: bool,
}

impl Tree {
    /// Takes a point in: the leaf that it is in now. There is room for it. `path` is scratch.
    pub(super) fn insert(
        &mut self,
        point: &[f32],
        random: &mut SplitMix64,
        path: &mut Vec<u16>,
    ) -> u16 {
        path.clear();
        let mut link = self.root();
        if link == Link::NOTHING {
            let leaf = self.add_leaf(point, 1);
            self.set_root(Link::leaf(leaf));
            return leaf;
        }
        loop {
            let (low, high) = self.corners(link);
            let growth = growth(low, high, point);
            if growth > 0.0
                && let Some(cut) = self.cut_off(link, growth, point, random)
            {
                let leaf = self.add_leaf(point, 1);
                let node = self.new_node(link, leaf, &cut);
                self.replace(path.last().copied(), link, Link::node(node));
                return leaf;
            }
            match link.place() {
                Place::Leaf(leaf) => {
                    *self.copies_mut(leaf) += 1;
                    return leaf;
                }
                Place::Node(number) => {
                    path.push(number);
                    let node = self.node_mut(number);
                    node.mass += 1;
                    link = node.side(point);
                    if growth > 0.0 {
                        self.extend(number, point);
                    }
                }
            }
        }
    }

    /// Gives one row of a leaf up. `path` is scratch.
    pub(super) fn remove(&mut self, leaf: u16, path: &mut Vec<u16>) {
        let found = self.descend(self.corners(Link::leaf(leaf)).0, path);
        debug_assert_eq!(found, Some(leaf), "cuts lead to every row");
        for number in &*path {
            self.node_mut(*number).mass -= 1;
        }
        let copies = self.copies_mut(leaf);
        *copies -= 1;
        if *copies == 0 {
            self.vacate_leaf(leaf);
            self.cut_out(leaf, path);
        }
    }

    /// Takes a leaf without rows off the tree, with the node above it.
    fn cut_out(&mut self, leaf: u16, path: &mut Vec<u16>) {
        let Some(parent) = path.pop() else {
            self.set_root(Link::NOTHING);
            return;
        };
        let node = *self.node(parent);
        let sibling = if node.left == Link::leaf(leaf) {
            node.right
        } else {
            node.left
        };
        self.replace(path.last().copied(), Link::node(parent), sibling);
        self.vacate_node(parent);
        for number in path.iter().rev() {
            let (low, high) = self.corners(Link::node(*number));
            if !touches(low, high, self.corners(Link::leaf(leaf)).0) {
                // It was inside this box, so it was inside those above.
                break;
            }
            self.fit(*number);
        }
    }

    /// Where a random cut of the box grown to `point`, which is `growth` outside, separates the
    /// two; nothing if it cuts the box itself.
    fn cut_off(
        &self,
        link: Link,
        growth: f32,
        point: &[f32],
        random: &mut SplitMix64,
    ) -> Option<Cut> {
        let (low, high) = self.corners(link);
        let growth = f64::from(growth);
        let range = match link.place() {
            Place::Node(number) => f64::from(self.node(number).range),
            Place::Leaf(_) => 0.0,
        };
        let mut left = random.unit() * (growth + range);
        if range > 0.0 && left >= growth {
            return None;
        }
        let mut cut = None;
        for dimension in 0..self.inputs() {
            let (low, high, position) = (low[dimension], high[dimension], point[dimension]);
            let outside = outside(low, high, position);
            if outside <= 0.0 {
                continue;
            }
            let row_is_left = position < low;
            let (start, end) = if row_is_left {
                (position, low)
            } else {
                (high, position)
            };
            // Rows at the cut are left of it.
            let at = (start + left as f32).clamp(start, end.next_down());
            cut = Some(Cut {
                dimension,
                at,
                row_is_left,
            });
            left -= f64::from(outside);
            if left < 0.0 {
                break;
            }
        }
        cut
    }

    /// A node over what is at `link` and a new `leaf`.
    fn new_node(&mut self, link: Link, leaf: u16, cut: &Cut) -> u16 {
        let leaf = Link::leaf(leaf);
        let (left, right) = if cut.row_is_left {
            (leaf, link)
        } else {
            (link, leaf)
        };
        let number = self.add_node(Node {
            cut: cut.at,
            range: 0.0,
            dimension: cut.dimension as u16,
            mass: self.mass(link) + 1,
            left,
            right,
        });
        self.fit(number);
        number
    }

    /// Makes what is above `old`, a node or nothing, lead to `new` instead.
    fn replace(&mut self, above: Option<u16>, old: Link, new: Link) {
        let Some(above) = above else {
            self.set_root(new);
            return;
        };
        let above = self.node_mut(above);
        if above.left == old {
            above.left = new;
        } else {
            above.right = new;
        }
    }
}
