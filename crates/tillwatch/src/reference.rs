//! Reference data in a file: read at the start, and again when the file changes.

mod csv_table;
mod error;
mod file;
mod read;
#[cfg(test)]
mod tests;
mod watch;

pub use error::ReferenceFileError;
pub use file::{LoadedReference, Look, ReferenceFile};
pub use watch::watch;
