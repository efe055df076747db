//! Circles among the modules that one module holds, and the kernels that may be one.
//!
//! A module's units are its own file and, for each module that it declares, all files from there down. The
//! file holds its modules, so an arrow runs from it to each; an arrow back is a circle as well.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Tree;

/// Units that need each other.
#[derive(Debug, PartialEq, Eq)]
pub struct Circle {
    /// The file of the module that holds them.
    pub place: String,
    /// Modules by name; the one that holds them is `self`.
    pub members: BTreeSet<String>,
    /// Which file takes what from which.
    pub ties: Vec<String>,
}

/// What the module comment of a kernel says: `//! Kernel: a, b and c need each other because …`.
#[derive(Debug, PartialEq, Eq)]
pub struct Kernel {
    pub members: BTreeSet<String>,
}

impl Circle {
    /// `crates/x/src/lib.rs: a, b`.
    pub fn name(&self) -> String {
        let members: Vec<&str> = self.members.iter().map(String::as_str).collect();
        format!("{}: {}", self.place, members.join(", "))
    }
}

impl Kernel {
    const LINE: &str = "//! Kernel: ";

    /// The kernel that a file's module comment speaks of.
    pub fn read(source: &str) -> Option<Self> {
        let mut lines = source
            .lines()
            .skip_while(|line| !line.starts_with(Self::LINE));
        let first = lines.next()?.strip_prefix(Self::LINE)?;
        let rest = lines.map_while(|line| line.strip_prefix("//! "));
        let text = std::iter::once(first)
            .chain(rest)
            .collect::<Vec<_>>()
            .join(" ");
        let (names, _why) = text.split_once(" need each other because ")?;
        let names = names.replace(" and ", ", ").replace('`', "");
        let members = names.split(',').map(|name| name.trim().to_owned());
        Some(Self {
            members: members.collect(),
        })
    }
}

/// All circles of a crate.
pub fn circles(tree: &Tree) -> Vec<Circle> {
    let files = tree.files();
    let arrows = tree.arrows();
    // From each file up to the root.
    let chain = |file: usize| -> Vec<usize> {
        std::iter::successors(Some(file), |file| files[file].parent).collect()
    };
    let mut circles = Vec::new();
    for (holder, file) in &files {
        let unit = |file: usize| -> Option<usize> {
            let chain = chain(file);
            let at = chain.iter().position(|above| above == holder)?;
            Some(chain[at.saturating_sub(1)])
        };
        let mut graph: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (child, below) in &files {
            if below.parent == Some(*holder) {
                graph.entry(*holder).or_default().insert(*child);
            }
        }
        for (from, to) in arrows.keys() {
            if let (Some(from), Some(to)) = (unit(*from), unit(*to))
                && from != to
            {
                graph.entry(from).or_default().insert(to);
            }
        }
        for members in components(&graph) {
            let is_tie = |file: usize| unit(file).filter(|unit| members.contains(unit));
            let ties = arrows.iter().filter_map(|((from, to), names)| {
                let (one, other) = (is_tie(*from)?, is_tie(*to)?);
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let (from, to) = (files[from].path.display(), files[to].path.display());
                (one != other).then(|| format!("{from} takes {} from {to}", names.join(", ")))
            });
            let name = |unit: &usize| {
                if unit == holder {
                    "self"
                } else {
                    files[unit].name
                }
            };
            circles.push(Circle {
                place: file.path.display().to_string(),
                members: members.iter().map(|unit| name(unit).to_owned()).collect(),
                ties: ties.collect(),
            });
        }
    }
    circles
}

/// The sets of two or more that reach each other.
fn components(graph: &BTreeMap<usize, BTreeSet<usize>>) -> Vec<BTreeSet<usize>> {
    let reached: BTreeMap<usize, BTreeSet<usize>> = graph
        .keys()
        .map(|start| {
            let mut reached = BTreeSet::new();
            let mut open = vec![*start];
            while let Some(next) = open.pop() {
                let further = graph.get(&next).into_iter().flatten();
                open.extend(further.filter(|further| reached.insert(**further)));
            }
            (*start, reached)
        })
        .collect();
    let reaches = |one: &usize, other: &usize| {
        reached
            .get(one)
            .is_some_and(|reached| reached.contains(other))
    };
    let mut found = BTreeSet::new();
    for one in graph.keys().filter(|one| reaches(one, one)) {
        let mutual = graph
            .keys()
            .filter(|other| reaches(one, other) && reaches(other, one));
        found.insert(mutual.copied().collect::<BTreeSet<usize>>());
    }
    found.into_iter().collect()
}
