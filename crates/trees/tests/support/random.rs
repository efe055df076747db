//! Seeded random forests, and rows that lie on, beside and far from everything they split at.

use tillwatch_trees::{
    CategorySet, Child, Forest, Leaf, Link, Node, Precision, Sum, Test, Tree, ZERO_BOUND,
};

/// SplitMix64: the same numbers from the same seed, everywhere.
#[derive(Debug, Clone)]
pub struct Rng(u64);

/// What random forests look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Number of features, 1 or more.
    pub features: usize,
    /// Number of trees, 1 or more.
    pub trees: usize,
    /// Largest number of leaves of a tree. Each has from 1 to this, or exactly this; see `all_full`.
    pub leaves_max: usize,
    /// Whether every tree has `leaves_max` leaves.
    pub all_full: bool,
    /// How trees grow.
    pub growth: Growth,
    /// Share of splits that look up a category, 0 to 1. Features are numbers or categories by their
    /// position, so that a forest splits on a feature in one way only, unless `mixed`.
    pub categories: f64,
    /// Categories of sets are below this, 1 or more.
    pub categories_end: u32,
    /// Whether any feature may be split on in every way.
    pub mixed: bool,
    /// Whether bounds may be NaN, infinite or subnormal, and zero may be missing.
    pub odd: bool,
    /// What values are rounded to.
    pub input: Precision,
    /// What leaves and partial sums are rounded to.
    pub sum: Precision,
}

/// Which leaf is split next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// The oldest: all leaves are about as deep.
    Balanced,
    /// The youngest: one long path.
    Chain,
    /// Any.
    Random,
}

impl Rng {
    /// The numbers of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 on, below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in `share` of all cases.
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// One of `items`.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

impl Shape {
    /// LightGBM's: doubles throughout.
    pub fn of(features: usize, trees: usize, leaves: usize) -> Self {
        Self {
            features,
            trees,
            leaves_max: leaves,
            all_full: true,
            growth: Growth::Random,
            categories: 0.0,
            categories_end: 1,
            mixed: false,
            odd: false,
            input: Precision::Double,
            sum: Precision::Double,
        }
    }

    /// Any small shape, odd ones among them.
    pub fn any(rng: &mut Rng) -> Self {
        let precisions = [Precision::Single, Precision::Double];
        Self {
            features: rng.pick(&[1, 2, 3, 7, 20, 70]),
            trees: rng.pick(&[1, 2, 3, 8, 17, 40]),
            leaves_max: rng.pick(&[1, 2, 3, 8, 31, 32, 33, 63, 64, 65, 130, 300]),
            all_full: rng.chance(0.3),
            growth: rng.pick(&[Growth::Balanced, Growth::Chain, Growth::Random]),
            categories: rng.pick(&[0.0, 0.0, 0.2, 0.7, 1.0]),
            categories_end: rng.pick(&[1, 2, 10, 63, 64, 65, 200, 1500]),
            mixed: rng.chance(0.2),
            odd: rng.chance(0.5),
            input: rng.pick(&precisions),
            sum: rng.pick(&precisions),
        }
    }

    /// A random forest of this shape.
    pub fn forest(&self, rng: &mut Rng) -> Forest {
        let trees = (0..self.trees).map(|_| self.tree(rng)).collect();
        let names = (0..self.features).map(|i| format!("f{i}")).collect();
        let sum = Sum {
            precision: self.sum,
            start: self.sum.round(rng.pick(&[0.0, 0.0, -2.75, 0.1])),
            divisor: rng.chance(0.2).then_some(self.trees as f64),
        };
        let link = rng.pick(&[
            Link::Sigmoid(1.0),
            Link::Sigmoid(0.7),
            Link::SigmoidSingle,
            Link::Identity,
            Link::SigmoidOfMean {
                trees: 3.0,
                slope: 0.5,
            },
            Link::IdentityOfMean(3.0),
            Link::Exponential,
            Link::Softplus,
            Link::Step,
            Link::PowerOfHalf,
        ]);
        Forest::new(names, trees, self.input, sum, link).expect("a forest")
    }

    fn tree(&self, rng: &mut Rng) -> Tree {
        let count = match self.all_full {
            true => self.leaves_max,
            false => 1 + rng.below(self.leaves_max),
        };
        // Where each leaf hangs; splitting one gives its place to a new node.
        let mut open: Vec<Option<(usize, bool)>> = vec![None];
        let mut nodes: Vec<Node> = Vec::new();
        let mut sets = Vec::new();
        while open.len() < count {
            let at = match self.growth {
                Growth::Balanced => 0,
                Growth::Chain => open.len() - 1,
                Growth::Random => rng.below(open.len()),
            };
            let position = nodes.len();
            hang(&mut nodes, open.remove(at), Child::Node(position as u32));
            let feature = rng.below(self.features);
            nodes.push(Node {
                feature: feature as u32,
                test: self.test(rng, feature, &mut sets),
                left: Child::Leaf(0),
                right: Child::Leaf(0),
                cover: 0.0,
            });
            let mut children = [Some((position, true)), Some((position, false))];
            if rng.chance(0.5) {
                children.swap(0, 1);
            }
            open.extend(children);
        }
        // Half of the trees number their leaves in no order.
        if rng.chance(0.5) {
            for at in (1..open.len()).rev() {
                open.swap(at, rng.below(at + 1));
            }
        }
        let mut leaves = Vec::new();
        for (index, place) in open.into_iter().enumerate() {
            hang(&mut nodes, place, Child::Leaf(index as u32));
            leaves.push(Leaf {
                value: self.leaf_value(rng),
                cover: (1 + rng.below(1000)) as f64,
            });
        }
        let weigh = |nodes: &[Node], child| match child {
            Child::Node(node) => nodes[node as usize].cover,
            Child::Leaf(leaf) => leaves[leaf as usize].cover,
        };
        for position in (0..nodes.len()).rev() {
            let Node { left, right, .. } = nodes[position];
            nodes[position].cover = weigh(&nodes, left) + weigh(&nodes, right);
        }
        Tree::new(nodes, leaves, sets).expect("a tree")
    }

    fn leaf_value(&self, rng: &mut Rng) -> f64 {
        let scale = rng.pick(&[1.0, 1.0, 1e-3, 1e3, 1e-12]);
        let value = match rng.below(20) {
            0 => 0.0,
            1 => -0.0,
            _ => (rng.unit() - 0.5) * scale,
        };
        self.sum.round(value)
    }

    fn test(&self, rng: &mut Rng, feature: usize, sets: &mut Vec<CategorySet>) -> Test {
        let is_category = if self.mixed {
            rng.chance(self.categories)
        } else {
            (feature as f64) < self.categories * self.features as f64
        };
        if is_category {
            let words = 1 + rng.below(self.categories_end.div_ceil(64) as usize);
            let density = rng.pick(&[0.02, 0.5, 0.9]);
            let mut bits = vec![0_u64; words];
            for category in 0..(words * 64).min(self.categories_end as usize) {
                if rng.chance(density) {
                    bits[category / 64] |= 1 << (category % 64);
                }
            }
            sets.push(CategorySet::from_words(bits));
            return Test::OneOf {
                set: sets.len() as u32 - 1,
                members_left: rng.chance(0.5),
                missing_left: rng.chance(0.5),
                cut_towards_zero: rng.chance(0.5),
            };
        }
        Test::AtMost {
            bound: self.bound(rng),
            missing_left: rng.chance(0.5),
            zero_is_missing: self.odd && rng.chance(0.2),
        }
    }

    fn bound(&self, rng: &mut Rng) -> f64 {
        if self.odd && rng.chance(0.3) {
            return rng.pick(&[
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                0.0,
                -0.0,
                ZERO_BOUND,
                -ZERO_BOUND,
                f64::from_bits(1),
                f64::from(f32::from_bits(1)),
                f64::from(f32::MAX),
                3.5e38,
                -3.5e38,
                f64::MAX,
                1e-40,
                1.0 + f64::EPSILON,
            ]);
        }
        // Few enough for trees to share some: as integers, doubles and singles.
        let bound = match rng.below(3) {
            0 => rng.below(20) as f64,
            1 => (rng.below(40) as f64 - 20.0) * 0.1,
            _ => f64::from((rng.unit() as f32 - 0.5) * 8.0),
        };
        match rng.chance(0.5) {
            true => Precision::Single.round(bound),
            false => bound,
        }
    }
}

/// Puts `child` where a leaf hung.
fn hang(nodes: &mut [Node], place: Option<(usize, bool)>, child: Child) {
    match place {
        None => {}
        Some((parent, true)) => nodes[parent].left = child,
        Some((parent, false)) => nodes[parent].right = child,
    }
}

/// `count` rows for `forest`: bounds of its nodes, their neighbours among singles and doubles, missing
/// values, infinities, zeros of both signs, categories inside and outside of its sets, fractions.
pub fn rows(rng: &mut Rng, forest: &Forest, count: usize) -> Vec<Vec<f64>> {
    let mut bounds = vec![Vec::new(); forest.features().len()];
    let mut ends = vec![1_usize; forest.features().len()];
    for tree in forest.trees() {
        for node in tree.nodes() {
            let feature = node.feature as usize;
            match node.test {
                Test::AtMost { bound, .. } => bounds[feature].push(bound),
                Test::OneOf { set, .. } => {
                    let words = tree.sets()[set as usize].words().len();
                    ends[feature] = ends[feature].max(words * 64 + 2);
                }
            }
        }
    }
    // Rows differ in how often they lack values: none at all, some, nearly all.
    let mut row = |_| {
        let missing = rng.pick(&[0.0, 0.05, 0.9]);
        let value = |(bounds, end): (&Vec<f64>, &usize)| match rng.chance(missing) {
            true => f64::NAN,
            false => value(rng, bounds, *end),
        };
        bounds.iter().zip(&ends).map(value).collect()
    };
    (0..count).map(&mut row).collect()
}

fn value(rng: &mut Rng, bounds: &[f64], categories_end: usize) -> f64 {
    match rng.below(8) {
        0..=2 if !bounds.is_empty() => near(rng, bounds),
        3 | 4 if categories_end > 1 => {
            rng.below(categories_end) as f64 + rng.pick(&[0.0, 0.0, 0.5, -0.5, 0.999_999])
        }
        5 => rng.pick(&[
            0.0,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
            f64::from_bits(1),
            -0.5,
            -1.0,
            -f64::EPSILON,
            ZERO_BOUND,
            -ZERO_BOUND,
            ZERO_BOUND.next_up(),
            1e-36,
            2_147_483_647.0,
            2_147_483_648.0,
            16_777_216.0,
            9_007_199_254_740_992.0,
            1.8e19,
            3.5e38,
        ]),
        _ => (rng.unit() - 0.5) * rng.pick(&[2.0, 8.0, 40.0]),
    }
}

/// A bound, or what stands beside it.
fn near(rng: &mut Rng, bounds: &[f64]) -> f64 {
    let bound = rng.pick(bounds);
    let single = bound as f32;
    rng.pick(&[
        bound,
        bound.next_up(),
        bound.next_down(),
        f64::from(single),
        f64::from(single.next_up()),
        f64::from(single.next_down()),
        // Half way between two singles: where rounding to single turns.
        (f64::from(single) + f64::from(single.next_up())) / 2.0,
        -bound,
    ])
}
