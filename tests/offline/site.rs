//! A directory of a test's own with catalogs, models and records, and `tillwatch score` over them.

use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use crate::support::{succeed, tillwatch};

/// The name of the configuration in it.
pub const CONFIG: &str = "tillwatch.toml";

/// The description of a model of rules, which stand beside it.
pub const RULES_MODEL: &str =
    "name = \"rules\"\nversion = \"1\"\nkind = \"rules\"\nartefact = \"rules.toml\"\n";

/// Rules over the feature `count_1h`, for sites of few records that none of them is about.
pub const RULES_OF_COUNT: &str = r#"
prior = 0.001
[[rule]]
code = "MANY"
severity = "info"
when = "count_1h > 9"
probability = 0.5
feature = "count_1h"
words = "Many records"
"#;

/// Files of a site. Records stand in `in.jsonl`, scores in `scores.parquet`.
pub struct Site(TempDir);

impl Site {
    /// With files of these names and texts.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let site = Self(tempfile::tempdir().expect("a temporary directory"));
        for (name, text) in files {
            site.write(name, text);
        }
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the directory that it is in.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let directory = path.parent().expect("a file is in a directory");
        std::fs::create_dir_all(directory).expect("a directory can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    /// Scores the records by `config`: what the command says, and the scores with their features.
    pub fn score(&self, config: &str) -> (String, RecordBatch) {
        self.score_file(config, "in.jsonl")
    }

    /// As [`Site::score`], of the records in the file `input`.
    pub fn score_file(&self, config: &str, input: &str) -> (String, RecordBatch) {
        self.write(CONFIG, config);
        let output = self.path("scores.parquet");
        let said = succeed(
            tillwatch()
                .args(["score", "--features", "--config"])
                .arg(self.path(CONFIG))
                .arg("--input")
                .arg(self.path(input))
                .arg("--output")
                .arg(&output),
        );
        let file = std::fs::File::open(output).expect("the output is there");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
        let batches: Result<Vec<RecordBatch>, _> = reader.build().expect("it is read").collect();
        let batches = batches.expect("it is read");
        let table = concat_batches(batches[0].schema_ref(), &batches).expect("of one schema");
        (String::from_utf8_lossy(&said.stdout).into_owned(), table)
    }
}
