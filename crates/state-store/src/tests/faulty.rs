//! A store in memory that fails on purpose, and whose clock is set.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, UploadPart,
};
use parking_lot::Mutex;

use crate::StateStore;
use crate::io::{BUCKET_WAIT, Io, Patience};

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    /// Not done, and an error is told.
    Refused,
    /// The disk is full.
    Full,
    /// Done, and an error is told: the answer was lost.
    Unheard,
    /// Nothing is ever told.
    Silent,
}

/// How the store writes an object that must not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Absent {
    /// As it should be.
    #[default]
    Kept,
    /// It cannot: a directory without hard links, a bucket that does not know the header.
    Refused,
    /// It ignores the header.
    Overwritten,
}

/// Cheap to clone; clones are one store.
#[derive(Debug, Clone, Default)]
pub(super) struct Faulty {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    objects: InMemory,
    /// Of the next calls, the last first; then [`Shared::ever_after`].
    fates: Mutex<Vec<Fate>>,
    ever_after: Mutex<Option<Fate>>,
    absent: Mutex<Absent>,
    /// Uploads in pieces that were begun, and have neither become an object nor been given up.
    open_uploads: AtomicUsize,
    now_ms: Mutex<u64>,
    written_ms: Mutex<HashMap<Path, u64>>,
}

impl Faulty {
    pub(super) fn store(&self) -> StateStore {
        StateStore::with(Arc::new(self.clone()), "below").unwrap()
    }

    /// The same without lanes.
    pub(super) fn io(&self) -> Io {
        let patience = Patience::new(BUCKET_WAIT);
        let io = Io::new(Arc::new(self.clone()), Path::from("below"), None, patience);
        io.unwrap()
    }

    /// What becomes of the calls to come; all others are done.
    pub(super) fn fates(&self, fates: impl IntoIterator<Item = Fate>) {
        let mut fates: Vec<_> = fates.into_iter().collect();
        fates.reverse();
        *self.shared.fates.lock() = fates;
    }

    /// What becomes of all calls after those.
    pub(super) fn ever_after(&self, fate: Fate) {
        *self.shared.ever_after.lock() = Some(fate);
    }

    /// How objects that must not be there are written.
    pub(super) fn put_if_absent(&self, absent: Absent) {
        *self.shared.absent.lock() = absent;
    }

    /// Uploads in pieces of which the store still keeps some.
    pub(super) fn open_uploads(&self) -> usize {
        self.shared.open_uploads.load(Ordering::SeqCst)
    }

    pub(super) fn set_clock(&self, now_ms: u64) {
        *self.shared.now_ms.lock() = now_ms;
    }

    /// Paths of all objects, sorted.
    pub(super) fn paths(&self) -> Vec<Path> {
        let listed = self.shared.objects.list(None);
        let listed = listed.map_ok(|meta| meta.location).try_collect();
        let mut paths: Vec<Path> = ready(listed).unwrap();
        paths.sort();
        paths
    }

    pub(super) fn bytes(&self, path: &Path) -> Vec<u8> {
        let got = ready(self.shared.objects.get(path)).unwrap();
        ready(got.bytes()).unwrap().to_vec()
    }

    /// Puts other bytes under a path, as a broken disk does.
    pub(super) fn replace(&self, path: &Path, bytes: Vec<u8>) {
        ready(self.shared.objects.put(path, bytes.into())).unwrap();
    }

    pub(super) fn remove(&self, path: &Path) {
        ready(self.shared.objects.delete(path)).unwrap();
    }

    async fn call<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let shared = &self.shared;
        let fate = shared.fates.lock().pop().or(*shared.ever_after.lock());
        let failed = |kind: io::ErrorKind| Error::Generic {
            store: "faulty",
            source: Box::new(io::Error::from(kind)),
        };
        match fate.unwrap_or(Fate::Done) {
            Fate::Done => work.await,
            Fate::Refused => Err(failed(io::ErrorKind::TimedOut)),
            Fate::Full => Err(failed(io::ErrorKind::StorageFull)),
            Fate::Silent => std::future::pending().await,
            Fate::Unheard => work.await.and(Err(failed(io::ErrorKind::ConnectionReset))),
        }
    }

    fn wrote(&self, path: &Path) {
        let now_ms = *self.shared.now_ms.lock();
        self.shared.written_ms.lock().insert(path.clone(), now_ms);
    }

    fn dated(&self, mut meta: ObjectMeta) -> ObjectMeta {
        let written_ms = self.shared.written_ms.lock().get(&meta.location).copied();
        let since_epoch = u64::try_from(meta.last_modified.timestamp_millis()).unwrap();
        let epoch = meta.last_modified - Duration::from_millis(since_epoch);
        meta.last_modified = epoch + Duration::from_millis(written_ms.unwrap_or(0));
        meta
    }
}

/// Memory never makes one wait.
fn ready<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("memory answers at once")
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        path: &Path,
        bytes: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let absent = *self.shared.absent.lock();
        self.call(async {
            match (&options.mode, absent) {
                (PutMode::Create, Absent::Refused) => {
                    return Err(Error::NotImplemented {
                        operation: "put if absent".to_owned(),
                        implementer: "faulty".to_owned(),
                    });
                }
                (PutMode::Create, Absent::Overwritten) => options.mode = PutMode::Overwrite,
                _ => {}
            }
            let put = self.shared.objects.put_opts(path, bytes, options).await?;
            self.wrote(path);
            Ok(put)
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.wrote(path);
        let begun = async {
            let upload = self
                .shared
                .objects
                .put_multipart_opts(path, options)
                .await?;
            self.shared.open_uploads.fetch_add(1, Ordering::SeqCst);
            let store = self.clone();
            let upload: Box<dyn MultipartUpload> = Box::new(FaultyUpload { upload, store });
            Ok(upload)
        };
        self.call(begun).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let mut got = self
            .call(self.shared.objects.get_opts(path, options))
            .await?;
        got.meta = self.dated(got.meta);
        Ok(got)
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |path: Result<Path>| {
            let store = store.clone();
            async move {
                let path = path?;
                store.call(store.shared.objects.delete(&path)).await?;
                Ok(path)
            }
        };
        paths.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            let found: Vec<_> = store
                .call(store.shared.objects.list(prefix.as_ref()).try_collect())
                .await?;
            let dated: Vec<_> = found
                .into_iter()
                .map(|meta| Ok(store.dated(meta)))
                .collect();
            Ok(futures_util::stream::iter(dated))
        };
        listed.try_flatten_stream().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.call(self.shared.objects.list_with_delimiter(prefix))
            .await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.call(self.shared.objects.copy_opts(from, to, options))
            .await
    }
}

/// An upload in pieces, each of which may fail.
#[derive(Debug)]
struct FaultyUpload {
    upload: Box<dyn MultipartUpload>,
    store: Faulty,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, piece: PutPayload) -> UploadPart {
        let (store, sent) = (self.store.clone(), self.upload.put_part(piece));
        async move { store.call(sent).await }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let made = async {
            let made = self.upload.complete().await?;
            self.store
                .shared
                .open_uploads
                .fetch_sub(1, Ordering::SeqCst);
            Ok(made)
        };
        self.store.call(made).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.store
            .shared
            .open_uploads
            .fetch_sub(1, Ordering::SeqCst);
        self.upload.abort().await
    }
}
