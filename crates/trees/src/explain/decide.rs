//! Which way rows go, as bits, so that attribution itself knows nothing of kinds of tests.

use crate::tree::{CategorySet, Test, Tree, ZERO_BOUND};

/// Rows that are decided at once.
pub(super) const TILE_ROWS: usize = 8;

/// A plane without any bit: one bit per row of a tile.
pub(super) const NONE: u32 = 0;

/// A plane with all bits.
pub(super) const ALL: u32 = 1;

/// Bits that one code takes from planes.
pub(super) const CODE_BITS: usize = super::outline::FRINGE_BITS;

/// Which way rows go at some nodes, and what follows from that.
///
/// A plane is one bit per row of a tile. Planes are [`NONE`], [`ALL`], one per test (set: the row goes
/// right), and those that follow from others. Codes gather a row's bits from some planes.
#[derive(Debug)]
pub(super) struct Decisions {
    numbers: Vec<NumberTest>,
    categories: Vec<CategoryTest>,
    followed: Vec<Followed>,
    codes: Vec<[u32; CODE_BITS]>,
    planes: u32,
}

#[derive(Debug)]
struct NumberTest {
    bound: f64,
    feature: u32,
    plane: u32,
    /// All bits, or none.
    missing_left: u8,
    /// All bits, or none.
    zero_is_missing: u8,
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
    flip: u8,
}

/// Values of a tile: per feature the rows' values, and which of them are missing or near zero.
#[derive(Debug, Default)]
pub(super) struct Tile {
    pub values: Vec<[f64; TILE_ROWS]>,
    pub missing: Vec<u8>,
    pub zero: Vec<u8>,
}

impl Decisions {
    pub fn new() -> Self {
        Self {
            numbers: Vec::new(),
            categories: Vec::new(),
            followed: Vec::new(),
            codes: Vec::new(),
            planes: ALL + 1,
        }
    }

    /// The plane of a node's test. Tests come before what follows from them.
    pub fn test(&mut self, tree: &Tree, node: u32) -> u32 {
        debug_assert!(self.followed.is_empty());
        let node = &tree.nodes()[node as usize];
        let plane = self.planes;
        self.planes += 1;
        let mask = |set: bool| if set { u8::MAX } else { 0 };
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
        let flip = if right { 0 } else { u8::MAX };
        self.followed.push(Followed { from, test, flip });
        plane
    }

    /// Adds a code whose bit i is the row's in plane i of `planes`.
    pub fn code(&mut self, planes: &[u32]) {
        let mut code = [NONE; CODE_BITS];
        code[..planes.len()].copy_from_slice(planes);
        self.codes.push(code);
    }

    pub fn planes(&self) -> usize {
        self.planes as usize
    }

    pub fn codes(&self) -> usize {
        self.codes.len()
    }

    /// Writes the codes of the first `ROWS` rows of a tile, which are all of it or one.
    #[inline(always)]
    pub fn decide<const ROWS: usize>(
        &self,
        tile: &Tile,
        planes: &mut [u8],
        codes: &mut [[u8; TILE_ROWS]],
    ) {
        planes[NONE as usize] = 0;
        planes[ALL as usize] = u8::MAX;
        for test in &self.numbers {
            let feature = test.feature as usize;
            let missing = tile.missing[feature] | (tile.zero[feature] & test.zero_is_missing);
            let below = mask::<ROWS>(&tile.values[feature], |value| value <= test.bound);
            let left = (below & !missing) | (missing & test.missing_left);
            planes[test.plane as usize] = !left;
        }
        for test in &self.categories {
            let values = &tile.values[test.feature as usize];
            planes[test.plane as usize] = !mask::<ROWS>(values, |value| test.goes_left(value));
        }
        let first = planes.len() - self.followed.len();
        for (i, followed) in self.followed.iter().enumerate() {
            let goes = planes[followed.test as usize] ^ followed.flip;
            planes[first + i] = planes[followed.from as usize] & goes;
        }
        for (code, of) in codes.iter_mut().zip(&self.codes) {
            let mut bits = 0;
            for (i, plane) in of.iter().enumerate() {
                let plane = planes[*plane as usize];
                let spread = match ROWS {
                    1 => u64::from(plane & 1),
                    _ => SPREAD[plane as usize],
                };
                bits |= spread << i;
            }
            *code = bits.to_le_bytes();
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
            self.missing[feature] = mask::<TILE_ROWS>(values, f64::is_nan);
            self.zero[feature] = mask::<TILE_ROWS>(values, |value| value.abs() <= ZERO_BOUND);
        }
    }

    /// Makes room for `features`.
    pub fn resize(&mut self, features: usize) {
        self.values.resize(features, [0.0; TILE_ROWS]);
        self.missing.resize(features, 0);
        self.zero.resize(features, 0);
    }
}

/// Bit i of the result is bit 0 of byte i.
const SPREAD: [u64; 256] = {
    let mut spread = [0; 256];
    let mut bits = 0;
    while bits < 256 {
        let mut row = 0;
        while row < TILE_ROWS {
            spread[bits] |= (bits as u64 >> row & 1) << (8 * row);
            row += 1;
        }
        bits += 1;
    }
    spread
};

/// Bit i is set if `holds` of value i, for the first `ROWS`.
#[inline(always)]
fn mask<const ROWS: usize>(values: &[f64; TILE_ROWS], holds: impl Fn(f64) -> bool) -> u8 {
    let mut mask = 0;
    for (row, value) in values[..ROWS].iter().enumerate() {
        mask |= u8::from(holds(*value)) << row;
    }
    mask
}
