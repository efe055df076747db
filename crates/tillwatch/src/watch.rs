//! Files that are looked at every so often, on a thread of their own.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// How files look from outside. A change that keeps all of it is not seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp(BTreeMap<PathBuf, Option<Mark>>);

/// How one file looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    modified: Option<SystemTime>,
    bytes: u64,
    /// A file that was renamed to its place is another one.
    inode: u64,
}

impl Stamp {
    /// The stamp of one file, which may be absent.
    pub fn of_file(path: &Path) -> Self {
        let mut stamp = Self::default();
        stamp.add_file(path);
        stamp
    }

    /// Adds a file; an absent one is a change as well.
    pub fn add_file(&mut self, path: &Path) {
        let metadata = std::fs::metadata(path).ok();
        let mark = metadata.map(|metadata| Mark {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
            inode: metadata.ino(),
        });
        self.0.insert(path.to_owned(), mark);
    }

    /// Adds the files of a directory, at most `files_max`; not those of directories in it.
    pub fn add_directory(&mut self, directory: &Path, files_max: usize) {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut any = false;
        for path in entries.map(|entry| entry.path()).take(files_max) {
            if path.is_file() {
                self.add_file(&path);
                any = true;
            }
        }
        if !any {
            self.0.insert(directory.to_owned(), None);
        }
    }

    /// The files that look different in `other`.
    pub fn differing<'a>(&'a self, other: &'a Self) -> Vec<&'a Path> {
        let mine = self.0.iter();
        let changed = mine.filter(|(path, mark)| other.0.get(*path) != Some(*mark));
        let new = other.0.keys().filter(|path| !self.0.contains_key(*path));
        let paths = changed.map(|(path, _)| path).chain(new);
        paths.map(PathBuf::as_path).collect()
    }
}

/// Why a look is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The interval has passed.
    Interval,
    /// Somebody asked for it.
    Asked,
}

/// What the thread is told.
#[derive(Debug, Clone, Copy)]
enum Message {
    Look,
    End,
}

/// A request that waits is enough: it is about whatever the files are when it is its turn.
const MESSAGES_MAX: usize = 1;

/// Asks a watch to look at once, from any thread.
#[derive(Debug, Clone)]
pub struct Bell(SyncSender<Message>);

impl Bell {
    /// Asks; returns at once.
    pub fn ring(&self) {
        // One that waits already is about the same files, and a watch that has ended looks no more.
        let _ = self.0.try_send(Message::Look);
    }
}

/// A watch that has not begun.
#[derive(Debug)]
pub struct Prepared {
    bell: Bell,
    messages: Receiver<Message>,
}

impl Prepared {
    pub fn new() -> Self {
        let (sender, messages) = sync_channel(MESSAGES_MAX);
        Self {
            bell: Bell(sender),
            messages,
        }
    }

    /// What asks this watch to look.
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Looks every `interval`, or only when asked, until dropped.
    pub fn start(
        self,
        name: &str,
        interval: Option<Duration>,
        mut look: impl FnMut(Occasion) + Send + 'static,
    ) -> io::Result<Watch> {
        let Self { bell, messages } = self;
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                yield_to_others();
                loop {
                    let message = match interval {
                        Some(interval) => messages.recv_timeout(interval),
                        None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                    };
                    match message {
                        Ok(Message::Look) => look(Occasion::Asked),
                        Err(RecvTimeoutError::Timeout) => look(Occasion::Interval),
                        Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            })?;
        Ok(Watch {
            end: bell,
            thread: Some(thread),
        })
    }
}

/// How much the thread's claim on a processor is below that of others; 19 would be all.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lets lanes go first where there are fewer processors than work: what was found is read, checked and tried,
/// and nobody waits for that. On Linux the value is the thread's own, elsewhere the whole process's.
pub fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "files are looked at with the priority of all threads");
    }
}

/// A thread that looks at files until this is dropped.
#[derive(Debug)]
pub struct Watch {
    end: Bell,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It fails only when the thread has ended already.
        let _ = self.end.0.send(Message::End);
        if let Some(thread) = self.thread.take() {
            // Its only failure is a panic of its own, which the panic hook has already reported.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_sees_what_comes_goes_and_changes() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let stamp = || {
            let mut stamp = Stamp::default();
            stamp.add_directory(directory.path(), 8);
            stamp
        };
        let empty = stamp();
        assert_ne!(empty, Stamp::default());
        std::fs::write(file("a"), "1").unwrap();
        let one = stamp();
        assert_eq!(empty.differing(&one).len(), 2);
        assert_eq!(one, stamp());
        std::fs::write(file("b"), "1").unwrap();
        std::fs::rename(file("b"), file("a")).unwrap();
        assert_eq!(one.differing(&stamp()), [file("a")]);
        std::fs::remove_file(file("a")).unwrap();
        assert_eq!(stamp(), empty);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_watch_lets_others_go_first() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let mine = niceness();
        let prepared = Prepared::new();
        let bell = prepared.bell();
        let (sender, seen) = sync_channel(1);
        let watch = prepared.start("test", None, move |_| sender.send(niceness()).unwrap());
        bell.ring();
        assert_eq!(seen.recv().unwrap(), (mine + NICENESS).min(19));
        assert_eq!(niceness(), mine);
        drop(watch);
    }

    #[test]
    fn a_watch_without_an_interval_looks_when_asked() {
        let prepared = Prepared::new();
        let bell = prepared.bell();
        let (sender, looks) = sync_channel(4);
        let watch = prepared
            .start("test", None, move |occasion| {
                sender.send(occasion).unwrap();
            })
            .unwrap();
        bell.ring();
        assert_eq!(looks.recv(), Ok(Occasion::Asked));
        drop(watch);
        assert!(looks.recv().is_err());
        bell.ring();
    }
}
