//! Tables of [`Masks`].

use std::collections::{BTreeMap, HashMap};

use super::table::{ALL, CategoryInput, Entry, LINES, Line, Masks, NumberInput};
use crate::forest::Forest;
use crate::predict::nodes::WALKS;
use crate::predict::number::Number;
use crate::predict::search::Searches;
use crate::tree::{Child, Node, Test, Tree, ZERO_BOUND};

/// Bytes of lines at most, and of codes: what stays in a core's own cache beside other things.
const LINE_BYTES_MAX: usize = 1 << 20;
const CODE_BYTES_MAX: usize = 1 << 20;

/// Categories are below this; a forest that tells more apart is walked.
const CATEGORIES_MAX: usize = 4096;

/// Leaves of a tree at most: bits of a word.
const LEAVES_MAX: usize = 64;

/// Costs in tenths of a nanosecond: of a line and of a leaf, measured; see [`walk_cost`].
const LINE_COST: usize = 10;
const LEAF_COST: usize = 15;

/// How a node looks at its feature: whether as a category, and if so whether that is cut towards zero.
type View = (Option<bool>, u32);

fn view(node: &Node) -> View {
    match node.test {
        Test::AtMost { .. } => (None, node.feature),
        Test::OneOf {
            cut_towards_zero, ..
        } => (Some(cut_towards_zero), node.feature),
    }
}

impl<S: Number> Masks<S> {
    /// Tables for `forest`, whose leaves fit `S`; `None` where it exceeds them, or where they would cost
    /// more than walks at `step_cost`.
    pub(in crate::predict) fn new(forest: &Forest, step_cost: usize) -> Option<Self> {
        let trees = forest.trees();
        let nodes = trees.iter().flat_map(Tree::nodes);
        let numeric = nodes.filter(|node| matches!(node.test, Test::AtMost { .. }));
        // Each has a line of its own but for the few that share a bound.
        if numeric.count() * size_of::<Line>() > LINE_BYTES_MAX {
            return None;
        }
        let leaves = trees.iter().map(|tree| tree.leaves().len()).max()?;
        if leaves > LEAVES_MAX {
            return None;
        }
        let leaf_bits = leaves.next_power_of_two().max(16);
        let mut masks = Self {
            input: forest.input(),
            numbers: Vec::new(),
            categories: Vec::new(),
            searches: Searches::default(),
            entries: Vec::new(),
            blocks: Vec::new(),
            places: vec![0],
            lines: vec![ALL],
            leaves: Vec::new(),
            leaf_bits,
        };
        if masks.cost(trees) > walk_cost(trees, step_cost) {
            return None;
        }
        let inputs = masks.add_inputs(trees)?;
        let mut position_of = HashMap::from([(ALL, 0)]);
        for block in trees.chunks(masks.block_trees()) {
            masks.add_block(block, &inputs, &mut position_of)?;
        }
        Some(masks)
    }

    /// Trees of a line.
    fn block_trees(&self) -> usize {
        size_of::<Line>() * 8 / self.leaf_bits
    }

    /// Codes of a row.
    pub(super) fn codes(&self) -> usize {
        self.numbers.len() + self.categories.len()
    }

    fn cost(&self, trees: &[Tree]) -> usize {
        let views_in = |trees: &[Tree]| {
            let nodes = trees.iter().flat_map(Tree::nodes);
            let mut views: Vec<View> = nodes.map(view).collect();
            views.sort_unstable();
            views.dedup();
            views.len()
        };
        let lines: usize = trees.chunks(self.block_trees()).map(views_in).sum();
        lines * LINE_COST + trees.len() * LEAF_COST
    }

    /// Finds what nodes look at, with one value for every code.
    fn add_inputs(&mut self, trees: &[Tree]) -> Option<BTreeMap<View, (u32, Vec<f64>)>> {
        let mut values: BTreeMap<View, Vec<f64>> = BTreeMap::new();
        for tree in trees {
            for node in tree.nodes() {
                let values = values.entry(view(node)).or_default();
                match node.test {
                    Test::AtMost {
                        bound,
                        zero_is_missing,
                        ..
                    } => {
                        values.extend((!bound.is_nan()).then_some(bound));
                        if zero_is_missing {
                            values.extend([(-ZERO_BOUND).next_down(), ZERO_BOUND]);
                        }
                    }
                    Test::OneOf { set, .. } => {
                        let end = tree.sets()[set as usize].words().len() * 64;
                        if end > CATEGORIES_MAX {
                            return None;
                        }
                        values.extend((values.len()..end).map(|category| category as f64));
                    }
                }
            }
        }
        // Numbers come first, as their views are less.
        for ((_, feature), values) in values.iter_mut().take_while(|(view, _)| view.0.is_none()) {
            values.sort_unstable_by(f64::total_cmp);
            // Zeros of both signs are one bound.
            values.dedup_by(|a, b| a == b);
            self.numbers.push(NumberInput {
                feature: *feature,
                search: self.searches.add(values),
                missing: values.len() as u32 + 1,
            });
        }
        let mut inputs = BTreeMap::new();
        for ((cut_towards_zero, feature), mut values) in values {
            let position = match cut_towards_zero {
                None => {
                    values.push(f64::INFINITY);
                    inputs.len()
                }
                Some(cut_towards_zero) => {
                    let end = values.len() as u32;
                    self.categories.push(CategoryInput {
                        feature,
                        cut_towards_zero,
                        end,
                    });
                    values.push(f64::from(end));
                    self.numbers.len() + self.categories.len() - 1
                }
            };
            values.push(f64::NAN);
            inputs.insert((cut_towards_zero, feature), (position as u32, values));
        }
        Some(inputs)
    }

    fn add_block(
        &mut self,
        trees: &[Tree],
        inputs: &BTreeMap<View, (u32, Vec<f64>)>,
        position_of: &mut HashMap<Line, u16>,
    ) -> Option<()> {
        let mut tests: BTreeMap<View, Vec<(&Tree, &Node, usize, u64)>> = BTreeMap::new();
        for (position, tree) in trees.iter().enumerate() {
            let (word, shift) = (
                position * self.leaf_bits / 64,
                position * self.leaf_bits % 64,
            );
            let (order, ruled_out) = leaves_in_order(tree);
            let first = self.leaves.len();
            self.leaves.resize(first + self.leaf_bits, S::default());
            for (slot, leaf) in self.leaves[first..].iter_mut().zip(order) {
                *slot = S::of(tree.leaves()[leaf as usize].value);
            }
            for (node, ruled_out) in tree.nodes().iter().zip(ruled_out) {
                let test = (tree, node, word, !(ruled_out << shift));
                tests.entry(view(node)).or_default().push(test);
            }
        }
        for (view, tests) in tests {
            let (input, values) = &inputs[&view];
            self.entries.push(Entry {
                input: *input,
                first: self.places.len() as u32,
            });
            for value in values {
                let mut line = ALL;
                for (tree, node, word, left) in &tests {
                    let is_left = tree.goes_left(node, *value);
                    line.0[*word] &= if is_left { u64::MAX } else { *left };
                }
                let last = self.places.last().copied().unwrap_or_default();
                let place = if self.lines[last as usize] == line {
                    last
                } else {
                    *position_of.entry(line).or_insert_with(|| {
                        self.lines.push(line);
                        (self.lines.len() - 1) as u16
                    })
                };
                self.places.push(place);
                let bytes = self.lines.len() * size_of::<Line>();
                if bytes > LINE_BYTES_MAX || self.places.len() * 2 > CODE_BYTES_MAX {
                    return None;
                }
            }
        }
        let filler = Entry {
            input: self.codes() as u32,
            first: 0,
        };
        let end = self.entries.len().next_multiple_of(LINES);
        self.entries.resize(end, filler);
        let from = self.blocks.last().copied().unwrap_or_default() as usize;
        self.blocks.push(end as u32);
        (end - from <= LINES * LINES).then_some(())
    }
}

/// What walking one row through `trees` costs at `step_cost` for each step of [`WALKS`] trees, of which
/// there are as many as the deepest takes. Rows are taken to be spread over leaves evenly.
fn walk_cost(trees: &[Tree], step_cost: usize) -> usize {
    let depth_of_leaves = |tree: &Tree| {
        let mut depths = vec![1; tree.nodes().len()];
        let mut sum = 0_usize;
        for (position, node) in tree.nodes().iter().enumerate() {
            for child in [node.left, node.right] {
                match child {
                    Child::Node(child) => depths[child as usize] = depths[position] + 1,
                    Child::Leaf(_) => sum += depths[position],
                }
            }
        }
        sum.div_ceil(tree.leaves().len())
    };
    let steps = |group: &[Tree]| group.iter().map(depth_of_leaves).max().unwrap_or(0) + 1;
    trees.chunks(WALKS).map(steps).sum::<usize>() * step_cost
}

/// Leaves from left to right, and for every node, by position in that order, those on its left.
fn leaves_in_order(tree: &Tree) -> (Vec<u32>, Vec<u64>) {
    let mut sizes = vec![0_u32; tree.nodes().len()];
    let size = |sizes: &[u32], child| match child {
        Child::Node(node) => sizes[node as usize],
        Child::Leaf(_) => 1,
    };
    for (position, node) in tree.nodes().iter().enumerate().rev() {
        sizes[position] = size(&sizes, node.left) + size(&sizes, node.right);
    }
    let mut firsts = vec![0_u32; tree.nodes().len()];
    let mut order = vec![0; tree.leaves().len()];
    let mut ruled_out = Vec::with_capacity(tree.nodes().len());
    for (position, node) in tree.nodes().iter().enumerate() {
        let first = firsts[position];
        let left = size(&sizes, node.left);
        for (child, first) in [(node.left, first), (node.right, first + left)] {
            match child {
                Child::Node(node) => firsts[node as usize] = first,
                Child::Leaf(leaf) => order[first as usize] = leaf,
            }
        }
        // At least one leaf is on the right, so this is at most 63 bits.
        ruled_out.push(((1_u64 << left) - 1) << first);
    }
    (order, ruled_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forest::{Link, Precision, Sum};
    use crate::predict::isa::Portable;
    use crate::tree::{CategorySet, Leaf};

    /// 16 chains of `leaves` leaves that look at a number and a category by turns.
    fn chains(leaves: u32) -> Forest {
        let node = |position: u32| Node {
            feature: position % 2,
            test: match position % 2 {
                0 => Test::AtMost {
                    bound: f64::from(position),
                    missing_left: true,
                    zero_is_missing: true,
                },
                _ => Test::OneOf {
                    set: 0,
                    members_left: true,
                    missing_left: false,
                    cut_towards_zero: false,
                },
            },
            left: Child::Leaf(position),
            right: match position + 2 < leaves {
                true => Child::Node(position + 1),
                false => Child::Leaf(position + 1),
            },
            cover: 1.0,
        };
        let leaf = |position: u32| Leaf {
            value: 0.1 * f64::from(position),
            cover: 1.0,
        };
        let tree = Tree::new(
            (0..leaves - 1).map(node).collect(),
            (0..leaves).map(leaf).collect(),
            vec![CategorySet::from_words(vec![0b1010])],
        );
        let sum = Sum {
            precision: Precision::Double,
            start: 0.5,
            divisor: None,
        };
        let names = vec!["number".to_owned(), "category".to_owned()];
        let trees = vec![tree.expect("a tree"); 16];
        Forest::new(names, trees, Precision::Double, sum, Link::Identity).expect("a forest")
    }

    #[test]
    fn tables_give_the_bits_of_the_definition() {
        let mut codes = Vec::new();
        for leaves in [3, 16, 17, 32, 33, 64] {
            let forest = chains(leaves);
            let masks =
                Masks::<f64>::new(&forest, 10_000).expect("small trees with sets have tables");
            for number in [
                f64::NAN,
                -1.0,
                0.0,
                1e-36,
                0.5,
                8.0,
                8.5,
                62.0,
                f64::INFINITY,
            ] {
                for category in [
                    f64::NAN,
                    -1.0,
                    -0.5,
                    0.0,
                    1.0,
                    1.5,
                    2.0,
                    3.0,
                    63.0,
                    64.0,
                    1e300,
                ] {
                    let sum = masks.sum(Portable, 0.5, &[&[number], &[category]], 0, &mut codes);
                    let expected = forest.raw_score(&[number, category]);
                    let context = format!("{leaves} leaves, {number}, {category}");
                    assert_eq!(sum.to_bits(), expected.to_bits(), "{context}");
                }
            }
        }
    }

    #[test]
    fn larger_trees_have_none() {
        assert!(Masks::<f64>::new(&chains(65), 10_000).is_none());
    }
}
