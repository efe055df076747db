//! Which crate depends on which, as manifests say.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::root;

/// Normal and build dependencies by package, as the manifests of the workspace name them. No network
/// and no resolution: the test sees what people wrote.
pub struct Graph {
    pub metadata: Metadata,
}

impl Graph {
    pub fn read() -> Self {
        let metadata = MetadataCommand::new()
            .manifest_path(root().join("Cargo.toml"))
            .no_deps()
            .exec()
            .expect("cargo metadata reads the workspace");
        Self { metadata }
    }

    pub fn members(&self) -> BTreeSet<&str> {
        let names = self.metadata.packages.iter();
        names.map(|package| package.name.as_str()).collect()
    }

    /// Direct dependencies of `name` that end up in what it builds.
    pub fn dependencies(&self, name: &str) -> BTreeSet<&str> {
        let package = self
            .metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == name);
        let package = package.unwrap_or_else(|| panic!("{name} is a member of the workspace"));
        let shipped = package.dependencies.iter();
        let shipped = shipped.filter(|found| found.kind != DependencyKind::Development);
        shipped.map(|found| found.name.as_str()).collect()
    }

    /// Members that `name` depends on, directly or not.
    pub fn members_below<'a>(&'a self, name: &'a str) -> BTreeSet<&'a str> {
        let members = self.members();
        let mut below = BTreeSet::new();
        let mut open = vec![name];
        while let Some(next) = open.pop() {
            for found in self.dependencies(next) {
                if members.contains(found) && below.insert(found) {
                    open.push(found);
                }
            }
        }
        below
    }

    /// Members whose own manifest names a dependency that `is_it`.
    pub fn dependents(&self, is_it: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        let members = self.members();
        members
            .into_iter()
            .filter(|name| self.dependencies(name).into_iter().any(&is_it))
            .collect()
    }
}
