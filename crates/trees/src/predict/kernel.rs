//! A block of rows through a program.

use crate::predict::bits::{BLOCK_ROWS, BYTE_BITS, Bits, Each, ONES, ROW_BYTES, ZEROS};
use crate::predict::columns::{CategoryInput, drop_zeros};
use crate::predict::isa::Isa;
use crate::predict::number::Number;
use crate::predict::program::Program;
use crate::predict::scratch::Scratch;
use crate::predict::segment::{Segment, Selection};
use crate::predict::walk::{GROUP, Walker};

/// Sums on a cache line, so that vectors of them are in one.
#[repr(align(64))]
struct Sums<S>(Each<S>);

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
            column.codes(ranks, codes[column.column].as_flattened_mut());
        }
    }
    for category in &program.columns.categories {
        let values = &columns[category.feature as usize][first..first + count];
        for (value, code) in values.iter().zip(ranks.iter_mut()) {
            *code = category.code(input.round(*value));
        }
        for column in 0..category.columns() {
            let codes = codes[category.first_column + column].as_flattened_mut();
            CategoryInput::codes(column, ranks, codes);
        }
    }
}

/// Evaluates all conditions of a segment.
#[inline(always)]
fn decide<I: Isa, S: Number>(isa: I, segment: &Segment<S>, codes: &[Each<i8>], bits: &mut Bits) {
    for comparison in &segment.comparisons {
        let codes = &codes[comparison.column];
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
