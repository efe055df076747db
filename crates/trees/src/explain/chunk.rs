//! Trees, laid out in the order in which attribution reads them.

use super::aligned::Aligned;
use super::decide::{ALL, Decisions};
use super::outline::{Edge, Outline};
use super::quadrature::gauss_legendre;
use crate::tree::{Child, Node, Tree};

/// A chunk takes on further trees until it has this many nodes: intermediate results of 8 rows stay in
/// the first-level cache, and small trees are not a chunk each.
const CHUNK_NODES: usize = 30;

/// Quadrature positions of one pass at most.
pub(super) const LANES: usize = 8;

/// Lanes where these suffice.
pub(super) const LANES_FEW: usize = 4;

/// Position in the pool of α and γ for rows that do not follow the branches above.
const ABOVE_NOT_FOLLOWED: usize = 0;

/// Position in the pool of α and γ where no branch above splits on the same feature.
pub(super) const ABOVE_NONE: u32 = 1;

/// Some trees.
///
/// Slots number what has a value: first splits with a split below, parents before children, then splits
/// with two leaves, then leaves of the former, and last a place for what nobody reads.
#[derive(Debug)]
pub(super) struct Chunk {
    pub decisions: Decisions,
    pub splits: Vec<Split>,
    pub pairs: Vec<Pair>,
    /// Value of each leaf that has a slot, in all lanes.
    pub leaves: Vec<[f64; LANES]>,
    /// Slots where trees begin.
    pub roots: Vec<u32>,
    /// All quadrature positions.
    pub passes: Vec<Pass>,
}

/// A node with a node below.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    /// For rows that go left and for rows that go right.
    pub ways: [Way; 2],
    pub feature: u32,
    /// Position in the pool of α and γ for rows that follow the branches above.
    pub above: u32,
    /// Plane of the rows that go right.
    pub right: u32,
    /// Plane of the rows that follow the branches above.
    pub follows: u32,
}

/// A split, seen by a row. Pairs are of the branch that it takes and the other one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Share of records that do not take the branch: what is left from 1.
    pub rest: f64,
    /// Share of records that take the other one.
    pub ratio: f64,
    /// Slots that products go to. For leaves the last one.
    pub down: [u32; 2],
    /// Slots that values come from.
    pub up: [u32; 2],
}

/// A node with two leaves. Pairs are for rows that go left and for rows that go right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    /// Value of the leaf where the row goes.
    pub value: [f64; 2],
    /// T of the method.
    pub step: [f64; 2],
    /// As [`Split::feature`].
    pub feature: u32,
    /// As [`Split::above`].
    pub above: u32,
    /// As [`Split::right`].
    pub right: u32,
    /// As [`Split::follows`].
    pub follows: u32,
}

/// Some quadrature positions, one per lane.
#[derive(Debug)]
pub(super) struct Pass {
    /// [`LANES`] or [`LANES_FEW`].
    pub lanes: usize,
    /// How many of them are used.
    pub points: usize,
    /// Weights, 0 where a lane is not used.
    pub weights: [f64; LANES],
    /// α and γ in turn, one number per lane; see [`Split::above`].
    pub alpha_gamma: Aligned,
}

/// What a node or leaf is in its chunk.
#[derive(Debug, Clone, Copy)]
enum Target {
    Split(usize),
    Pair(usize),
    Leaf(usize),
}

/// A chunk in the making.
struct Builder<'a> {
    trees: &'a [(&'a Tree, &'a Outline)],
    decisions: Decisions,
    /// Tree, node and targets.
    splits: Vec<(usize, u32, [Target; 2])>,
    /// Tree, node and values of leaves.
    pairs: Vec<(usize, u32, [f64; 2])>,
    leaves: Vec<f64>,
    roots: Vec<Target>,
    /// Per tree and node, the plane of its test.
    tests: Vec<Vec<u32>>,
    /// Per tree and branch, the plane of the rows that follow all branches of the feature up to it.
    followed: Vec<Vec<Option<u32>>>,
    /// Per tree and branch, its position in the pool of α and γ.
    above: Vec<Vec<Option<u32>>>,
    /// Shares of the branches in the pool, and whether they are followed.
    pool: Vec<(f64, bool)>,
}

/// Chunks of all trees that have nodes.
pub(super) fn chunks(trees: &[Tree], outlines: &[Outline]) -> Vec<Chunk> {
    // The integrand is a polynomial of a degree one less than there are features on a way.
    let points = |outline: &Outline| outline.degree.div_ceil(2);
    let mut of_points: Vec<(usize, (&Tree, &Outline))> = trees
        .iter()
        .zip(outlines)
        .filter(|(tree, _)| !tree.nodes().is_empty())
        .map(|(tree, outline)| (points(outline), (tree, outline)))
        .collect();
    of_points.sort_by_key(|(points, _)| *points);
    let mut chunks = Vec::new();
    for group in of_points.chunk_by(|a, b| a.0 == b.0) {
        let rule = gauss_legendre(group[0].0);
        let trees: Vec<_> = group.iter().map(|(_, tree)| *tree).collect();
        let mut first = 0;
        let mut nodes = 0;
        for (i, (tree, _)) in trees.iter().enumerate() {
            nodes += tree.nodes().len();
            if nodes >= CHUNK_NODES || i + 1 == trees.len() {
                chunks.push(Builder::new(&trees[first..=i]).build(&rule));
                first = i + 1;
                nodes = 0;
            }
        }
    }
    chunks
}

/// α and γ of the method at position `y`, below branches with share `share` that a row follows, or not.
fn alpha_gamma(share: f64, follows: bool, y: f64) -> (f64, f64) {
    if !follows {
        return (1.0, 0.0);
    }
    let factor = share * (1.0 - y) + y;
    (share * (1.0 - y) / factor, share / factor / factor)
}

impl<'a> Builder<'a> {
    fn new(trees: &'a [(&'a Tree, &'a Outline)]) -> Self {
        let nodes = || trees.iter().map(|(tree, _)| tree.nodes().len());
        let per_edge = || nodes().map(|nodes| vec![None; 2 * nodes]).collect();
        Self {
            trees,
            decisions: Decisions::new(),
            splits: Vec::new(),
            pairs: Vec::new(),
            leaves: Vec::new(),
            roots: Vec::new(),
            tests: nodes().map(|nodes| vec![0; nodes]).collect(),
            followed: per_edge(),
            above: per_edge(),
            // See `ABOVE_NOT_FOLLOWED` and `ABOVE_NONE`.
            pool: vec![(1.0, false), (1.0, true)],
        }
    }

    fn build(mut self, (positions, weights): &(Vec<f64>, Vec<f64>)) -> Chunk {
        self.place();
        let (splits, pairs) = (self.splits.len(), self.pairs.len());
        let slot = |target| {
            let slot = match target {
                Target::Split(i) => i,
                Target::Pair(i) => splits + i,
                Target::Leaf(i) => splits + pairs + i,
            };
            slot as u32
        };
        let unread = (splits + pairs + self.leaves.len()) as u32;
        let roots = self.roots.iter().map(|root| slot(*root)).collect();
        let splits = (0..splits).map(|i| self.split(i, slot, unread)).collect();
        let pairs = (0..pairs).map(|i| self.pair(i)).collect();
        let lanes = positions.chunks(LANES).zip(weights.chunks(LANES));
        let passes = lanes
            .map(|(positions, weights)| self.pass(positions, weights))
            .collect();
        Chunk {
            decisions: self.decisions,
            splits,
            pairs,
            leaves: self.leaves.iter().map(|leaf| [*leaf; LANES]).collect(),
            roots,
            passes,
        }
    }

    /// Goes through all trees at once, level by level: neighbours in this order do not wait for each
    /// other, so that a core works on several at once.
    fn place(&mut self) {
        // Tree, branch, and the split and side that it hangs from.
        type Place = (usize, Child, Option<(usize, usize)>);
        let root = |tree| (tree, Child::Node(0), None);
        let mut level: Vec<Place> = (0..self.trees.len()).map(root).collect();
        while !level.is_empty() {
            let mut below = Vec::new();
            for (at, child, parent) in level {
                let tree = self.trees[at].0;
                let value = |leaf: u32| tree.leaves()[leaf as usize].value;
                let target = match child {
                    Child::Leaf(leaf) => {
                        self.leaves.push(value(leaf));
                        Target::Leaf(self.leaves.len() - 1)
                    }
                    Child::Node(node) => {
                        self.tests[at][node as usize] = self.decisions.test(tree, node);
                        let Node { left, right, .. } = tree.nodes()[node as usize];
                        if let (Child::Leaf(left), Child::Leaf(right)) = (left, right) {
                            self.pairs.push((at, node, [value(left), value(right)]));
                            Target::Pair(self.pairs.len() - 1)
                        } else {
                            let index = self.splits.len();
                            below.push((at, left, Some((index, 0))));
                            below.push((at, right, Some((index, 1))));
                            self.splits.push((at, node, [Target::Leaf(0); 2]));
                            Target::Split(index)
                        }
                    }
                };
                match parent {
                    None => self.roots.push(target),
                    Some((index, side)) => self.splits[index].2[side] = target,
                }
            }
            level = below;
        }
    }

    fn split(&mut self, index: usize, slot: impl Fn(Target) -> u32, unread: u32) -> Split {
        let (at, node, targets) = self.splits[index];
        let (tree, outline) = self.trees[at];
        let ratio = outline.ratios[node as usize];
        let (above, follows) = self.above(at, node);
        let down = targets.map(|target| match target {
            Target::Leaf(_) => unread,
            _ => slot(target),
        });
        let up = targets.map(slot);
        let way = |hot: usize| Way {
            rest: 1.0 - ratio[hot],
            ratio: ratio[1 - hot],
            down: [down[hot], down[1 - hot]],
            up: [up[hot], up[1 - hot]],
        };
        Split {
            ways: [way(0), way(1)],
            feature: tree.nodes()[node as usize].feature,
            above,
            right: self.tests[at][node as usize],
            follows,
        }
    }

    fn pair(&mut self, index: usize) -> Pair {
        let (at, node, value) = self.pairs[index];
        let (tree, outline) = self.trees[at];
        let [left, right] = outline.ratios[node as usize];
        let (above, follows) = self.above(at, node);
        Pair {
            value,
            step: [
                (1.0 - left) * value[0] - right * value[1],
                (1.0 - right) * value[1] - left * value[0],
            ],
            feature: tree.nodes()[node as usize].feature,
            above,
            right: self.tests[at][node as usize],
            follows,
        }
    }

    /// Position in the pool and plane for the branches above a node that split on the same feature.
    fn above(&mut self, at: usize, node: u32) -> (u32, u32) {
        let outline = self.trees[at].1;
        let Some(edge) = outline.before[node as usize] else {
            return (ABOVE_NONE, ALL);
        };
        let above = *self.above[at][edge as usize].get_or_insert_with(|| {
            self.pool.push((outline.shares[edge as usize], true));
            self.pool.len() as u32 - 1
        });
        (above, self.followed(at, edge))
    }

    /// The plane of the rows that follow all branches of a feature on the way to and with `edge`.
    fn followed(&mut self, at: usize, edge: Edge) -> u32 {
        let outline = self.trees[at].1;
        let mut missing = Vec::new();
        let mut next = Some(edge);
        let mut plane = ALL;
        while let Some(edge) = next {
            if let Some(known) = self.followed[at][edge as usize] {
                plane = known;
                break;
            }
            missing.push(edge);
            next = outline.before[(edge / 2) as usize];
        }
        for edge in missing.into_iter().rev() {
            let test = self.tests[at][(edge / 2) as usize];
            plane = self.decisions.follow(plane, test, edge % 2 == 1);
            self.followed[at][edge as usize] = Some(plane);
        }
        plane
    }

    fn pass(&self, positions: &[f64], of_positions: &[f64]) -> Pass {
        let points = positions.len();
        let lanes = if points <= LANES_FEW {
            LANES_FEW
        } else {
            LANES
        };
        let mut weights = [0.0; LANES];
        weights[..points].copy_from_slice(of_positions);
        // Lanes without a position have weight 0, and any position serves.
        let mut all = [0.5; LANES];
        all[..points].copy_from_slice(positions);
        let mut pool = Vec::with_capacity(2 * lanes * self.pool.len());
        for (share, follows) in &self.pool {
            let terms = all.map(|y| alpha_gamma(*share, *follows, y));
            pool.extend(terms[..lanes].iter().map(|(alpha, _)| *alpha));
            pool.extend(terms[..lanes].iter().map(|(_, gamma)| *gamma));
        }
        Pass {
            lanes,
            points,
            weights,
            alpha_gamma: Aligned::new(&pool),
        }
    }
}

/// Position of α in the pool for rows that follow the branches above, or not; γ is the next.
#[inline(always)]
pub(super) fn pool_position(above: u32, follows: usize) -> usize {
    2 * (above as usize * follows + ABOVE_NOT_FOLLOWED)
}
