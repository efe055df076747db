//! Rows of CSV as JSON objects: names from the header row, every cell a text, empty ones left out.

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::delimited;
use super::error::FileError;
use super::jsonl::ROW_BYTES_MAX;
use super::opened::{Bytes, wrong};

pub struct CsvRows {
    path: PathBuf,
    reader: Reader<Guarded>,
    delimiter: u8,
    /// `"name":` of each column; `None` for one without a name, such as the index of pandas.
    names: Vec<Option<Vec<u8>>>,
    record: ByteRecord,
    json: Vec<u8>,
    /// Whether a row with another number of cells was told.
    is_told: bool,
}

/// Bytes of which one row may take only so many, as an open quote would make a row of the rest of the file.
struct Guarded {
    bytes: BufReader<Bytes>,
    row_bytes: usize,
}

impl CsvRows {
    /// Reads the header of `bytes`.
    pub fn open(path: &Path, bytes: Bytes, delimiter: u8) -> Result<Self, FileError> {
        let mut bytes = BufReader::with_capacity(1 << 20, bytes);
        let failed = |source| FileError::Read {
            path: path.to_owned(),
            source,
        };
        let told = delimited::told(bytes.fill_buf().map_err(failed)?);
        bytes.consume(told.map_or(0, |(_, length)| length));
        let guarded = Guarded {
            bytes,
            row_bytes: 0,
        };
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .has_headers(false)
            .buffer_capacity(64 * 1024)
            .from_reader(guarded);
        let mut header = ByteRecord::new();
        let read = reader.read_byte_record(&mut header);
        read.map_err(|error| broken(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            names: names(&header).map_err(|what| wrong(path, what))?,
            reader,
            delimiter,
            record: header,
            json: Vec::new(),
            is_told: false,
        })
    }

    /// Hands rows over until `push` says that it is full; `number` is that of the next one. A row with more
    /// or fewer cells than the header is handed over as it is, which is no JSON, so that it is refused
    /// alone.
    pub fn read_rows(
        &mut self,
        number: i64,
        push: &mut impl FnMut(&[u8]) -> bool,
    ) -> Result<(), FileError> {
        let mut number = number..;
        loop {
            self.reader.get_mut().row_bytes = 0;
            let read = self.reader.read_byte_record(&mut self.record);
            if !read.map_err(|error| broken(&self.path, &error))? {
                return Ok(());
            }
            if self.record.iter().all(<[u8]>::is_empty) {
                continue;
            }
            let row = number.next().unwrap_or_default();
            self.json.clear();
            if self.record.len() == self.names.len() {
                object(&self.names, &self.record, &mut self.json);
            } else {
                self.tell(row);
                verbatim(&self.record, self.delimiter, &mut self.json);
            }
            if !push(&self.json) {
                return Ok(());
            }
        }
    }

    /// Says once that a row does not fit the header.
    fn tell(&mut self, row: i64) {
        if self.is_told {
            return;
        }
        self.is_told = true;
        tracing::warn!(
            path = %self.path.display(),
            row,
            cells = self.record.len(),
            columns = self.names.len(),
            "a row of CSV has more or fewer cells than the header; it and others like it are refused \
             (is a delimiter in a cell that is not quoted?)"
        );
    }
}

impl Read for Guarded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.row_bytes > ROW_BYTES_MAX {
            return Err(io::Error::other(format!(
                "a row has more than {ROW_BYTES_MAX} bytes: is a quote left open?"
            )));
        }
        let read = self.bytes.read(buffer)?;
        self.row_bytes += read;
        Ok(read)
    }
}

fn broken(path: &Path, error: &csv::Error) -> FileError {
    FileError::Csv {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// `"name":` of each column of `header`. An error is in words.
fn names(header: &ByteRecord) -> Result<Vec<Option<Vec<u8>>>, String> {
    let mut names: Vec<Option<Vec<u8>>> = Vec::with_capacity(header.len());
    for (position, cell) in header.iter().enumerate() {
        let place = position + 1;
        let name = std::str::from_utf8(cell.trim_ascii()).map_err(|_| {
            format!("CSV whose header row is not UTF-8 (column {place}): save it as UTF-8")
        })?;
        if name.is_empty() {
            names.push(None);
            continue;
        }
        if name.parse::<f64>().is_ok() {
            return Err(format!(
                "CSV whose first row is no header: its column {place} is a number; write the names of the \
                 columns first"
            ));
        }
        let mut start = Vec::new();
        quoted(name.as_bytes(), &mut start);
        start.push(b':');
        let is_same = |other: &Option<Vec<u8>>| other.as_ref() == Some(&start);
        if let Some(first) = names.iter().position(is_same) {
            // Its name is not shown: without a header row it is a value.
            return Err(format!(
                "CSV whose columns {} and {place} have the same name: rename one, or write a header row",
                first + 1
            ));
        }
        names.push(Some(start));
    }
    match names.iter().any(Option::is_some) {
        true => Ok(names),
        false => Err("CSV without a header row".into()),
    }
}

fn object(names: &[Option<Vec<u8>>], record: &ByteRecord, out: &mut Vec<u8>) {
    out.push(b'{');
    for (name, cell) in names.iter().zip(record) {
        let Some(name) = name.as_ref().filter(|_| !cell.is_empty()) else {
            continue;
        };
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(name);
        quoted(cell, out);
    }
    out.push(b'}');
}

/// The row as CSV.
fn verbatim(record: &ByteRecord, delimiter: u8, out: &mut Vec<u8>) {
    for (position, cell) in record.iter().enumerate() {
        if position > 0 {
            out.push(delimiter);
        }
        let is_special = |byte: &u8| *byte == delimiter || b"\"\r\n".contains(byte);
        if !cell.iter().any(is_special) {
            out.extend_from_slice(cell);
            continue;
        }
        out.push(b'"');
        for byte in cell {
            if *byte == b'"' {
                out.push(b'"');
            }
            out.push(*byte);
        }
        out.push(b'"');
    }
}

/// `text` as a JSON string. Bytes that are no UTF-8 stay, and whoever reads the row refuses it.
fn quoted(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            other => out.push(*other),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
