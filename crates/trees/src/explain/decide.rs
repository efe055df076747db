//! Which way rows go, as bits, so that attribution itself knows nothing of kinds of tests.

use crate::tree::{CategorySet, Test, Tree, ZERO_BOUND};

/// Rows that are decided at once.
pub(super) const TILE_ROWS: usize = 8;

/// Per row, all bits or none: what comparisons of doubles give and selections take.
pub(super) type Plane = [u64; TILE_ROWS];

/// The plane of all rows.
pub(super) const ALL: u32 = 0;

/// Which way rows go at some nodes, and what follows from that.
///
/// A plane says something of every row of a tile. Planes are [`ALL`], one per test (set: the row goes
/// right), and those that follow from others.
#[derive(Debug)]
pub(super) struct Decisions {
    numbers: Vec<NumberTest>,
    categories: Vec<CategoryTest>,
    followed: Vec<Followed>,
    planes: u32,
}

#[derive(Debug)]
struct NumberTest {
    bound: f64,
    feature: u32,
    plane: u32,
    /// All bits, or none.
    missing_left: u64,
    /// All bits, or none.
    zero_is_missing: u64,
}

#[derive(Debug)]
struct CategoryTest {
    set: CategorySet,
    feature: u32,
    plane: u32,
    members_left: bool,
    missing_left: bool,
    cut_towards_zero: bool,
}

/// A plane of the rows that are in `from` and go the given way at a test.
#[derive(Debug)]
struct Followed {
    from: u32,
    test: u32,
    /// All bits if that way is left.
    flip: u64,
}

/// Values of a tile: per feature the rows' values, and which of them are missing or near zero.
#[derive(Debug, Default)]
pub(super) struct Tile {
    pub values: Vec<[f64; TILE_ROWS]>,
    pub missing: Vec<Plane>,
    pub zero: Vec<Plane>,
}

impl Decisions {
    pub fn new() -> Self {
        Self {
            numbers: Vec::new(),
            categories: Vec::new(),
            followed: Vec::new(),
            planes: ALL + 1,
        }
    }

    /// The plane of a node's test. Tests come before what follows from them.
    pub fn test(&mut self, tree: &Tree, node: u32) -> u32 {
        debug_assert!(self.followed.is_empty());
        let node = &tree.nodes()[node as usize];
        let plane = self.planes;
        self.planes += 1;
        let mask = |set: bool| if set { u64::MAX } else { 0 };
        match node.test {
            Test::AtMost {
                bound,
                missing_left,
                zero_is_missing,
            } => self.numbers.push(NumberTest {
                bound,
                feature: node.feature,
                plane,
                missing_left: mask(missing_left),
                zero_is_missing: mask(zero_is_missing),
            }),
            Test::OneOf {
                set,
                members_left,
                missing_left,
                cut_towards_zero,
            } => self.categories.push(CategoryTest {
                set: tree.sets()[set as usize].clone(),
                feature: node.feature,
                plane,
                members_left,
                missing_left,
                cut_towards_zero,
            }),
        }
        plane
    }

    /// The plane of the rows of plane `from` that go right, or left, at the test of plane `test`.
    pub fn follow(&mut self, from: u32, test: u32, right: bool) -> u32 {
        let plane = self.planes;
        self.planes += 1;
        let flip = if right { 0 } else { u64::MAX };
        self.followed.push(Followed { from, test, flip });
        plane
    }

    pub fn planes(&self) -> usize {
        self.planes as usize
    }

    /// Writes all planes, for the first `ROWS` rows of a tile, which are all of it or one.
    #[inline(always)]
    pub fn decide<const ROWS: usize>(&self, tile: &Tile, planes: &mut [Plane]) {
        planes[ALL as usize] = [u64::MAX; TILE_ROWS];
        for test in &self.numbers {
            let feature = test.feature as usize;
            let values = &tile.values[feature];
            let (missing, zero) = (&tile.missing[feature], &tile.zero[feature]);
            let mut plane = [0; TILE_ROWS];
            for row in 0..ROWS {
                let missing = missing[row] | (zero[row] & test.zero_is_missing);
                let below = bits(values[row] <= test.bound);
                plane[row] = !((below & !missing) | (missing & test.missing_left));
            }
            planes[test.plane as usize] = plane;
        }
        for test in &self.categories {
            let values = &tile.values[test.feature as usize];
            let mut plane = [0; TILE_ROWS];
            for row in 0..ROWS {
                plane[row] = bits(!test.goes_left(values[row]));
            }
            planes[test.plane as usize] = plane;
        }
        let first = self.planes() - self.followed.len();
        for (i, followed) in self.followed.iter().enumerate() {
            let test = planes[followed.test as usize];
            let mut plane = planes[followed.from as usize];
            for row in 0..ROWS {
                plane[row] &= test[row] ^ followed.flip;
            }
            planes[first + i] = plane;
        }
    }
}

impl CategoryTest {
    fn goes_left(&self, value: f64) -> bool {
        match value.is_nan() {
            true => self.missing_left,
            false => self.set.contains(value, self.cut_towards_zero) == self.members_left,
        }
    }
}

impl Tile {
    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let planes = (self.missing.capacity() + self.zero.capacity()) * size_of::<Plane>();
        self.values.capacity() * size_of::<[f64; TILE_ROWS]>() + planes
    }

    /// Loads rows `first` to `first + count` of `columns`, each value after `round`.
    #[inline(always)]
    pub fn load(
        &mut self,
        columns: &[&[f64]],
        first: usize,
        count: usize,
        round: impl Fn(f64) -> f64,
    ) {
        for (feature, column) in columns.iter().enumerate() {
            let values = &mut self.values[feature];
            for (value, of) in values.iter_mut().zip(&column[first..first + count]) {
                *value = round(*of);
            }
            for (row, value) in values.iter().enumerate() {
                self.missing[feature][row] = bits(value.is_nan());
                self.zero[feature][row] = bits(value.abs() <= ZERO_BOUND);
            }
        }
    }

    /// Makes room for `features`.
    pub fn resize(&mut self, features: usize) {
        self.values.resize(features, [0.0; TILE_ROWS]);
        self.missing.resize(features, [0; TILE_ROWS]);
        self.zero.resize(features, [0; TILE_ROWS]);
    }
}

/// All bits, or none.
#[inline(always)]
fn bits(holds: bool) -> u64 {
    u64::from(holds).wrapping_neg()
}
