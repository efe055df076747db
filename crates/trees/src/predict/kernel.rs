//! A block of rows through a program, for any instruction set: whatever the compiler makes of loops
//! over arrays.

use crate::predict::Scratch;
use crate::predict::code_walk::{Codes, Nodes, WALKS};
use crate::predict::columns::{CategoryInput, drop_zeros};
use crate::predict::number::Number;
use crate::predict::program::{BYTE_BITS, ONES, Program, ROWS, Segment, Selection, ZEROS};
use crate::predict::rank::Ranking;
use crate::predict::rows::RowsMax;
use crate::predict::search::Group;
use crate::predict::walk::{GROUP, Walker};

/// Rows of a batch in a block. Blocks of fewer were tried: rows one after the other were faster.
pub(super) const BLOCK_ROWS: usize = 256;

/// Bytes of a row of bits, one for each row of a block.
pub(super) const ROW_BYTES: usize = BLOCK_ROWS / 8;

/// One bit for each row of a block.
pub(super) type RowBits = [u8; ROW_BYTES];

/// Rows of bits, one for each condition of a segment and each selection of a tree.
pub(super) type Bits = [RowBits; ROWS];

/// Something for each row of a block.
pub(super) type Each<T> = [[T; ROW_BYTES]; 8];

/// Leaves of a tree by number.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeafTables<'a, S> {
    pub(super) values: &'a [S],
    /// The first byte of the first 64, of the next 64 and so on; the second byte of the first 64, and
    /// so on. Empty unless the program was compiled with them.
    pub(super) bytes: &'a [u8],
}

/// Sums on a cache line, so that vectors of them are in one.
#[repr(align(64))]
struct Sums<S>(Each<S>);

/// The parts of a block that are worth instructions of their own. What each of them is to do, the
/// portable one says.
pub(super) trait Isa: Copy {
    /// When rows are too few for a block.
    const ROWS_MAX: RowsMax;

    /// Writes the rank of each value; see [`Ranking::rank`].
    fn rank(self, ranking: &Ranking, values: &[f64], ranks: &mut [u32]);

    /// Compares codes with one after the other, into one row after the other.
    fn compare(self, codes: &Each<i8>, with: &[i8], equal: bool, rows: &mut [RowBits]);

    /// Adds to each sum the leaf of `program` that the planes have the number of, a byte at most. There
    /// are [`leaf_slots`](crate::predict::program::leaf_slots).
    fn add_leaves<S: Number>(
        self,
        planes: &[RowBits; BYTE_BITS],
        bits: usize,
        leaves: LeafTables<'_, S>,
        sums: &mut Each<S>,
    );

    /// How many bounds of `group` `value` lies above.
    fn count_below(self, group: &Group, value: f64) -> u32;

    /// See [`Nodes::walk`]. Codes of `columns` columns count.
    fn walk(
        self,
        nodes: &Nodes,
        group: usize,
        codes: &Codes,
        columns: usize,
        ends: &mut [u32; WALKS],
    );

    /// Where the sum of a row of the batch stands.
    fn place<S: Number>(self, row: usize) -> usize;

    /// The byte of a row of bits, and the bit of it, that belong to a row of the batch.
    fn bit(self, row: usize) -> (usize, usize);
}

/// Whatever the compiler makes of loops over arrays. Bit `j` of byte `i` of a row is row
/// `j × ROW_BYTES + i` of the batch, which is how comparisons of bytes yield it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

impl Isa for Portable {
    const ROWS_MAX: RowsMax = RowsMax {
        masks: 96,
        codes: 48,
        values: 40,
    };

    #[inline(always)]
    fn rank(self, ranking: &Ranking, values: &[f64], ranks: &mut [u32]) {
        ranking.rank(values, ranks);
    }

    #[inline(always)]
    fn compare(self, codes: &Each<i8>, with: &[i8], equal: bool, rows: &mut [RowBits]) {
        if equal {
            compare(codes, with, rows, |code, with| code == with);
        } else {
            compare(codes, with, rows, |code, with| code > with);
        }
    }

    #[inline(always)]
    fn add_leaves<S: Number>(
        self,
        planes: &[RowBits; BYTE_BITS],
        bits: usize,
        leaves: LeafTables<'_, S>,
        sums: &mut Each<S>,
    ) {
        let leaves = leaves.values;
        let numbers = numbers(&planes[..bits]);
        match leaves.len() {
            64 => add::<S, 64>(leaves, &numbers, sums),
            128 => add::<S, 128>(leaves, &numbers, sums),
            _ => add::<S, 256>(leaves, &numbers, sums),
        }
    }

    #[inline(always)]
    fn count_below(self, group: &Group, value: f64) -> u32 {
        let mut count = [0_u64; 8];
        for bounds in group.0.as_chunks::<8>().0 {
            for (count, bound) in count.iter_mut().zip(bounds) {
                *count += u64::from(value > *bound);
            }
        }
        count.iter().sum::<u64>() as u32
    }

    #[inline(always)]
    fn walk(
        self,
        nodes: &Nodes,
        group: usize,
        codes: &Codes,
        _columns: usize,
        ends: &mut [u32; WALKS],
    ) {
        nodes.walk(group, codes, ends);
    }

    #[inline(always)]
    fn place<S: Number>(self, row: usize) -> usize {
        row
    }

    #[inline(always)]
    fn bit(self, row: usize) -> (usize, usize) {
        (row % ROW_BYTES, row / ROW_BYTES)
    }
}

/// Writes the sums of the rows from `first` on, at most [`BLOCK_ROWS`], into `out`.
#[inline(always)]
pub(super) fn block<I: Isa, S: Number, T: Number>(
    isa: I,
    (program, walker): (&Program<S>, Option<&Walker<T>>),
    columns: &[&[f64]],
    first: usize,
    out: &mut [f64],
    scratch: &mut Scratch,
) {
    let rows = (first, out.len());
    let mut sums = Sums([[program.start; ROW_BYTES]; 8]);
    let sums = &mut sums.0;
    encode::<I, S>(isa, program, columns, rows, scratch);
    if let Some(walker) = walker {
        let width = walker.width();
        let values = T::buffer(&mut scratch.values);
        values.resize(width * BLOCK_ROWS, T::NAN);
        for (row, values) in values.chunks_exact_mut(width).take(out.len()).enumerate() {
            walker.fill(columns, first + row, values);
        }
    }
    let (codes, bits, walked) = scratch.parts::<T>();
    bits[ZEROS as usize] = [0; ROW_BYTES];
    bits[ONES as usize] = [0xff; ROW_BYTES];
    for segment in &program.segments {
        decide(isa, segment, codes, bits);
        for step in &segment.steps {
            if let (true, Some(walker)) = (step.walked, walker) {
                walk(isa, walker, step.tree, walked, sums);
                continue;
            }
            let (from, to) = step.selections;
            select(&segment.selections[from as usize..to as usize], bits);
            let planes = &segment.planes[step.first_plane as usize..][..step.bits];
            let leaves = segment.leaves_of(step);
            if step.bits <= BYTE_BITS {
                let mut bytes = [[0; ROW_BYTES]; BYTE_BITS];
                for (byte, plane) in bytes.iter_mut().zip(planes) {
                    *byte = bits[*plane as usize];
                }
                isa.add_leaves(&bytes, step.bits, leaves, sums);
            } else {
                add_wide(isa, planes, bits, leaves.values, sums);
            }
        }
    }
    let sums = sums.as_flattened();
    for (row, out) in out.iter_mut().enumerate() {
        *out = sums[isa.place::<S>(row)].double();
    }
}

/// Makes the codes of all columns.
#[inline(always)]
fn encode<I: Isa, S: Number>(
    isa: I,
    program: &Program<S>,
    columns: &[&[f64]],
    (first, count): (usize, usize),
    scratch: &mut Scratch,
) {
    let input = program.input;
    let rows = BLOCK_ROWS;
    scratch.reserve(program.columns.count);
    let Scratch {
        codes,
        padded,
        ranks,
        ..
    } = scratch;
    let ranks = &mut ranks[..rows];
    for number in &program.columns.numbers {
        let mut values = &columns[number.feature as usize][first..first + count];
        if count < rows {
            padded[..count].copy_from_slice(values);
            values = &padded[..rows];
        }
        isa.rank(&number.ranking, values, ranks);
        let mut has_zeros = true;
        for column in &number.columns {
            // Columns where zero is missing stand behind the others.
            if column.zero_is_missing && has_zeros {
                drop_zeros(values, input, ranks);
                has_zeros = false;
            }
            column.codes(ranks, &mut codes[column.column * BLOCK_ROWS..][..rows]);
        }
    }
    for category in &program.columns.categories {
        let values = &columns[category.feature as usize][first..first + count];
        for (value, code) in values.iter().zip(ranks.iter_mut()) {
            *code = category.code(input.round(*value));
        }
        for column in 0..category.columns() {
            let place = (category.first_column + column) * BLOCK_ROWS;
            CategoryInput::codes(column, ranks, &mut codes[place..][..rows]);
        }
    }
}

/// Evaluates all conditions of a segment.
#[inline(always)]
fn decide<I: Isa, S: Number>(isa: I, segment: &Segment<S>, codes: &[i8], bits: &mut Bits) {
    for comparison in &segment.comparisons {
        let codes = codes[comparison.column * BLOCK_ROWS..]
            .as_chunks::<ROW_BYTES>()
            .0;
        let Some(codes) = codes.first_chunk::<8>() else {
            debug_assert!(false, "a column has a block of codes");
            continue;
        };
        let (from, to) = comparison.codes;
        let with = &segment.codes[from as usize..to as usize];
        let rows = &mut bits[comparison.first_row as usize..][..with.len()];
        isa.compare(codes, with, comparison.equal, rows);
    }
    for union in &segment.unions {
        let (from, to) = union.members;
        let mut any = [if union.inverted { 0xff } else { 0 }; ROW_BYTES];
        for member in &segment.members[from as usize..to as usize] {
            // Members exclude one another, so each bit is turned over once at most.
            let member = &bits[*member as usize];
            for (any, member) in any.iter_mut().zip(member) {
                *any ^= member;
            }
        }
        bits[union.to as usize] = any;
    }
}

#[inline(always)]
fn select(selections: &[Selection], bits: &mut Bits) {
    for selection in selections {
        let condition = bits[selection.condition as usize];
        let right = bits[selection.right as usize];
        let left = bits[selection.left as usize];
        let to = &mut bits[selection.to as usize];
        for i in 0..ROW_BYTES {
            to[i] = (condition[i] & right[i]) | (!condition[i] & left[i]);
        }
    }
}

#[inline(always)]
fn compare(codes: &Each<i8>, with: &[i8], rows: &mut [RowBits], test: impl Fn(i8, i8) -> bool) {
    for (with, row) in with.iter().zip(rows) {
        let mut bits = [0; ROW_BYTES];
        for (j, codes) in codes.iter().enumerate() {
            for (bits, code) in bits.iter_mut().zip(codes) {
                *bits |= if test(*code, *with) { 1 << j } else { 0 };
            }
        }
        *row = bits;
    }
}

/// The number that the planes have for each row of the batch, lowest bit first.
#[inline(always)]
fn numbers(planes: &[RowBits]) -> Each<u8> {
    let mut numbers = [[0; ROW_BYTES]; 8];
    for (j, numbers) in numbers.iter_mut().enumerate() {
        for (bit, plane) in planes.iter().enumerate() {
            for (number, plane) in numbers.iter_mut().zip(plane) {
                *number |= if plane & (1 << j) != 0 { 1 << bit } else { 0 };
            }
        }
    }
    numbers
}

#[inline(always)]
fn add<S: Number, const LEAVES: usize>(leaves: &[S], numbers: &Each<u8>, sums: &mut Each<S>) {
    let Some(leaves) = leaves.first_chunk::<LEAVES>() else {
        debug_assert!(false, "a tree has a slot for each number of a leaf");
        return;
    };
    for (sum, number) in sums
        .as_flattened_mut()
        .iter_mut()
        .zip(numbers.as_flattened())
    {
        *sum += leaves[*number as usize % LEAVES];
    }
}

/// As [`Isa::add_leaves`] for numbers of more than a byte.
#[inline(always)]
fn add_wide<I: Isa, S: Number>(
    isa: I,
    planes: &[u16],
    bits: &Bits,
    leaves: &[S],
    sums: &mut Each<S>,
) {
    let sums = sums.as_flattened_mut();
    for row in 0..BLOCK_ROWS {
        let (byte, bit) = isa.bit(row);
        let number = planes.iter().enumerate().fold(0, |number, (place, plane)| {
            number | usize::from(bits[*plane as usize][byte] >> bit & 1) << place
        });
        sums[isa.place::<S>(row)] += leaves[number];
    }
}

/// Adds the leaves of a tree that is walked.
#[inline(always)]
fn walk<I: Isa, S: Number, T: Number>(
    isa: I,
    walker: &Walker<T>,
    tree: usize,
    values: &[T],
    sums: &mut Each<S>,
) {
    let sums = sums.as_flattened_mut();
    let width = walker.width();
    for first in (0..BLOCK_ROWS).step_by(GROUP) {
        let row = |lane| &values[(first + lane) * width..][..width];
        let leaves = walker.leaves_of_rows(tree, std::array::from_fn(row));
        for (lane, leaf) in leaves.into_iter().enumerate() {
            sums[isa.place::<S>(first + lane)] += S::of(leaf.double());
        }
    }
}
