//! Rows in the order of their times, however many they are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use tillwatch_records::limits::BATCH_RECORDS_MAX;
use tillwatch_records::{RawBatch, TopicPartition};

use super::error::FileError;
use super::progress::Progress;
use super::reader::FileReader;

/// Bytes of rows that are held in memory; what is more goes to temporary files. `--help` says it.
const HELD_BYTES_MAX: usize = 256 << 20;

/// Temporary files, each of [`HELD_BYTES_MAX`] bytes and open at the same time: 64 GiB of rows, with a buffer
/// for each file 16 MiB of memory, and a quarter of the files that a process may usually open.
const RUNS_MAX: usize = 256;

/// Buffer of a temporary file.
const BUFFER_BYTES: usize = 64 * 1024;

/// The rows of a [`FileReader`] by time, those of the same time by number.
pub struct SortedRows {
    source: TopicPartition,
    runs: Vec<Run>,
    /// The first row of each run that is not at its end, the earliest on top: time, number, run.
    heads: BinaryHeap<Reverse<(i64, i64, usize)>>,
    done: u64,
    total: u64,
    /// See [`Spill::beside`].
    beside: PathBuf,
}

/// Where rows that do not fit into memory wait.
pub struct Spill {
    /// Temporary files get this name with something after it.
    pub beside: PathBuf,
    held_bytes_max: usize,
}

/// Rows that are sorted among themselves.
enum Run {
    Memory { held: Held, next: usize },
    File { file: BufReader<File>, row: Vec<u8> },
}

#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

struct Row {
    time_ms: i64,
    number: i64,
    start: usize,
    len: usize,
}

impl Spill {
    /// Beside the file at `path`.
    pub fn beside(path: &Path) -> Self {
        Self {
            beside: path.to_owned(),
            held_bytes_max: HELD_BYTES_MAX,
        }
    }
}

impl SortedRows {
    /// Reads all rows of `reader`, at most `rows_max`. `times` gives the time of each record of a batch; one
    /// without a time stays behind the row before it.
    pub fn sort(
        mut reader: FileReader,
        rows_max: u64,
        spill: &Spill,
        mut times: impl FnMut(&RawBatch) -> Vec<Option<i64>>,
    ) -> Result<Self, FileError> {
        let failed = |source| FileError::Sort {
            path: spill.beside.clone(),
            source,
        };
        let mut runs = Vec::new();
        let mut held = Held::default();
        let mut time_ms = i64::MIN;
        let mut left = rows_max;
        while left > 0
            && let Some(mut batch) = reader.next_batch()?
        {
            batch.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= batch.len() as u64;
            for (record, time) in batch.iter().zip(times(&batch)) {
                time_ms = time.unwrap_or(time_ms);
                held.push(time_ms, record.offset, record.payload.unwrap_or_default());
            }
            if held.size() > spill.held_bytes_max {
                let run = std::mem::take(&mut held).spill(spill, runs.len());
                runs.push(run.map_err(failed)?);
            }
        }
        held.rows
            .sort_unstable_by_key(|row| (row.time_ms, row.number));
        runs.push(Run::Memory { held, next: 0 });
        let mut sorted = Self {
            source: reader.source().clone(),
            heads: BinaryHeap::with_capacity(runs.len()),
            runs,
            done: 0,
            total: rows_max - left,
            beside: spill.beside.clone(),
        };
        for run in 0..sorted.runs.len() {
            sorted.advance(run).map_err(failed)?;
        }
        Ok(sorted)
    }

    /// The next rows, at most [`BATCH_RECORDS_MAX`], and the number of each; their offsets count them in
    /// their new order. `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<(RawBatch, Vec<i64>)>, FileError> {
        let mut batch = RawBatch::new(self.source.clone());
        let mut numbers = Vec::new();
        while !batch.is_full(BATCH_RECORDS_MAX)
            && let Some(Reverse((_, number, run))) = self.heads.pop()
        {
            let rank = i64::try_from(self.done).unwrap_or(i64::MAX);
            batch.push(rank, None, None, Some(self.runs[run].row()), []);
            numbers.push(number);
            self.done += 1;
            let advanced = self.advance(run);
            advanced.map_err(|source| FileError::Sort {
                path: self.beside.clone(),
                source,
            })?;
        }
        Ok((!batch.is_empty()).then_some((batch, numbers)))
    }

    /// Rows handed over so far, and in all.
    pub fn progress(&self) -> Progress {
        Progress {
            done: self.done,
            total: self.total,
        }
    }

    /// Goes on to the next row of a run.
    fn advance(&mut self, run: usize) -> io::Result<()> {
        if let Some((time_ms, number)) = self.runs[run].advance()? {
            self.heads.push(Reverse((time_ms, number, run)));
        }
        Ok(())
    }
}

impl Held {
    fn push(&mut self, time_ms: i64, number: i64, row: &[u8]) {
        self.rows.push(Row {
            time_ms,
            number,
            start: self.bytes.len(),
            len: row.len(),
        });
        self.bytes.extend_from_slice(row);
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.rows.len() * size_of::<Row>()
    }

    /// Writes the rows to a temporary file, which has no name any more when it is read.
    fn spill(mut self, spill: &Spill, run: usize) -> io::Result<Run> {
        if run >= RUNS_MAX {
            return Err(io::Error::other(
                "more than 64 GiB of rows; sort them by other means",
            ));
        }
        self.rows
            .sort_unstable_by_key(|row| (row.time_ms, row.number));
        let mut path = spill.beside.clone().into_os_string();
        path.push(format!(".sort-{run}.partial"));
        let path = PathBuf::from(path);
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        std::fs::remove_file(&path)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        for row in &self.rows {
            out.write_all(&row.time_ms.to_le_bytes())?;
            out.write_all(&row.number.to_le_bytes())?;
            out.write_all(&(row.len as u64).to_le_bytes())?;
            out.write_all(&self.bytes[row.start..row.start + row.len])?;
        }
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Run::File {
            file: BufReader::with_capacity(BUFFER_BYTES, file),
            row: Vec::new(),
        })
    }
}

impl Run {
    /// Takes the next row; its time and number, `None` at the end.
    fn advance(&mut self) -> io::Result<Option<(i64, i64)>> {
        match self {
            Self::Memory { held, next } => {
                let row = held.rows.get(*next);
                *next += 1;
                Ok(row.map(|row| (row.time_ms, row.number)))
            }
            Self::File { file, row } => {
                if file.fill_buf()?.is_empty() {
                    return Ok(None);
                }
                let mut number = || -> io::Result<[u8; 8]> {
                    let mut bytes = [0; 8];
                    file.read_exact(&mut bytes)?;
                    Ok(bytes)
                };
                let time_ms = i64::from_le_bytes(number()?);
                let row_number = i64::from_le_bytes(number()?);
                let len = u64::from_le_bytes(number()?);
                row.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
                file.read_exact(row)?;
                Ok(Some((time_ms, row_number)))
            }
        }
    }

    /// The row that was taken last.
    fn row(&self) -> &[u8] {
        match self {
            Self::File { row, .. } => row,
            Self::Memory { held, next } => {
                let row = next.checked_sub(1).and_then(|at| held.rows.get(at));
                row.map_or(&[], |row| &held.bytes[row.start..row.start + row.len])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in `rows` by time, with at most `held` bytes in memory; the numbers as well.
    fn sorted(rows: &str, held: usize) -> (Vec<String>, Vec<i64>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("in.jsonl");
        std::fs::write(&path, rows).unwrap();
        let spill = Spill {
            beside: path.clone(),
            held_bytes_max: held,
        };
        let times = |batch: &RawBatch| {
            let time =
                |row: &[u8]| serde_json::from_slice::<serde_json::Value>(row).ok()?["t"].as_i64();
            let rows = batch.iter().map(|record| time(record.payload.unwrap()));
            rows.collect()
        };
        let reader = FileReader::open(&path).unwrap();
        let mut sorted = SortedRows::sort(reader, u64::MAX, &spill, times).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        while let Some((batch, of_batch)) = sorted.next_batch().unwrap() {
            for record in batch.iter() {
                assert_eq!(record.offset, texts.len() as i64);
                texts.push(String::from_utf8(record.payload.unwrap().to_vec()).unwrap());
            }
            numbers.extend(of_batch);
        }
        (texts, numbers)
    }

    #[test]
    fn rows_come_by_time_from_memory_and_from_files() {
        // Times repeat, so that the number decides; more rows than one batch.
        let count = 3 * BATCH_RECORDS_MAX;
        let rows: Vec<String> = (0..count)
            .map(|row| format!("{{\"t\":{},\"n\":{row}}}", (row * 7919) % 1000))
            .collect();
        let text = rows.join("\n");
        let in_memory = sorted(&text, usize::MAX);
        let mut expected: Vec<usize> = (0..count).collect();
        expected.sort_by_key(|row| ((row * 7919) % 1000, *row));
        let numbers: Vec<i64> = expected.iter().map(|row| *row as i64).collect();
        assert_eq!(in_memory.1, numbers);
        assert_eq!(in_memory.0[17], rows[expected[17]]);
        assert_eq!(sorted(&text, 1), in_memory);
    }

    #[test]
    fn a_row_without_a_time_stays_behind_the_one_before_it() {
        let (texts, numbers) = sorted("{\"t\":5}\nbroken\n{\"t\":1}\n", usize::MAX);
        assert_eq!(texts, ["{\"t\":1}", "{\"t\":5}", "broken"]);
        assert_eq!(numbers, [2, 0, 1]);
    }
}
