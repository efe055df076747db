//! Parquet as batches of rows, whatever its bytes are.

use std::cell::Cell;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

/// A reader that is being made.
pub type ParquetBuilder = ParquetRecordBatchReaderBuilder<File>;

const DAMAGED: &str = "its bytes are damaged";

/// Batches of rows of a Parquet file. The library checks less than it takes for granted, and panics at some
/// files that no program has written so: here that is an error, and the last batch.
pub struct ParquetBatches {
    /// `None` after a panic: nobody knows what is left of it.
    reader: Option<ParquetRecordBatchReader>,
}

impl ParquetBatches {
    /// Reads what `file` says of itself.
    pub fn builder(file: File) -> Result<ParquetBuilder, ParquetError> {
        guarded(|| ParquetRecordBatchReaderBuilder::try_new(file)).unwrap_or_else(|| Err(damaged()))
    }

    /// What `builder` reads.
    pub fn of(builder: ParquetBuilder) -> Result<Self, ParquetError> {
        let reader = guarded(|| builder.build()).unwrap_or_else(|| Err(damaged()))?;
        Ok(Self {
            reader: Some(reader),
        })
    }
}

impl Iterator for ParquetBatches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        guarded(|| reader.next()).unwrap_or_else(|| {
            self.reader = None;
            Some(Err(ArrowError::ParquetError(DAMAGED.to_owned())))
        })
    }
}

fn damaged() -> ParquetError {
    ParquetError::General(DAMAGED.to_owned())
}

thread_local! {
    /// Whether a panic of this thread is expected, and nothing to report.
    static IS_EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// What `read` gives; `None` where it panics. The caller must not use again what it has left half done.
fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_EXPECTED.get() {
                report(panic);
            }
        }));
    });
    IS_EXPECTED.set(true);
    let read = catch_unwind(AssertUnwindSafe(read));
    IS_EXPECTED.set(false);
    read.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_nothing_and_the_next_one_is_again_an_error() {
        assert_eq!(guarded(|| 1), Some(1));
        assert_eq!(guarded(|| panic!("of a library")), None::<i32>);
        assert!(!IS_EXPECTED.get());
    }
}
