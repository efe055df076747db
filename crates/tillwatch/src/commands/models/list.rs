//! `tillwatch models list`: what lies in directories of models.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tillwatch_engine::{AssemblyError, names_reference};
use tillwatch_scoring::{ModelFiles, ModelInfo};

use super::ground::{Ground, GroundError};
use crate::cli::models::{GroundArgs, ListArgs};
use crate::commands::rows;
use crate::exit;
use crate::lineup::directory::{self, DESCRIPTION};
use crate::setup::SetupError;

/// Where a directory of models keeps the catalogs that they were made for.
const CATALOGS: &str = "features";

/// One model directory.
#[derive(Debug, Serialize)]
struct Line {
    directory: PathBuf,
    #[serde(flatten)]
    model: Option<Summary>,
    /// Why it cannot be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Why nothing can be said about whether it can be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    unchecked: Option<String>,
}

/// What a model is.
#[derive(Debug, Serialize)]
struct Summary {
    name: String,
    version: String,
    kind: String,
    hash: String,
    inputs: Vec<String>,
    /// Name of the catalog that it was made for.
    catalog: Option<String>,
    /// Versioned names of an ensemble's members; none for another kind.
    members: Vec<String>,
    /// Golden rows that it was just seen to reproduce, those of members included.
    golden_rows: usize,
    /// Bytes of its own directory's files.
    bytes: usize,
}

/// Lists every model directory; fails where one cannot be loaded.
pub fn list(args: &ListArgs) -> Result<ExitCode> {
    let ground = Ground::new(&args.ground)?;
    let mut lines = Vec::new();
    for directory in &args.directories {
        for (path, catalogs) in model_directories(directory)? {
            lines.push(line(&ground, path, &catalogs));
        }
    }
    rows::tell(args.json, &HEADINGS, &lines, fields)?;
    let is_broken = lines.iter().any(|line| line.error.is_some());
    Ok(match is_broken {
        true => ExitCode::from(exit::MISCONFIGURED),
        false => ExitCode::SUCCESS,
    })
}

/// `directory` itself if it is a model's, else those of models in it, by name; each with where its
/// catalog may lie.
fn model_directories(directory: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    if directory.join(DESCRIPTION).exists() {
        let around = directory.parent().unwrap_or(Path::new(""));
        return Ok(vec![(directory.to_owned(), around.join(CATALOGS))]);
    }
    let failed = || format!("cannot read {}", directory.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.join(DESCRIPTION).exists() {
            found.push((path, directory.join(CATALOGS)));
        }
    }
    found.sort();
    Ok(found)
}

fn line(ground: &Ground, directory: PathBuf, catalogs: &Path) -> Line {
    let mut line = Line {
        directory,
        model: None,
        error: None,
        unchecked: None,
    };
    match summary(ground, &line.directory, catalogs) {
        Ok(model) => line.model = Some(model),
        Err(error) => {
            if ground.is_table() && reads_reference(&error) {
                let hint =
                    "it reads a reference table; name a configuration that has one (--config)";
                line.unchecked = Some(hint.to_owned());
            } else {
                line.error = Some(error.to_string());
            }
        }
    }
    line
}

/// Whether a model, or the catalog that it was made for, is refused for want of a reference table.
fn reads_reference(error: &anyhow::Error) -> bool {
    let of_model = match error.downcast_ref() {
        Some(GroundError::Model { source, .. }) => names_reference(source),
        _ => false,
    };
    let of_catalog = match error.downcast_ref() {
        Some(SetupError::Assembly(error)) => matches!(error, AssemblyError::NeedsReference(_)),
        _ => false,
    };
    of_model || of_catalog
}

fn summary(ground: &Ground, directory: &Path, catalogs: &Path) -> Result<Summary> {
    let files = directory::read(directory)?;
    let described: Option<toml::Table> = files.description.parse().ok();
    let catalog = described.as_ref().and_then(|table| {
        let name = table.get("catalog")?.as_str()?;
        Some(name.to_owned())
    });
    // Rules name what only a catalog knows.
    let beside = catalog.as_ref().filter(|_| ground.is_table());
    let beside = beside.map(|name| catalogs.join(format!("{name}.toml")));
    let loaded = match beside.filter(|path| path.is_file()) {
        Some(path) => Ground::new(&GroundArgs {
            config: None,
            catalog: Some(path),
        })?
        .load(&files, directory),
        None => ground.load(&files, directory),
    };
    let (model, _) = loaded?;
    let info = model.info();
    let members = model.members().map(ModelInfo::versioned_name);
    Ok(Summary {
        name: info.name.clone(),
        version: info.version.clone(),
        kind: info.kind.clone(),
        hash: info.hash.clone(),
        inputs: info.inputs.clone(),
        catalog,
        members: members.filter(|_| model.is_ensemble()).collect(),
        golden_rows: model.golden_rows(),
        bytes: bytes(&files),
    })
}

fn bytes(files: &ModelFiles) -> usize {
    files.description.len() + files.files.values().map(Vec::len).sum::<usize>()
}

const HEADINGS: [&str; 10] = [
    "directory",
    "name",
    "version",
    "kind",
    "hash",
    "inputs",
    "catalog",
    "members",
    "golden rows",
    "bytes",
];

/// One field per heading; of a model that was not loaded the directory and why.
fn fields(line: &Line) -> Vec<String> {
    let directory = line.directory.display().to_string();
    let Some(model) = &line.model else {
        let why = match (&line.error, &line.unchecked) {
            (Some(error), _) => format!("error: {error}"),
            (None, why) => format!("unchecked: {}", why.as_deref().unwrap_or_default()),
        };
        return vec![directory, why];
    };
    let or_dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    vec![
        directory,
        model.name.clone(),
        model.version.clone(),
        model.kind.clone(),
        model.hash.clone(),
        model.inputs.len().to_string(),
        or_dash(model.catalog.clone().unwrap_or_default()),
        or_dash(model.members.join("+")),
        model.golden_rows.to_string(),
        model.bytes.to_string(),
    ]
}
