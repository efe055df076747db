//! Blocking calls on an object store.
//!
//! `object_store` is asynchronous. One thread drives a small runtime, and callers wait for it: so any
//! thread may call, also one that belongs to another runtime. Every call ends, also when the store does not
//! answer.

mod answer;
mod staged;

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::damaged::DamagedObjects;
use crate::error::StoreError;
use crate::failure::{self, Told};

use answer::Answer;
pub(crate) use answer::{BUCKET_WAIT, DIRECTORY_WAIT, Patience};
pub(crate) use staged::Staged;

/// Most objects of one listing. A lane has a few hundred, unless nothing is ever cleaned up.
const LISTED_MAX: usize = 1_000_000;

/// Objects of a listing that are waited for at once: as many as a bucket tells in one answer.
const PAGE_OBJECTS: usize = 1_000;

/// Most threads that wait for files at once. Reading ahead asks for a block per run at most.
const BLOCKING_THREADS_MAX: usize = 8;

/// The store, below a prefix. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Io {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The same store, if it is a directory: what is written there is brought to the disk.
    local: Option<Local>,
    damaged: DamagedObjects,
    runtime: Handle,
    patience: Patience,
    /// Dropped with the last clone, which ends the runtime's thread.
    _running: oneshot::Sender<()>,
}

/// A directory as a store.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) files: LocalFileSystem,
    pub(crate) root: PathBuf,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its path below what was listed.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// When it was last written by the store's clock: milliseconds since 1970.
    pub(crate) modified_ms: i64,
    /// Differs from that of what lay there before under the same path.
    stamp: String,
}

impl Io {
    /// `patience` says how long one answer may take.
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        local: Option<Local>,
        patience: Patience,
    ) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable {
            action: "start a thread for",
            path: prefix.to_string(),
            detail: error.to_string(),
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name("state-files")
            .build()
            .map_err(unavailable)?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("state-store".to_owned())
            .spawn(move || {
                // An error says that the sender was dropped, which is the end.
                let _ended = runtime.block_on(ended);
                runtime.shutdown_background();
            })
            .map_err(unavailable)?;
        Ok(Self {
            shared: Arc::new(Shared {
                store,
                prefix,
                local,
                damaged: DamagedObjects::default(),
                runtime: handle,
                patience,
                _running: running,
            }),
        })
    }

    /// The same store, a directory further down.
    pub(crate) fn path(&self, below: &str) -> Path {
        let mut path = self.shared.prefix.clone();
        for segment in below.split('/').filter(|segment| !segment.is_empty()) {
            path = path.join(segment);
        }
        path
    }

    /// The directory, if the store is one.
    pub(crate) fn local(&self) -> Option<&Local> {
        self.shared.local.as_ref()
    }

    /// The whole object, if it has at most `most` bytes.
    pub(crate) fn get(&self, below: &str, most: u64) -> Result<Bytes, StoreError> {
        let (store, path) = self.target(below);
        let read = self.call("read", below, async move {
            let found = store.get(&path).await?;
            match found.meta.size {
                size if size > most => Ok(Err(size)),
                _ => found.bytes().await.map(Ok),
            }
        })?;
        read.map_err(|size| StoreError::Damaged {
            path: below.to_owned(),
            problem: format!("it has {size} bytes, at most {most} are expected"),
        })
    }

    /// Begins to read a part of an object, which goes on while the caller does something else.
    pub(crate) fn fetch(&self, below: &str, range: Range<u64>) -> Fetch {
        let (store, path) = self.target(below);
        let asked = range.end - range.start;
        let answer = self.spawn(async move { store.get_range(&path, range).await });
        Fetch {
            path: below.to_owned(),
            asked,
            answer,
        }
    }

    /// Writes an object whose name says its content: if it is there already, it is written again, which
    /// mends one that was damaged and makes one young that was about to be cleaned up.
    pub(crate) fn put(&self, below: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.put_as(below, bytes, PutMode::Overwrite).map(|_new| ())
    }

    /// Writes an object unless it is there already; says whether it was not.
    pub(crate) fn put_if_absent(&self, below: &str, bytes: Bytes) -> Result<bool, StoreError> {
        self.put_as(below, bytes, PutMode::Create)
    }

    /// What lies below a directory, at any depth, in no order.
    pub(crate) fn list(&self, below: &str) -> Result<Vec<Listed>, StoreError> {
        let base = self.path(below);
        let found = self.pages(below)?;
        if found.len() >= LISTED_MAX {
            return Err(StoreError::TooLarge {
                what: "the number of objects of a lane",
                found: LISTED_MAX as u64,
                most: LISTED_MAX as u64 - 1,
                next: "run `tillwatch snapshot gc`, and allow the credentials to delete",
            });
        }
        let listed = |meta: ObjectMeta| {
            let parts: Vec<_> = meta.location.prefix_match(&base)?.collect();
            let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
            Some(Listed::new(parts.join("/"), &meta))
        };
        Ok(found.into_iter().filter_map(listed).collect())
    }

    /// Names of the directories in a directory.
    pub(crate) fn directories(&self, below: &str) -> Result<Vec<String>, StoreError> {
        let (store, path) = self.target(below);
        let found = self.call("list", below, async move {
            let prefix = (!path.as_ref().is_empty()).then_some(&path);
            store.list_with_delimiter(prefix).await
        })?;
        let name = |path: &Path| path.filename().map(str::to_owned);
        Ok(found.common_prefixes.iter().filter_map(name).collect())
    }

    /// An object as a listing has it; `None` if it is not there.
    pub(crate) fn look_up(&self, below: &str) -> Result<Option<Listed>, StoreError> {
        let (store, path) = self.target(below);
        let found = self.call("look up", below, async move { store.head(&path).await });
        match found {
            Ok(meta) => Ok(Some(Listed::new(below.to_owned(), &meta))),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object; one that is not there is deleted.
    pub(crate) fn delete(&self, below: &str) -> Result<(), StoreError> {
        let (store, path) = self.target(below);
        match self.call("delete", below, async move { store.delete(&path).await }) {
            Ok(()) | Err(StoreError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes files that a process left half written when it died. Listings do not show them.
    pub(crate) fn delete_staged(&self, below: &str, before_ms: i64) -> Result<Staged, StoreError> {
        let Some(local) = self.local() else {
            return Ok(Staged::default());
        };
        let (root, lane) = (local.root.clone(), below.to_owned());
        let delete = move || staged::delete(&root, &lane, before_ms);
        self.on_files("clean up", below, delete)
    }

    /// The objects of a listing, at most [`LISTED_MAX`]. Each page is waited for by itself.
    fn pages(&self, below: &str) -> Result<Vec<ObjectMeta>, StoreError> {
        let (mut found, mut listing) = (Vec::new(), None);
        loop {
            let (store, path) = self.target(below);
            let page = async move {
                // Begun on the runtime, whose threads it then uses.
                let mut listing = listing.unwrap_or_else(|| store.list(Some(&path)));
                let page = listing.by_ref().take(PAGE_OBJECTS);
                let page: Vec<ObjectMeta> = page.try_collect().await?;
                Ok((page, listing))
            };
            let (page, rest) = self.call("list", below, page)?;
            let is_last = page.len() < PAGE_OBJECTS;
            found.extend(page);
            if is_last || found.len() >= LISTED_MAX {
                return Ok(found);
            }
            listing = Some(rest);
        }
    }

    /// Remembers that an object was read and is damaged, until it is written again.
    pub(crate) fn note_damage(&self, below: &str, problem: &str) {
        // What cannot be looked up is found again when it is read again.
        if let Ok(Some(listed)) = self.look_up(below) {
            self.shared.damaged.note(below, listed.stamp, problem);
        }
    }

    /// What was found to be wrong with an object when it was read; `listed` is how it lies there.
    pub(crate) fn damage(&self, below: &str, listed: &Listed) -> Option<String> {
        self.shared.damaged.problem(below, &listed.stamp)
    }

    /// Takes note that an object was written, and brings it to the disk.
    pub(crate) fn written(&self, below: &str) -> Result<(), StoreError> {
        self.shared.damaged.forget(below);
        self.sync(below)
    }

    fn put_as(&self, below: &str, bytes: Bytes, mode: PutMode) -> Result<bool, StoreError> {
        let (store, path) = self.target(below);
        let written = self.call("write", below, async move {
            let options = PutOptions::from(mode);
            match store
                .put_opts(&path, PutPayload::from(bytes), options)
                .await
            {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        })?;
        match written {
            true => self.written(below)?,
            false => self.sync(below)?,
        }
        Ok(written)
    }

    /// Brings a file and its directory to the disk. A snapshot that a power cut left half written would
    /// be refused, but so might all that are kept, if they were written shortly before.
    fn sync(&self, below: &str) -> Result<(), StoreError> {
        let Some(local) = self.local() else {
            return Ok(());
        };
        let file = local
            .files
            .path_to_filesystem(&self.path(below))
            .map_err(|error| failure::told("write", below, &error))?;
        let (root, told) = (local.root.clone(), below.to_owned());
        self.on_files("write", below, move || {
            for path in file.ancestors() {
                let opened = std::fs::File::open(path);
                opened
                    .and_then(|file| file.sync_all())
                    .map_err(|error| failure::told("write", &told, &error))?;
                if path == root {
                    break;
                }
            }
            Ok(())
        })
    }

    /// The store, and where in it an object lies.
    pub(crate) fn target(&self, below: &str) -> (Arc<dyn ObjectStore>, Path) {
        (Arc::clone(&self.shared.store), self.path(below))
    }

    /// Runs to its end on the runtime.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        action: &'static str,
        below: &str,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.spawn(work).wait(action, below)?;
        done.map_err(|error| error.told(action, below))
    }

    /// Does something with files, on a thread that may have to wait for them.
    fn on_files<T: Send + 'static>(
        &self,
        action: &'static str,
        below: &str,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = self.shared.patience.ask();
        self.shared
            .runtime
            .spawn_blocking(move || reply.send(work()));
        answer.wait(action, below)?
    }

    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Answer<object_store::Result<T>> {
        let (reply, answer) = self.shared.patience.ask();
        self.shared
            .runtime
            .spawn(async move { reply.send(work.await) });
        answer
    }
}

/// Without the store's own words: some clouds' show the credentials that they were given.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("store", &format_args!("{}", self.store))
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Listed {
    fn new(path: String, meta: &ObjectMeta) -> Self {
        let modified_ms = meta.last_modified.timestamp_millis();
        // Listings and headers of one store may differ in quotes and parts of a second.
        let stamp = match &meta.e_tag {
            Some(tag) => format!(
                "{} {}",
                modified_ms.div_euclid(1_000),
                tag.trim_matches('"')
            ),
            None => modified_ms.to_string(),
        };
        Self {
            path,
            bytes: meta.size,
            modified_ms,
            stamp,
        }
    }
}

/// A part of an object on its way.
#[derive(Debug)]
pub(crate) struct Fetch {
    path: String,
    asked: u64,
    answer: Answer<object_store::Result<Bytes>>,
}

impl Fetch {
    /// Waits for it. What is shorter than it was asked for is damage.
    pub(crate) fn wait(self) -> Result<Bytes, StoreError> {
        let bytes = self.answer.wait("read", &self.path)?;
        let bytes = bytes.map_err(|error| error.told("read", &self.path))?;
        if bytes.len() as u64 == self.asked {
            return Ok(bytes);
        }
        Err(StoreError::Damaged {
            problem: format!(
                "{} bytes are there, {} were asked for",
                bytes.len(),
                self.asked
            ),
            path: self.path,
        })
    }
}
