//! Objects that are written while they are made.

use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};

use crate::error::StoreError;
use crate::io::Io;

/// Bytes that are sent at once. S3 takes at most 10,000 pieces, so an object has at most 80 GB.
const PIECE_BYTES: usize = 8 << 20;

/// An object that is being written: it is there when [`Self::finish`] has returned, whole, or not at all.
pub(crate) struct Upload {
    io: Io,
    below: String,
    waiting: Vec<u8>,
    /// `None` until there is more than one piece.
    pieces: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    pub(crate) fn new(io: &Io, below: &str) -> Self {
        Self {
            io: io.clone(),
            below: below.to_owned(),
            waiting: Vec::new(),
            pieces: None,
        }
    }

    /// Appends bytes. After an error the upload is of no use.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() < PIECE_BYTES {
            return Ok(());
        }
        self.send()
    }

    /// Sends the rest and makes the object visible.
    pub(crate) fn finish(mut self) -> Result<(), StoreError> {
        if self.pieces.is_none() {
            let bytes = std::mem::take(&mut self.waiting);
            return self.io.put(&self.below, Bytes::from(bytes));
        }
        if !self.waiting.is_empty() {
            self.send()?;
        }
        if let Some(mut pieces) = self.pieces.take() {
            self.io
                .call("write", &self.below, async move { pieces.complete().await })?;
        }
        self.io.sync(&self.below)
    }

    fn send(&mut self) -> Result<(), StoreError> {
        let mut pieces = match self.pieces.take() {
            Some(pieces) => pieces,
            None => {
                let (store, path) = self.io.target(&self.below);
                let begun = async move { store.put_multipart(&path).await };
                self.io.call("write", &self.below, begun)?
            }
        };
        let piece = PutPayload::from(std::mem::take(&mut self.waiting));
        let sent = async move {
            match pieces.put_part(piece).await {
                Ok(()) => Ok(pieces),
                Err(error) => {
                    // The error that is told is the first; what this leaves is cleaned up later.
                    let _left = pieces.abort().await;
                    Err(error)
                }
            }
        };
        self.pieces = Some(self.io.call("write", &self.below, sent)?);
        Ok(())
    }
}

/// What was begun and not finished is given up, so that the store keeps no pieces.
impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut pieces) = self.pieces.take() {
            // Without an answer the pieces stay until the store's own clean-up.
            let _left = self
                .io
                .call("give up", &self.below, async move { pieces.abort().await });
        }
    }
}
