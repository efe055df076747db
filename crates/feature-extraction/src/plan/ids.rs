//! How the parts of a plan name each other.

/// Index of a [`Bit`](super::spec::Bit) in the plan.
pub(crate) type BitId = usize;

/// Index of a value among those that are taken of a record.
pub(crate) type Slot = usize;

/// Index of a number in the plan.
pub(crate) type NumberId = usize;

/// Where the number of counted records of a window comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountedBy {
    /// Every row counts: the difference of row numbers.
    Rows,
    /// A running count at this word of a row.
    Word(usize),
}

/// A field of a row: an index into its kind's list in the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FieldId {
    Count(usize),
    Sum(usize),
    Square(usize),
    Wide(usize),
    Gap(usize),
    Raw(usize),
}

/// Index of `item` in `list`, where it is put if it is not there.
pub(crate) fn intern<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter()
        .position(|known| *known == item)
        .unwrap_or_else(|| {
            list.push(item);
            list.len() - 1
        })
}
