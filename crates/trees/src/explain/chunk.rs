//! Trees, laid out in the order in which attribution reads them.

use super::aligned::Aligned;
use super::decide::{ALL, Decisions};
use super::fringe::{Fringe, alpha_gamma};
use super::outline::{Edge, FRINGE_BITS, Outline};
use super::quadrature::gauss_legendre;
use crate::tree::{Child, Node, Tree};

/// A chunk takes on further trees up to about this many nodes and leaves: its constants and
/// intermediate results stay in the first-level cache for all rows of a tile, and there are enough
/// trees for a core to work on several at once.
const CHUNK_NODES: usize = 160;

/// Quadrature positions of one pass at most.
pub(super) const LANES: usize = 8;

/// Lanes where these suffice.
pub(super) const LANES_FEW: usize = 4;

/// Stands in the pool for the share of a branch that a row does not follow.
const NOT_FOLLOWED: f64 = f64::NAN;

/// Some trees.
///
/// Slots number what has a value and a product of factors: first splits, parents before children, then
/// fringes, then leaves that no fringe holds.
#[derive(Debug)]
pub(super) struct Chunk {
    /// One code per split and fringe, in the order of slots. A split's code has bit 0 set if the row
    /// goes right, and bit 1 if it follows all earlier branches of the same feature.
    pub decisions: Decisions,
    pub splits: Vec<Split>,
    /// By number of features.
    pub fringes: Vec<Tabulated>,
    /// How many fringes have up to 1, 2, … features.
    pub fringe_ends: [usize; FRINGE_BITS],
    /// Values of the leaves.
    pub leaves: Vec<f64>,
    /// Slots where trees begin.
    pub roots: Vec<u32>,
    /// All quadrature positions.
    pub passes: Vec<Pass>,
}

/// A node that no fringe holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    /// Shares of records that go left, right.
    pub ratio: [f64; 2],
    /// What is left of these from 1.
    pub rest: [f64; 2],
    /// Slots left, right.
    pub children: [u32; 2],
    pub feature: u32,
    /// Position in the pools of α and γ for rows that follow the branches above; 0 is for those that do
    /// not.
    pub above: u32,
}

/// A fringe's place in the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tabulated {
    /// Position of the entry of code 0: the value, then one part per feature, one group of lanes each.
    /// Entries of further codes follow.
    pub first: u32,
    pub features: [u32; FRINGE_BITS],
}

/// Some quadrature positions, one per lane.
#[derive(Debug)]
pub(super) struct Pass {
    /// [`LANES`] or [`LANES_FEW`].
    pub lanes: usize,
    /// Weights.
    pub weights: [f64; LANES],
    /// α and γ in turn; see [`Split::above`].
    pub alpha_gamma: Aligned,
    /// Entries of fringes.
    pub table: Aligned,
}

/// Where a branch leads: a position among the splits, fringes or leaves of a chunk.
#[derive(Debug, Clone, Copy)]
enum Target {
    Split(usize),
    Fringe(usize),
    Leaf(usize),
}

/// A chunk in the making.
struct Builder<'a> {
    trees: &'a [(&'a Tree, &'a Outline)],
    decisions: Decisions,
    /// Tree, node and targets.
    splits: Vec<(usize, u32, [Target; 2])>,
    /// Tree and fringe.
    fringes: Vec<(usize, Fringe<'a>)>,
    leaves: Vec<f64>,
    roots: Vec<Target>,
    /// Per tree and node, the plane of its test.
    tests: Vec<Vec<u32>>,
    /// Per tree and branch, the plane of the rows that follow all branches of the feature up to it.
    followed: Vec<Vec<Option<u32>>>,
    /// Per tree and branch, its position in the pools of α and γ.
    above: Vec<Vec<Option<u32>>>,
    /// Shares of the branches in these pools.
    pool: Vec<f64>,
}

/// Chunks of all trees that have nodes.
pub(super) fn chunks(trees: &[Tree], outlines: &[Outline]) -> Vec<Chunk> {
    let mut of_points: Vec<(usize, (&Tree, &Outline))> = trees
        .iter()
        .zip(outlines)
        .filter(|(tree, _)| !tree.nodes().is_empty())
        .map(|(tree, outline)| (points(outline.degree), (tree, outline)))
        .collect();
    of_points.sort_by_key(|(points, _)| *points);
    let mut chunks = Vec::new();
    for group in of_points.chunk_by(|a, b| a.0 == b.0) {
        let passes = Rule::new(group[0].0);
        let trees: Vec<_> = group.iter().map(|(_, tree)| *tree).collect();
        let mut first = 0;
        let mut nodes = 0;
        for (i, (tree, _)) in trees.iter().enumerate() {
            nodes += tree.nodes().len() + tree.leaves().len();
            if nodes >= CHUNK_NODES || i + 1 == trees.len() {
                chunks.push(Builder::new(&trees[first..=i]).build(&passes));
                first = i + 1;
                nodes = 0;
            }
        }
    }
    chunks
}

/// Quadrature positions for trees with up to `degree` features on a way. The integrand is a polynomial
/// of degree − 1, for which half as many positions are exact; lanes are filled.
fn points(degree: usize) -> usize {
    let points = degree.div_ceil(2);
    match points {
        ..=LANES_FEW => LANES_FEW,
        _ => points.next_multiple_of(LANES),
    }
}

/// Positions and weights of quadrature, lanes by lanes.
struct Rule {
    lanes: usize,
    positions: Vec<f64>,
    weights: Vec<f64>,
}

impl Rule {
    fn new(points: usize) -> Self {
        let (positions, weights) = gauss_legendre(points);
        Self {
            lanes: points.min(LANES),
            positions,
            weights,
        }
    }
}

impl<'a> Builder<'a> {
    fn new(trees: &'a [(&'a Tree, &'a Outline)]) -> Self {
        let per_node = trees.iter().map(|(tree, _)| tree.nodes().len());
        let per_edge = |_| {
            per_node
                .clone()
                .map(|nodes| vec![None; 2 * nodes])
                .collect()
        };
        Self {
            trees,
            decisions: Decisions::new(),
            splits: Vec::new(),
            fringes: Vec::new(),
            leaves: Vec::new(),
            roots: Vec::new(),
            tests: per_node.clone().map(|nodes| vec![0; nodes]).collect(),
            followed: per_edge(()),
            above: per_edge(()),
            pool: vec![NOT_FOLLOWED, 1.0],
        }
    }

    fn build(mut self, rule: &Rule) -> Chunk {
        self.place();
        let order = self.sort_fringes();
        let slot = |target| {
            let slot = match target {
                Target::Split(i) => i,
                Target::Fringe(i) => self.splits.len() + order[i],
                Target::Leaf(i) => self.splits.len() + self.fringes.len() + i,
            };
            slot as u32
        };
        let roots = self.roots.iter().map(|root| slot(*root)).collect();
        let children: Vec<_> = self.splits.iter().map(|split| split.2.map(slot)).collect();
        let splits = (0..self.splits.len())
            .map(|i| self.split(i, children[i]))
            .collect();
        let fringes = self.tabulated();
        let fringe_ends = std::array::from_fn(|i| {
            let few = |(_, fringe): &&(usize, Fringe)| fringe.features.len() <= i + 1;
            self.fringes.iter().filter(few).count()
        });
        let lanes = rule.positions.chunks_exact(rule.lanes);
        let passes = lanes
            .zip(rule.weights.chunks_exact(rule.lanes))
            .map(|(positions, weights)| self.pass(positions, weights))
            .collect();
        Chunk {
            decisions: self.decisions,
            splits,
            fringes,
            fringe_ends,
            leaves: self.leaves,
            roots,
            passes,
        }
    }

    /// Goes through all trees at once, level by level: neighbours in this order do not wait for each
    /// other.
    fn place(&mut self) {
        // Tree, branch, and the split and side that it hangs from.
        type Place = (usize, Child, Option<(usize, usize)>);
        let root = |tree| (tree, Child::Node(0), None);
        let mut level: Vec<Place> = (0..self.trees.len()).map(root).collect();
        while !level.is_empty() {
            let mut below = Vec::new();
            for (at, child, parent) in level {
                let (tree, outline) = self.trees[at];
                let target = match child {
                    Child::Leaf(leaf) => {
                        self.leaves.push(tree.leaves()[leaf as usize].value);
                        Target::Leaf(self.leaves.len() - 1)
                    }
                    Child::Node(node) if outline.is_fringe[node as usize] => {
                        let fringe = Fringe::new(tree, outline, node);
                        for member in &fringe.members {
                            self.tests[at][*member as usize] = self.decisions.test(tree, *member);
                        }
                        self.fringes.push((at, fringe));
                        Target::Fringe(self.fringes.len() - 1)
                    }
                    Child::Node(node) => {
                        self.tests[at][node as usize] = self.decisions.test(tree, node);
                        let index = self.splits.len();
                        let Node { left, right, .. } = tree.nodes()[node as usize];
                        below.push((at, left, Some((index, 0))));
                        below.push((at, right, Some((index, 1))));
                        self.splits.push((at, node, [Target::Leaf(0); 2]));
                        Target::Split(index)
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

    /// Sorts fringes by their number of features; gives the new position of each.
    fn sort_fringes(&mut self) -> Vec<usize> {
        let mut sorted: Vec<_> = std::mem::take(&mut self.fringes)
            .into_iter()
            .enumerate()
            .collect();
        sorted.sort_by_key(|(_, (_, fringe))| fringe.features.len());
        let mut order = vec![0; sorted.len()];
        for (new, (old, fringe)) in sorted.into_iter().enumerate() {
            order[old] = new;
            self.fringes.push(fringe);
        }
        order
    }

    fn split(&mut self, index: usize, children: [u32; 2]) -> Split {
        let (at, node, _) = self.splits[index];
        let (tree, outline) = self.trees[at];
        let before = outline.before[node as usize];
        let follows = before.map_or(ALL, |edge| self.followed(at, edge));
        let test = self.tests[at][node as usize];
        self.decisions.code(&[test, follows]);
        let above = match before {
            None => 1,
            Some(edge) => *self.above[at][edge as usize].get_or_insert_with(|| {
                self.pool.push(outline.shares[edge as usize]);
                self.pool.len() as u32 - 1
            }),
        };
        let ratio = outline.ratios[node as usize];
        Split {
            ratio,
            rest: ratio.map(|ratio| 1.0 - ratio),
            children,
            feature: tree.nodes()[node as usize].feature,
            above,
        }
    }

    fn tabulated(&mut self) -> Vec<Tabulated> {
        let mut first = 0;
        let mut tabulated = Vec::new();
        for i in 0..self.fringes.len() {
            let (at, fringe) = &self.fringes[i];
            let at = *at;
            let mut features = [0; FRINGE_BITS];
            features[..fringe.features.len()].copy_from_slice(&fringe.features);
            tabulated.push(Tabulated { first, features });
            first += (fringe.codes() * (1 + fringe.features.len())) as u32;
            let tests = fringe.members.iter().map(|m| self.tests[at][*m as usize]);
            let mut planes: Vec<u32> = tests.collect();
            for edge in fringe.outside.clone() {
                planes.push(self.followed(at, edge));
            }
            self.decisions.code(&planes);
        }
        tabulated
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
        let mut weights = [0.0; LANES];
        weights[..of_positions.len()].copy_from_slice(of_positions);
        let mut pool = Vec::with_capacity(2 * positions.len() * self.pool.len());
        for share in &self.pool {
            let terms = |y: &f64| alpha_gamma(*share, !share.is_nan(), *y);
            pool.extend(positions.iter().map(|y| terms(y).0));
            pool.extend(positions.iter().map(|y| terms(y).1));
        }
        let mut table = Vec::new();
        for (_, fringe) in &self.fringes {
            for code in 0..fringe.codes() {
                let entries: Vec<_> = positions.iter().map(|y| fringe.entry(code, *y)).collect();
                table.extend(entries.iter().map(|entry| entry.value));
                for i in 0..fringe.features.len() {
                    table.extend(entries.iter().map(|entry| entry.parts[i]));
                }
            }
        }
        Pass {
            lanes: positions.len(),
            weights,
            alpha_gamma: Aligned::new(&pool),
            table: Aligned::new(&table),
        }
    }
}
