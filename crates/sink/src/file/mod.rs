//! Files: JSON lines and Parquet.

mod directory;
mod jsonl;
mod names;
mod parquet;
#[cfg(test)]
mod tests;

pub(crate) use directory::probe;
pub use parquet::ParquetSink;
