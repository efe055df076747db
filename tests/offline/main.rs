//! Tests of the project as a whole that need neither a broker nor data: one binary, so that they link
//! once.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, in its helpers as well, and waits for other processes"
)]

#[path = "../support/mod.rs"]
mod support;

mod architecture;
mod card_numbers;
mod check;
mod codes;
mod commands;
mod detectors;
mod dlq;
mod documents;
mod emissions;
mod ends;
mod evidence;
mod examples;
mod faults;
mod files;
mod handbook;
mod http;
mod ignored;
mod invalid_fields;
mod layouts;
mod model_schema;
mod models;
mod modules;
mod mutated;
mod own_columns;
mod pipeline;
mod publish_files;
mod sample;
mod score_files;
mod shipped;
mod shipped_deploy;
mod site;
mod stages;
mod state;
mod swap;
mod trees;

use std::path::{Path, PathBuf};

fn read(path: &Path) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the data that lies beside the project where there is any, or nothing and a word about it.
fn data(name: &str) -> Option<PathBuf> {
    let path = root().join("../shared/data").join(name);
    let is_here = path.exists();
    if !is_here {
        eprintln!("skipped: {} is not here", path.display());
    }
    is_here.then_some(path)
}
