//! Texts as output, packed as their names say, complete or absent.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::write::GzEncoder;

use super::content::Packing;
use super::whole::WholeFile;

/// A text under a name that may end in `.gz` or `.zst`, complete or absent.
pub struct TextFile {
    whole: WholeFile,
    bytes: Packed,
}

type Plain = BufWriter<Box<dyn Write + Send>>;

enum Packed {
    None(Plain),
    Gzip(GzEncoder<Plain>),
    Zstd(zstd::Encoder<'static, Plain>),
}

impl TextFile {
    pub fn create(path: &Path) -> Result<Self> {
        let (whole, bytes) = WholeFile::create(path)?;
        let bytes = BufWriter::with_capacity(1 << 20, bytes);
        let bytes = match packing(path) {
            Packing::None => Packed::None(bytes),
            Packing::Gzip => Packed::Gzip(GzEncoder::new(bytes, flate2::Compression::fast())),
            Packing::Zstd => Packed::Zstd(zstd::Encoder::new(bytes, 1)?),
        };
        Ok(Self { whole, bytes })
    }

    pub fn write(&mut self, text: &[u8]) -> Result<()> {
        let written = match &mut self.bytes {
            Packed::None(bytes) => bytes.write_all(text),
            Packed::Gzip(bytes) => bytes.write_all(text),
            Packed::Zstd(bytes) => bytes.write_all(text),
        };
        written.with_context(|| format!("cannot write {}", self.whole.path().display()))
    }

    /// Completes the file.
    pub fn finish(self) -> Result<()> {
        let ended = match self.bytes {
            Packed::None(bytes) => Ok(bytes),
            Packed::Gzip(bytes) => bytes.finish(),
            Packed::Zstd(bytes) => bytes.finish(),
        };
        let flushed = ended.and_then(|mut bytes: Plain| bytes.flush());
        flushed.with_context(|| format!("cannot write {}", self.whole.path().display()))?;
        self.whole.complete()
    }
}

/// Whether `error` says that nobody reads the output any more.
pub fn is_unread(error: &anyhow::Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

fn packing(path: &Path) -> Packing {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str() {
        Some("gz" | "gzip") => Packing::Gzip,
        Some("zst" | "zstd") => Packing::Zstd,
        _ => Packing::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::FileReader;

    #[test]
    fn what_is_packed_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        for (name, magic) in [
            ("a.jsonl", &b"{"[..]),
            ("a.jsonl.gz", b"\x1f\x8b"),
            ("a.jsonl.zst", b"\x28\xb5\x2f\xfd"),
        ] {
            let path = directory.path().join(name);
            let mut file = TextFile::create(&path).unwrap();
            file.write(b"{\"a\":1}\n{\"a\":2}\n").unwrap();
            file.finish().unwrap();
            assert!(std::fs::read(&path).unwrap().starts_with(magic), "{name}");
            let rows = FileReader::open(&path)
                .unwrap()
                .next_batch()
                .unwrap()
                .unwrap();
            assert_eq!(rows.len(), 2, "{name}");
        }
    }
}
