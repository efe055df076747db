//! That the house stands: arrows between modules run downward alone, and nothing in it is too long. Read
//! off the source.

mod circles;
mod contents;
mod sizes;
mod still;
mod tests;
mod tokens;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, TargetKind};

use crate::{read, root};
use circles::{Kernel, circles};
use sizes::{code_lines, functions, wide_lines};
use still::{STILL_CIRCULAR, STILL_LONG, STILL_LONG_FUNCTIONS, STILL_WIDE};
use tree::Tree;

const CODE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARACTERS_MAX: usize = 110;

/// Directories whose files nobody here has written.
const NOT_OURS: [&str; 2] = ["target", "corpus"];

#[test]
fn modules_need_each_other_in_one_direction() {
    let mut found = BTreeMap::new();
    let mut kernels = BTreeMap::new();
    for root_file in crate_roots(&metadata()) {
        let tree = Tree::read(&root_file, &text);
        for circle in circles(&tree) {
            found.insert(circle.name(), circle);
        }
        for file in tree.files().values() {
            if let Some(kernel) = Kernel::read(&read(&root().join(file.path))) {
                kernels.insert(file.path.display().to_string(), kernel);
            }
        }
    }
    for (file, kernel) in &kernels {
        let before = found.len();
        found.retain(|_, circle| circle.members != kernel.members);
        assert!(
            found.len() < before,
            "{file} speaks of a kernel of {:?}, which is no circle",
            kernel.members
        );
    }
    let ties: Vec<String> = found
        .iter()
        .filter(|(name, _)| !STILL_CIRCULAR.contains(&name.as_str()))
        .map(|(name, circle)| format!("{name}\n    {}", circle.ties.join("\n    ")))
        .collect();
    assert!(
        ties.is_empty(),
        "circles of modules: put what both need into a module below\n{}",
        ties.join("\n")
    );
    shrinks(
        "STILL_CIRCULAR",
        STILL_CIRCULAR,
        found.into_keys().collect(),
    );
}

#[test]
fn crates_need_each_other_in_one_direction() {
    // Cargo sees to it but for what is needed by tests alone.
    let metadata = metadata();
    let members: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    let needs: BTreeMap<&str, BTreeSet<&str>> = metadata
        .packages
        .iter()
        .map(|package| {
            let names = package.dependencies.iter().map(|found| found.name.as_str());
            let own = names.filter(|name| members.contains(name));
            (package.name.as_str(), own.collect())
        })
        .collect();
    let mut left = needs.clone();
    while !left.is_empty() {
        let lowest: BTreeSet<&str> = left
            .iter()
            .filter(|(_, needs)| needs.iter().all(|need| !left.contains_key(need)))
            .map(|(name, _)| *name)
            .collect();
        assert!(
            !lowest.is_empty(),
            "a circle of crates in {:?}",
            left.keys()
        );
        left.retain(|name, _| !lowest.contains(name));
    }
}

#[test]
fn every_source_file_is_a_module_of_a_crate_or_a_test() {
    let mut modules = BTreeSet::new();
    for root_file in crate_roots(&metadata()) {
        let tree = Tree::read(&root_file, &text);
        modules.extend(tree.files().values().map(|file| file.path.to_owned()));
    }
    let lost: Vec<PathBuf> = files(&["rs"])
        .into_iter()
        .filter(|file| file.components().any(|part| part.as_os_str() == "src"))
        .filter(|file| !modules.contains(file) && !is_test(file))
        .collect();
    assert!(
        lost.is_empty(),
        "no module declares {lost:?}, or the reader misses it"
    );
}

#[test]
fn files_are_short() {
    let long = files(&["rs"]).into_iter().filter_map(|file| {
        let lines = code_lines(&read(&root().join(&file)));
        (lines > CODE_LINES_MAX).then(|| (file.display().to_string(), lines))
    });
    only_still(
        "STILL_LONG",
        STILL_LONG,
        long.collect(),
        &format!("lines of code, at most {CODE_LINES_MAX}: split the file by what it answers"),
    );
}

#[test]
fn functions_are_short() {
    let mut long = BTreeMap::new();
    for file in files(&["rs"]) {
        for (name, lines) in functions(&read(&root().join(&file))) {
            if lines > FUNCTION_LINES_MAX {
                long.insert(format!("{}: {name}", file.display()), lines);
            }
        }
    }
    only_still(
        "STILL_LONG_FUNCTIONS",
        STILL_LONG_FUNCTIONS,
        long,
        &format!("lines in the body, at most {FUNCTION_LINES_MAX}: give a part of it a name"),
    );
}

#[test]
fn lines_are_narrow() {
    let wide = files(&["rs", "md", "toml"]).into_iter().filter_map(|file| {
        let name = file.display().to_string();
        let lines = wide_lines(&name, &read(&root().join(&file)), LINE_CHARACTERS_MAX);
        (!lines.is_empty()).then_some((name, lines))
    });
    only_still(
        "STILL_WIDE",
        STILL_WIDE,
        wide.collect(),
        &format!("(line numbers) have more than {LINE_CHARACTERS_MAX} characters: wrap them"),
    );
}

/// Fails for what is found and not listed, and for what is listed and not found.
fn only_still<T: std::fmt::Debug>(
    list: &str,
    listed: &[&str],
    found: BTreeMap<String, T>,
    advice: &str,
) {
    let new: Vec<_> = found
        .iter()
        .filter(|(name, _)| !listed.contains(&name.as_str()))
        .map(|(name, size)| format!("{name}: {size:?}"))
        .collect();
    assert!(new.is_empty(), "{advice}\n{}", new.join("\n"));
    shrinks(list, listed, found.into_keys().collect());
}

/// Fails for what is listed and not found, so that the list only shrinks.
fn shrinks(list: &str, listed: &[&str], found: BTreeSet<String>) {
    let done: Vec<_> = listed
        .iter()
        .filter(|name| !found.contains(**name))
        .collect();
    assert!(done.is_empty(), "done, so take them off {list}: {done:#?}");
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata reads the workspace")
}

/// The root files of libraries, programs and benches, below the project's root.
fn crate_roots(metadata: &Metadata) -> Vec<PathBuf> {
    let targets = metadata
        .packages
        .iter()
        .flat_map(|package| &package.targets);
    let roots = targets
        .filter(|target| !target.kind.contains(&TargetKind::Test))
        .map(|target| {
            let path = target.src_path.as_std_path();
            let path = path
                .strip_prefix(root())
                .expect("a target lies in the project");
            path.to_owned()
        });
    roots.collect()
}

/// The text of a file below the project's root, if it is there.
fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(root().join(path)).ok()
}

/// Files of the project with one of these extensions, below its root.
fn files(extensions: &[&str]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![root().to_owned()];
    while let Some(directory) = open.pop() {
        let entries = std::fs::read_dir(&directory).expect("a directory of the project");
        for entry in entries {
            let path = entry.expect("a directory entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') || NOT_OURS.contains(&name.as_ref()) || path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|e| extensions.iter().any(|x| e == *x))
            {
                found.extend(path.strip_prefix(root()).map(Path::to_owned));
            }
        }
    }
    found
}

/// Whether a file below `src` is compiled for tests alone, by its name or that of a folder.
fn is_test(file: &Path) -> bool {
    file.iter().any(|part| {
        let part = part.to_string_lossy();
        let stem = part.strip_suffix(".rs").unwrap_or(&part);
        stem == "tests" || stem.ends_with("_tests") || stem == "test_support"
    })
}
