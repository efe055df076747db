//! What a caller may do about an error.

/// The remedy of an error, the same in every crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Passing trouble: the same call may succeed later.
    Retry,
    /// One record is at fault: set it aside and go on.
    Skip,
    /// Configuration, files or environment must be changed by a person first.
    Fatal,
}
