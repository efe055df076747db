//! Files as input: rows become the same JSON records that Kafka would carry, so that scoring a file
//! and scoring a topic run the same code on the same bytes. Files as output: complete or absent.

mod content;
mod csv_rows;
mod delimited;
mod error;
mod inputs;
mod jsonl;
mod meant;
#[cfg(test)]
mod mutation_tests;
mod name;
mod opened;
mod parquet_batches;
mod parquet_file;
mod parquet_rows;
mod progress;
mod reader;
mod sorted;
mod table;
mod text_file;
mod values;
mod whole;

pub use content::{Said, SaidKind};
pub use delimited::delimiter;
pub use inputs::{Inputs, STANDARD_INPUT};
pub use jsonl::ROW_BYTES_MAX;
pub use name::{OutputFormat, holds_parquet, is_parquet, output_format};
pub use parquet_batches::ParquetBatches;
pub use parquet_file::ParquetFile;
pub use progress::Progress;
pub use reader::FileReader;
pub use sorted::{SortedRows, Spill};
pub use table::{Table, Wanted};
pub use text_file::{TextFile, is_unread};
pub use values::value_text;
pub use whole::WholeFile;
