//! The fleet's terminals as a file that `[reference]` reads.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_csv::WriterBuilder;
use tillwatch_simulator::{Fleet, ReferenceRow};

use crate::files::{ParquetFile, WholeFile, is_parquet};

/// Terminals written at once.
const BATCH_ROWS: usize = 8192;

/// Writes every terminal of `fleet` to `path`: Parquet when it is named `.parquet`, CSV otherwise.
pub fn write(fleet: &Fleet, path: &Path) -> Result<()> {
    let mut entries = fleet.reference_rows().peekable();
    let batches = std::iter::from_fn(|| {
        entries.peek()?;
        let rows: Vec<ReferenceRow> = entries.by_ref().take(BATCH_ROWS).collect();
        Some(table(&rows))
    });
    if is_parquet(path) {
        let mut file = ParquetFile::create(path, table(&[])?.schema_ref())?;
        for batch in batches {
            file.write(&batch?)?;
        }
        return file.finish();
    }
    let (whole, bytes) = WholeFile::create(path)?;
    let mut writer = WriterBuilder::new().with_header(true).build(bytes);
    for batch in batches {
        let written = writer.write(&batch?);
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    drop(writer.into_inner());
    whole.complete()
}

/// One row per entry. In a CSV file all but the places, the limits and `is_mobile` is text.
fn table(rows: &[ReferenceRow]) -> Result<RecordBatch> {
    fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values))
    }
    fn ids(rows: &[ReferenceRow], part: usize) -> ArrayRef {
        texts(rows.iter().map(|row| row.ids()[part]))
    }
    fn floats(values: impl Iterator<Item = f64>) -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(values))
    }
    fn ints(values: impl Iterator<Item = i64>) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(values))
    }
    let mobile: BooleanArray = rows.iter().map(|row| Some(row.is_mobile)).collect();
    let columns: [(&str, ArrayRef); 14] = [
        ("acquirer_id", ids(rows, 0)),
        ("merchant_id", ids(rows, 1)),
        ("terminal_id", ids(rows, 2)),
        (
            "hardware_serials",
            texts(rows.iter().map(|row| row.hardware_serial.as_str())),
        ),
        ("model", texts(rows.iter().map(|row| row.model))),
        ("mcc", texts(rows.iter().map(|row| row.mcc))),
        ("country", texts(rows.iter().map(|row| row.country))),
        ("lat", floats(rows.iter().map(|row| row.site.0))),
        ("lon", floats(rows.iter().map(|row| row.site.1))),
        ("is_mobile", Arc::new(mobile)),
        ("time_zone", texts(rows.iter().map(|row| row.time_zone))),
        (
            "opening_hours",
            texts(rows.iter().map(|row| row.opening_hours.as_str())),
        ),
        (
            "app_versions",
            texts(rows.iter().map(|row| row.app_versions.as_str())),
        ),
        (
            "floor_limit_minor",
            ints(rows.iter().map(|row| row.floor_limit_minor)),
        ),
    ];
    let limits = ints(rows.iter().map(|row| row.cvm_limit_minor));
    let columns = columns.into_iter().chain([("cvm_limit_minor", limits)]);
    RecordBatch::try_from_iter(columns)
        .context("the columns of the reference table do not fit together")
}

#[cfg(test)]
mod tests {
    use tillwatch_simulator::SimulatorSettings;

    use super::*;
    use crate::config::Config;
    use crate::reference::LoadedReference;

    #[test]
    fn both_formats_are_read_as_the_same_table() {
        let directory = tempfile::tempdir().unwrap();
        let settings = SimulatorSettings {
            terminals: 10_000,
            ..SimulatorSettings::default()
        };
        let fleet = Fleet::new(&settings).unwrap();
        let versions = ["csv", "parquet"].map(|format| {
            let path = directory.path().join(format!("terminals.{format}"));
            write(&fleet, &path).unwrap();
            let types = match format {
                "csv" => {
                    "types = { lat = \"float\", lon = \"float\", is_mobile = \"boolean\", \
                     floor_limit_minor = \"integer\", cvm_limit_minor = \"integer\" }"
                }
                _ => "",
            };
            let text = format!(
                "[features]\ncatalog = \"c\"\n[models]\nchampion = \"m\"\n[reference]\n\
                 path = \"terminals.{format}\"\n{types}\n"
            );
            let config = Config::parse(&text, &directory.path().join("t.toml"), []).unwrap();
            let table = LoadedReference::read(&config.reference.unwrap())
                .unwrap()
                .table;
            assert_eq!(table.len(), 10_000);
            for derived in ["registry_open", "registry_utc_offset_minutes"] {
                assert!(table.schema().field_with_name(derived).is_ok());
            }
            table.version().to_owned()
        });
        assert_eq!(versions[0], versions[1]);
    }
}
