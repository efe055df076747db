//! What a plan keeps and does, for people: the row of a record, window bounds, filters, what a key
//! keeps besides its rows, and where each feature comes from.

use tillwatch_records::units::DurationMs;
/// What a plan keeps and does. Its `Display` is a table of one line per part, each of which begins with
/// the kind of part: `row`, `window`, `filter`, `keep` or `feature`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Version of the catalog.
    pub catalog: String,
    /// Bytes that one record takes of its key's rows.
    pub bytes_per_record: usize,
    /// How long a key keeps single records.
    pub retention: DurationMs,
    /// How late a record may be: it changes each row of its key that is newer.
    pub lateness: DurationMs,
    /// Features for which a late or refused record costs a look at each row in which its window and the
    /// newest one differ.
    pub looking: usize,
    /// How long after the newest record that a lane may lack no window lacks any.
    pub whole_after: DurationMs,
    /// Memories that may tell of missing records for longer, see `docs/catalog.md`.
    pub memories: usize,
    /// What a row holds, in order.
    pub row: Vec<RowField>,
    /// Where windows begin and end.
    pub windows: Vec<WindowBound>,
    /// What records are filtered by.
    pub filters: Vec<Filter>,
    /// What is kept besides the rows of single records.
    pub kept: Vec<Kept>,
    /// In catalog order.
    pub features: Vec<Explained>,
}

/// A field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowField {
    /// Its first byte.
    pub at: usize,
    /// Its length in bytes.
    pub bytes: usize,
    /// What it holds.
    pub what: String,
}

/// A point in time, relative to the record, that windows begin or end at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowBound {
    /// In words.
    pub bound: String,
    /// Features whose window begins there.
    pub begin: usize,
    /// Features whose window ends there.
    pub end: usize,
}

/// A predicate that is evaluated once per record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Features that use it.
    pub features: usize,
    /// Whether labels are filtered by it, rather than records.
    pub is_label: bool,
    /// Normalised SQL.
    pub predicate: String,
}

/// State besides the rows of single records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Bytes, of what does not depend on the records.
    pub bytes: usize,
    /// What there is per record or value besides, in words; empty when nothing is.
    pub grows: &'static str,
    /// Whether there is one per lane instead of one per key.
    pub is_of_lane: bool,
    /// Features that use it.
    pub features: usize,
    /// What it is.
    pub what: String,
}

/// Where a feature comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Its name.
    pub name: String,
    /// The window in words, empty when there is none.
    pub window: String,
    /// What is computed.
    pub formula: String,
    /// What it takes.
    pub cost: String,
}
