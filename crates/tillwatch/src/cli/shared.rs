//! What the arguments of several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// Configuration file (TOML)
    #[arg(long, short, value_name = "FILE", env = "TILLWATCH_CONFIG")]
    pub config: PathBuf,
}

/// Which rows a command reads.
#[derive(Debug, Clone, Args)]
pub struct InputArgs {
    /// Files with the rows, in the order of arrival: Parquet, JSON lines or CSV with a header row, told by
    /// what they hold; the last two may be packed with gzip or zstd. Of a folder its files, in the order of
    /// their names, without those that begin with `_` or `.`; a pattern in quotes ('day-*.csv') for the files
    /// that fit it; `-` for standard input
    #[arg(long, short, value_name = "FILE", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// What the input is, where that is not to be found out
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub input_format: Option<FileFormat>,
    /// What stands between the cells of a CSV input: a character or `tab`; found in the header when absent
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    pub csv_delimiter: Option<u8>,
    /// Stop after this many rows of the input
    #[arg(long, value_name = "N")]
    pub records: Option<u64>,
    /// Take the rows in the order of their event times, for files that are not in the order of arrival. Holds
    /// at most 256 MiB of rows in memory, and the others in temporary files: beside the output, or where the
    /// system has them
    #[arg(long)]
    pub sort_by_time: bool,
}

/// A format of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// Apache Parquet
    Parquet,
    /// A JSON object per line
    Jsonl,
    /// A header row, then cells that may be quoted
    Csv,
}

/// What the Kafka record timestamp says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordTimestamp {
    /// When the transaction happened
    Event,
    /// When the record is sent
    Now,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        [byte]
            if byte.is_ascii_punctuation() && *byte != b'"' || *byte == b'\t' || *byte == b' ' =>
        {
            Ok(*byte)
        }
        _ => Err("write one character that is no letter, digit or quote, or `tab`".into()),
    }
}
