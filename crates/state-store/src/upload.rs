//! Objects that are written while they are made.

use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::runtime::Handle;

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
    pieces: Option<Pieces>,
}

/// Pieces that make no object yet. Wherever they are dropped, also by a call that nobody waits for any more,
/// they are given up, so that the store keeps none.
struct Pieces {
    /// `None` once they make an object, or are given up.
    begun: Option<Box<dyn MultipartUpload>>,
    runtime: Handle,
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
        if let Some(pieces) = self.pieces.take() {
            self.io.call("write", &self.below, pieces.complete())?;
        }
        self.io.written(&self.below)
    }

    fn send(&mut self) -> Result<(), StoreError> {
        let pieces = match self.pieces.take() {
            Some(pieces) => pieces,
            None => {
                let (store, path) = self.io.target(&self.below);
                let begun = async move {
                    Ok(Pieces {
                        begun: Some(store.put_multipart(&path).await?),
                        runtime: Handle::current(),
                    })
                };
                self.io.call("write", &self.below, begun)?
            }
        };
        let piece = PutPayload::from(std::mem::take(&mut self.waiting));
        let sent = self.io.call("write", &self.below, pieces.and(piece))?;
        self.pieces = Some(sent);
        Ok(())
    }
}

/// What was begun and not finished is given up, and waited for: the process may be about to end.
impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(pieces) = self.pieces.take() {
            // Without an answer the pieces stay until the store's own clean-up.
            let _left = self.io.call("give up", &self.below, pieces.give_up());
        }
    }
}

impl Pieces {
    /// Sends one more.
    async fn and(mut self, piece: PutPayload) -> object_store::Result<Self> {
        if let Some(begun) = &mut self.begun {
            begun.put_part(piece).await?;
        }
        Ok(self)
    }

    /// Makes them an object.
    async fn complete(mut self) -> object_store::Result<()> {
        if let Some(begun) = &mut self.begun {
            begun.complete().await?;
            self.begun = None;
        }
        Ok(())
    }

    async fn give_up(mut self) -> object_store::Result<()> {
        match self.begun.take() {
            Some(mut begun) => begun.abort().await,
            None => Ok(()),
        }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if let Some(mut begun) = self.begun.take() {
            self.runtime.spawn(async move {
                // The error that is told is the one before.
                let _left = begun.abort().await;
            });
        }
    }
}
