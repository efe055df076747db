//! Frozen state whose bytes are known in pieces.

use crate::detector::Frozen;
use crate::snapshot::{Kind, Sealing};

/// Writes a snapshot piece after piece.
#[derive(Debug)]
pub(crate) struct FrozenPieces<P> {
    kind: Kind,
    fingerprint: u64,
    pieces: P,
    /// From the first call on.
    sealing: Option<Sealing>,
}

/// The payload of a snapshot in pieces.
pub(crate) trait Pieces: std::fmt::Debug + Send {
    /// Appends the next piece, of about `bytes` where it can be divided; gives whether it was the last.
    fn append_next(&mut self, out: &mut Vec<u8>, bytes: usize) -> bool;
}

impl<P: Pieces> FrozenPieces<P> {
    pub(crate) fn new(kind: Kind, fingerprint: u64, pieces: P) -> Self {
        Self {
            kind,
            fingerprint,
            pieces,
            sealing: None,
        }
    }
}

impl<P: Pieces> Frozen for FrozenPieces<P> {
    fn write_some(&mut self, out: &mut Vec<u8>, bytes: usize) -> bool {
        let sealing = self.sealing.take();
        let mut sealing =
            sealing.unwrap_or_else(|| Sealing::begin(out, self.kind, self.fingerprint));
        let enough = out.len().saturating_add(bytes);
        loop {
            let is_last = self
                .pieces
                .append_next(out, enough.saturating_sub(out.len()));
            if is_last {
                sealing.end(out);
                return true;
            }
            if out.len() >= enough {
                sealing.note(out);
                self.sealing = Some(sealing);
                return false;
            }
        }
    }
}

/// A payload that was copied at once.
#[derive(Debug)]
pub(crate) struct CopiedPayload {
    bytes: Vec<u8>,
    written: usize,
}

impl CopiedPayload {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, written: 0 }
    }
}

impl Pieces for CopiedPayload {
    fn append_next(&mut self, out: &mut Vec<u8>, bytes: usize) -> bool {
        let left = &self.bytes[self.written..];
        let piece = &left[..left.len().min(bytes.max(1))];
        out.extend_from_slice(piece);
        self.written += piece.len();
        self.written == self.bytes.len()
    }
}
