//! What a block is measured in: rows of bits, something for each row, and leaves by number.

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

/// Rows of bits that a segment can name, by 16 bits.
pub(super) const ROWS: usize = 1 << 16;

/// The row of which every bit is 0, and the one of which every bit is 1.
pub(super) const ZEROS: u16 = 0;
pub(super) const ONES: u16 = 1;

/// Leaves are numbered by bytes up to here.
pub(super) const BYTE_BITS: usize = 8;

/// Leaves of a tree by number.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeafTables<'a, S> {
    pub(super) values: &'a [S],
    /// The first byte of the first 64, of the next 64 and so on; the second byte of the first 64, and
    /// so on. Empty unless the program was compiled with them.
    pub(super) bytes: &'a [u8],
}
