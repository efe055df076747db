//! Files as input: rows become the same JSON records that Kafka would carry, so that scoring a file
//! and scoring a topic run the same code on the same bytes.

mod error;
mod jsonl;
mod meant;
mod name;
mod parquet_rows;
mod progress;
mod reader;
mod table;
mod values;
mod written;

pub use jsonl::ROW_BYTES_MAX;
pub use name::is_parquet;
pub use reader::FileReader;
pub use table::{Table, Wanted};
pub use values::value_text;
pub use written::{ParquetFile, WholeFile};
