//! Changing a line-up file that people write as well: one change at a time, and their comments stay.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Item, RawString, Value};

use super::file::{LineupFile, LineupFileError};
use crate::config::read_text;

/// What the name of the file that keeps changes apart ends in. It stays: whoever waits for it holds it open.
const LOCK_SUFFIX: &str = ".lock";

/// A line-up file that nobody else changes by this way until it is dropped.
#[derive(Debug)]
pub struct Change {
    path: PathBuf,
    /// The file as it was read.
    text: String,
    /// What it says.
    pub file: LineupFile,
    /// Unlocked when it is dropped, however the process ends.
    _lock: File,
}

impl Change {
    /// Waits until no other change of the file at `path` is under way, then reads it.
    pub fn begin(path: &Path) -> Result<Self, LineupFileError> {
        let beside = beside(path, LOCK_SUFFIX);
        let lock = lock(&beside).map_err(|source| LineupFileError::Lock {
            path: beside,
            source,
        })?;
        let text = read_text(path)?;
        Ok(Self {
            file: LineupFile::parse(&text, path)?,
            path: path.to_owned(),
            text,
            _lock: lock,
        })
    }

    /// Makes the file say what `next` does, in one step: a reader sees the file before or the file after,
    /// whatever happens in between. What somebody has written into it since it was read is left alone.
    pub fn write(self, next: &LineupFile) -> Result<(), LineupFileError> {
        let text = rewritten(&self.text, next, &self.path)?;
        debug_assert!(LineupFile::parse(&text, &self.path).is_ok_and(|said| said == *next));
        if read_text(&self.path)? != self.text {
            return Err(LineupFileError::Changed { path: self.path });
        }
        replace(&self.path, &text).map_err(|source| LineupFileError::Write {
            path: self.path.clone(),
            source,
        })
    }
}

/// The file at `path`, locked; says so where that takes a while.
fn lock(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let lock = options.create(true).append(true).open(path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for a change of the line-up that is under way");
            lock.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(lock)
}

/// The file beside `path` whose name ends in `suffix`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    // Nobody else writes it: the lock is held.
    let new = beside(path, ".new");
    let mut file = File::create(&new)?;
    let written = file
        .write_all(text.as_bytes())
        // Whoever may read the file before may read this one.
        .and_then(|()| file.set_permissions(std::fs::metadata(path)?.permissions()))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // The error before says more than this one would.
        let _ = std::fs::remove_file(&new);
    }
    written?;
    // The rename itself is on disk when the directory is.
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

/// `text`, the file at `path`, changed to say what `next` does. What stays keeps its place, its form and its
/// comments; what goes takes those of its own line with it. A challenger stays as it is or goes.
fn rewritten(text: &str, next: &LineupFile, path: &Path) -> Result<String, LineupFileError> {
    let read: Result<DocumentMut, _> = text.parse();
    let mut document = read.map_err(|error| LineupFileError::Format {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let mut champion = Value::from(written(&next.champion)?);
    match document.get_mut("champion").and_then(Item::as_value_mut) {
        Some(value) => {
            *champion.decor_mut() = value.decor().clone();
            *value = champion;
        }
        None => document["champion"] = champion.into(),
    }
    for (key, directories) in [("shadows", &next.shadows), ("previous", &next.previous)] {
        let directories: Vec<&str> = directories
            .iter()
            .map(|directory| written(directory))
            .collect::<Result<_, _>>()?;
        if document.contains_key(key) || !directories.is_empty() {
            let item = document.entry(key).or_insert_with(|| Array::new().into());
            if let Some(array) = item.as_array_mut() {
                set_array(array, &directories);
            }
        }
    }
    if next.challenger.is_none() {
        document.remove("challenger");
    }
    Ok(document.to_string())
}

fn written(directory: &Path) -> Result<&str, LineupFileError> {
    directory.to_str().ok_or_else(|| LineupFileError::Name {
        path: directory.to_owned(),
    })
}

/// One value of an array with the white space and comments that go with it.
struct Entry {
    /// From the end of the line before.
    before: String,
    value: Value,
    /// To the end of its line, but for a comma.
    after: String,
}

/// Removes what is not in `wanted` and appends what is new there; what stays is in the same order in both.
fn set_array(array: &mut Array, wanted: &[&str]) {
    let (mut entries, end) = entries(array);
    let first = entries.first();
    let first_before = first.map_or(String::new(), |first| first.before.clone());
    let mut kept = 0;
    entries.retain(|entry| {
        let stays =
            entry.value.as_str().is_some() && entry.value.as_str() == wanted.get(kept).copied();
        kept += usize::from(stays);
        stays
    });
    for directory in &wanted[kept..] {
        let before = entries.last().map(|last| &last.before);
        let indent = before.and_then(|before| Some(&before[before.rfind('\n')?..]));
        entries.push(Entry {
            before: indent.unwrap_or(" ").to_owned(),
            value: (*directory).into(),
            after: String::new(),
        });
    }
    if let Some(entry) = entries.first_mut()
        && !entry.before.contains('\n')
    {
        entry.before = first_before;
    }
    array.clear();
    let mut after = String::new();
    for entry in entries {
        let mut value = entry.value;
        value.decor_mut().set_prefix(joined(after, &entry.before));
        value.decor_mut().set_suffix("");
        array.push_formatted(value);
        after = entry.after;
    }
    array.set_trailing(joined(after, &end));
}

/// The values of an array, and what is between the last one's line and the bracket.
fn entries(array: &Array) -> (Vec<Entry>, String) {
    let mut entries: Vec<Entry> = Vec::new();
    // Between the value before and the one that comes, but for the comma.
    let mut gap = String::new();
    for value in array {
        let decor = value.decor();
        gap.push_str(
            decor
                .prefix()
                .and_then(RawString::as_str)
                .unwrap_or_default(),
        );
        let before = split(&gap, entries.last_mut());
        entries.push(Entry {
            before,
            value: value.clone(),
            after: String::new(),
        });
        gap = decor
            .suffix()
            .and_then(RawString::as_str)
            .unwrap_or_default()
            .to_owned();
    }
    gap.push_str(array.trailing().as_str().unwrap_or_default());
    let end = split(&gap, entries.last_mut());
    (entries, end)
}

/// Gives the rest of its line to the entry before `gap`; returns the rest.
fn split(gap: &str, before: Option<&mut Entry>) -> String {
    match (gap.find('\n'), before) {
        (Some(line_end), Some(entry)) => {
            gap[..line_end].clone_into(&mut entry.after);
            gap[line_end..].to_owned()
        }
        _ => gap.to_owned(),
    }
}

/// `after` and `before` with the end of the line that a comment needs.
fn joined(after: String, before: &str) -> String {
    let needs_end = after.contains('#') && !before.contains('\n');
    after + if needs_end { "\n" } else { "" } + before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, change: impl FnOnce(&mut LineupFile)) -> String {
        let path = Path::new("lineup.toml");
        let mut next = LineupFile::parse(text, path).unwrap();
        change(&mut next);
        let text = rewritten(text, &next, path).unwrap();
        assert_eq!(LineupFile::parse(&text, path).unwrap(), next, "{text}");
        text
    }

    #[test]
    fn what_stays_keeps_form_order_and_comments() {
        let text = "\
# Ours.
shadows = [
    # An experiment.
    'two', # since Monday
    # Another.
    \"three\", # since Tuesday
]
champion = \"one\" # the best

# Ramped up by hand.
[challenger]
share = 0.5 # of keys
model = \"four\"
# End.
";
        assert_eq!(changed(text, |_| ()), text);
        let promoted = changed(text, |file| {
            file.previous.push("one".into());
            file.champion = "three".into();
            file.shadows.pop();
        });
        let expected = text
            .replace("    # Another.\n    \"three\", # since Tuesday\n", "")
            .replace(
                "champion = \"one\" # the best\n",
                "champion = \"three\" # the best\nprevious = [\"one\"]\n",
            );
        assert_eq!(promoted, expected);
        let first_gone = changed(text, |file| {
            file.shadows.remove(0);
            file.shadows.push("five".into());
            file.challenger = None;
        });
        assert_eq!(
            first_gone,
            "\
# Ours.
shadows = [
    # Another.
    \"three\", # since Tuesday
    \"five\",
]
champion = \"one\" # the best
# End.
"
        );
    }

    #[test]
    fn lists_stay_lists_in_whatever_form() {
        for (list, wanted, expected) in [
            (r#"["a", "b", "c"]"#, &["b", "c"][..], r#"["b", "c"]"#),
            (r#"[ "a", "b" ]"#, &["b"], r#"[ "b" ]"#),
            (r#"[ "a", "b" ]"#, &["a"], r#"[ "a" ]"#),
            (r#"["a", "b", "a"]"#, &["b", "a", "c"], r#"["b", "a", "c"]"#),
            (r#"["a",]"#, &[], "[]"),
            (r#"["a",]"#, &["a", "b"], r#"["a", "b",]"#),
            ("[]", &["a"], r#"["a"]"#),
            ("[\n]", &["a"], "[\"a\"\n]"),
            ("['a' # x\n, 'b' # y\n]", &["a"], "['a' # x\n]"),
            ("['a' # x\n, 'b' # y\n]", &["b"], "[\n 'b' # y\n]"),
            ("['a', # x\n'b']", &["a"], "['a' # x\n]"),
            (
                "['a', # x\n'b']",
                &["a", "b", "c"],
                "['a', # x\n'b',\n\"c\"]",
            ),
        ] {
            let text = format!("champion = \"z\"\nprevious = {list}\n");
            let previous = wanted.iter().map(PathBuf::from).collect();
            let found = changed(&text, |file| file.previous = previous);
            assert_eq!(found, format!("champion = \"z\"\nprevious = {expected}\n"));
        }
    }

    #[test]
    fn what_somebody_wrote_meanwhile_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lineup.toml");
        std::fs::write(&path, "champion = \"one\"\n").unwrap();
        let change = Change::begin(&path).unwrap();
        let mut next = change.file.clone();
        next.champion = "two".into();
        std::fs::write(&path, "champion = \"three\"\n").unwrap();
        let error = change.write(&next).unwrap_err().to_string();
        assert!(error.ends_with("look at it and try again"), "{error}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "champion = \"three\"\n");
        Change::begin(&path).unwrap().write(&next).unwrap();
        assert_eq!(LineupFile::read(&path).unwrap(), next);
    }
}
