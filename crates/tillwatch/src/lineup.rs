//! Which models score: the files that say so, changes while the process runs, and who is told of them.

mod audit;
mod change;
pub mod directory;
mod file;
pub mod reload;
#[cfg(test)]
mod tests;

pub use audit::AuditLog;
pub use change::Change;
pub use directory::{LoadedLineup, ModelFileError};
pub use file::{LineupFile, LineupFileError};
pub use reload::{Followed, Listener, Reloader};
