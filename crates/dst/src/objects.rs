//! An object store in memory whose faults are decided by the simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{Add, Range};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use parking_lot::Mutex;
use tillwatch_state_store::object_store::path::Path;
use tillwatch_state_store::object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

/// What lies in the store, whoever looks.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    held: Mutex<BTreeMap<Path, Object>>,
    now_ms: Mutex<u64>,
    /// Paths of objects that were lost as they lay there.
    lost: Mutex<BTreeSet<String>>,
}

#[derive(Debug, Clone)]
struct Object {
    bytes: Bytes,
    /// It is not what was written.
    is_damaged: bool,
    modified_ms: u64,
}

/// How the store answers somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// It does what it is asked for.
    #[default]
    Fine,
    /// Nobody answers.
    Away,
    /// It writes nothing: the disk is full.
    Full,
    /// It does what it is asked for, but the answer is lost.
    Unsure,
}

/// How an object at rest is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// A bit is another one.
    Flip,
    /// Its end is missing, as after a power cut.
    Tear,
    /// It is gone.
    Lose,
}

/// One instance's way to the store.
#[derive(Debug)]
pub(crate) struct Door {
    objects: Arc<Objects>,
    fault: Mutex<Fault>,
}

#[derive(Debug, Default)]
struct Fault {
    mood: Mood,
    /// After so many calls nothing is done any more: the process has died.
    calls_left: Option<u32>,
}

impl Objects {
    /// The time by the store's clock, in milliseconds.
    pub(crate) fn set_clock(&self, now_ms: u64) {
        *self.now_ms.lock() = now_ms;
    }

    /// Damages the object at this place of the listing, if there is one.
    pub(crate) fn damage(&self, at: usize, how: Damage) {
        let mut held = self.held.lock();
        let index = at % held.len().max(1);
        let Some(path) = held.keys().nth(index).cloned() else {
            return;
        };
        let bytes = held
            .get(&path)
            .map(|object| object.bytes.clone())
            .unwrap_or_default();
        let changed = match how {
            Damage::Lose => {
                held.remove(&path);
                self.lost.lock().insert(path.to_string());
                return;
            }
            Damage::Tear => bytes.slice(..bytes.len() / 2),
            Damage::Flip => {
                let mut bytes = bytes.to_vec();
                let middle = bytes.len() / 2;
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 0x10;
                }
                Bytes::from(bytes)
            }
        };
        if let Some(object) = held.get_mut(&path) {
            object.bytes = changed;
            object.is_damaged = true;
        }
    }

    /// Whether an object whose path ends like this was damaged as it lay there.
    pub(crate) fn is_damaged(&self, end: &str) -> bool {
        let held = self.held.lock();
        let mut damaged = held.iter().filter(|(_, object)| object.is_damaged);
        damaged.any(|(path, _)| path.as_ref().ends_with(end))
    }

    /// Whether an object whose path has this in it was lost as it lay there.
    pub(crate) fn is_lost(&self, piece: &str) -> bool {
        self.lost.lock().iter().any(|path| path.contains(piece))
    }

    fn meta(path: &Path, object: &Object) -> ObjectMeta {
        ObjectMeta {
            location: path.clone(),
            last_modified: since_epoch(object.modified_ms),
            size: object.bytes.len() as u64,
            e_tag: None,
            version: None,
        }
    }

    fn below(&self, prefix: Option<&Path>) -> Vec<ObjectMeta> {
        let held = self.held.lock();
        let is_below = |path: &Path| {
            prefix.is_none_or(|prefix| {
                path.prefix_match(prefix)
                    .is_some_and(|mut parts| parts.next().is_some())
            })
        };
        let found = held.iter().filter(|(path, _)| is_below(path));
        found
            .map(|(path, object)| Self::meta(path, object))
            .collect()
    }
}

impl Door {
    pub(crate) fn new(objects: &Arc<Objects>) -> Self {
        Self {
            objects: Arc::clone(objects),
            fault: Mutex::default(),
        }
    }

    /// All faults are over.
    pub(crate) fn heal(&self) {
        *self.fault.lock() = Fault::default();
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.fault.lock().mood = mood;
    }

    /// Nothing is done any more after so many calls.
    pub(crate) fn die_after(&self, calls: u32) {
        self.fault.lock().calls_left = Some(calls);
    }

    /// Whether the last call that was to be done is done.
    pub(crate) fn is_dead(&self) -> bool {
        self.fault.lock().calls_left == Some(0)
    }

    /// Asks before something is done; gives the mood it is done in.
    fn enter(&self, writes: bool) -> Result<Mood> {
        let mut fault = self.fault.lock();
        if let Some(left) = &mut fault.calls_left {
            if *left == 0 {
                return Err(trouble("the process has died"));
            }
            *left -= 1;
        }
        match fault.mood {
            Mood::Away => Err(trouble("nobody answers")),
            Mood::Full if writes => Err(Error::Generic {
                store: "simulation",
                source: std::io::Error::from(std::io::ErrorKind::StorageFull).into(),
            }),
            mood => Ok(mood),
        }
    }

    fn leave<T>(&self, mood: Mood, done: T) -> Result<T> {
        match mood {
            Mood::Unsure => Err(trouble("the answer was lost")),
            _ => Ok(done),
        }
    }
}

#[async_trait]
impl ObjectStore for Door {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let mood = self.enter(true)?;
        let now_ms = *self.objects.now_ms.lock();
        let mut held = self.objects.held.lock();
        if matches!(opts.mode, PutMode::Create) && held.contains_key(location) {
            return Err(Error::AlreadyExists {
                path: location.to_string(),
                source: "it is there".into(),
            });
        }
        let object = Object {
            bytes: Bytes::from(payload),
            is_damaged: false,
            modified_ms: now_ms,
        };
        held.insert(location.clone(), object);
        self.leave(
            mood,
            PutResult {
                e_tag: None,
                version: None,
            },
        )
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(trouble("objects of a simulation are small"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.enter(false)?;
        let found = self.objects.held.lock().get(location).cloned();
        let object = found.ok_or_else(|| missing(location))?;
        let size = object.bytes.len() as u64;
        let range: Range<u64> = match &options.range {
            None => 0..size,
            Some(range) => range.as_range(size).map_err(|error| Error::Generic {
                store: "simulation",
                source: Box::new(error),
            })?,
        };
        let bytes = object.bytes.slice(range.start as usize..range.end as usize);
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed()),
            meta: Objects::meta(location, &object),
            range,
            attributes: Default::default(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let entered = self.enter(true).map_err(|error| error.to_string());
        let objects = Arc::clone(&self.objects);
        locations
            .map(move |location| {
                let location = location?;
                match &entered {
                    Err(error) => Err(trouble(error)),
                    Ok(_) => match objects.held.lock().remove(&location) {
                        Some(_) => Ok(location),
                        None => Err(missing(&location)),
                    },
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.enter(false) {
            Err(error) => stream::iter([Err(error)]).boxed(),
            Ok(_) => stream::iter(self.objects.below(prefix).into_iter().map(Ok)).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.enter(false)?;
        let root = Path::default();
        let base = prefix.unwrap_or(&root);
        let mut prefixes = BTreeSet::new();
        let mut objects = Vec::new();
        for meta in self.objects.below(prefix) {
            let parts: Vec<String> = match meta.location.prefix_match(base) {
                Some(parts) => parts.map(|part| part.as_ref().to_owned()).collect(),
                None => continue,
            };
            match parts.as_slice() {
                [_] => objects.push(meta),
                [first, ..] => {
                    prefixes.insert(base.clone().join(first.as_str()));
                }
                [] => {}
            }
        }
        Ok(ListResult {
            common_prefixes: prefixes.into_iter().collect(),
            objects,
        })
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(trouble("nothing is copied"))
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a simulated store")
    }
}

fn missing(path: &Path) -> Error {
    Error::NotFound {
        path: path.to_string(),
        source: "it is not there".into(),
    }
}

fn trouble(what: &str) -> Error {
    Error::Generic {
        store: "simulation",
        source: what.to_owned().into(),
    }
}

/// So many milliseconds after what a clock begins with.
fn since_epoch<T: Default + Add<Duration, Output = T>>(ms: u64) -> T {
    T::default() + Duration::from_millis(ms)
}
