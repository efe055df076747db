//! What a file's name says of it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::content;
use super::inputs::STANDARD_INPUT;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    Parquet,
    JsonLines,
    Csv {
        /// What stands between two cells.
        delimiter: u8,
    },
}

/// Whether a file of this name is taken for Parquet.
pub fn is_parquet(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

/// Whether the file at `path` is named as Parquet, or begins as Parquet does.
pub fn holds_parquet(path: &Path) -> bool {
    let mut head = Vec::new();
    let mut is_read = || {
        let file = File::open(path).ok().filter(|_| path.is_file());
        file.is_some_and(|file| file.take(4).read_to_end(&mut head).is_ok())
    };
    is_parquet(path) || (is_read() && content::is_parquet(&head))
}

/// What is written to a file of this name; JSON lines to standard output, Parquet where the name has no
/// ending. An error is in words.
pub fn output_format(path: &Path) -> Result<OutputFormat, String> {
    if path == Path::new(STANDARD_INPUT) {
        return Ok(OutputFormat::JsonLines);
    }
    let unpacked = content::unpacked_name(path);
    let ending = unpacked
        .extension()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let format = match ending.to_str() {
        Some("" | "parquet" | "parq" | "pq") => OutputFormat::Parquet,
        Some("json" | "jsonl" | "ndjson") => OutputFormat::JsonLines,
        Some("csv") => OutputFormat::Csv { delimiter: b',' },
        Some("tsv") => OutputFormat::Csv { delimiter: b'\t' },
        _ => {
            return Err(format!(
                "the ending of the output {} says no format that is written; end it in .parquet, .jsonl, \
                 .csv or .tsv (these three also with .gz or .zst), or say --output-format",
                path.display()
            ));
        }
    };
    if format == OutputFormat::Parquet && unpacked != path {
        return Err(format!(
            "the output {} would be Parquet that is packed as a whole, which nobody reads; Parquet packs its \
             own pages",
            path.display()
        ));
    }
    Ok(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_says_what_is_written() {
        let format = |name: &str| output_format(Path::new(name));
        for (name, expected) in [
            ("out.parquet", OutputFormat::Parquet),
            ("out", OutputFormat::Parquet),
            ("out.JSONL", OutputFormat::JsonLines),
            ("out.json.gz", OutputFormat::JsonLines),
            ("-", OutputFormat::JsonLines),
            ("out.csv.zst", OutputFormat::Csv { delimiter: b',' }),
            ("out.tsv", OutputFormat::Csv { delimiter: b'\t' }),
        ] {
            assert_eq!(format(name), Ok(expected), "{name}");
        }
        for name in ["out.xlsx", "out.txt", "out.parquet.gz", "out.gz"] {
            assert!(format(name).is_err(), "{name}");
        }
    }
}
