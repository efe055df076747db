//! `tillwatch models new`: a model directory from a file that a library saved.

mod golden;
mod library_file;
mod rows;
mod text;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tillwatch_records::limits::MODEL_BYTES_MAX;
use tillwatch_records::suggest::did_you_mean;
use tillwatch_scoring::{InputScope, ModelFiles};

use super::ground::{Ground, Opened};
use crate::cli::models::{GroundArgs, NewArgs};
use crate::exit::misconfigured;
use crate::lineup::directory::{self, DESCRIPTION};
use golden::{GOLDEN, Golden};
use library_file::LibraryFile;
use text::{About, CARD};

/// Makes the directory; it is there whole or not at all, and is one that `verify` accepts.
pub fn new(args: &NewArgs) -> Result<ExitCode> {
    if args.output.symlink_metadata().is_ok() {
        return Err(misconfigured(format!(
            "{} is there already, and nothing is overwritten; name another directory",
            args.output.display()
        )));
    }
    let artefact = directory::read_bounded(&args.from, MODEL_BYTES_MAX).map_err(misconfigured)?;
    let library = LibraryFile::read(&args.from, &artefact).map_err(misconfigured)?;
    let ground = Ground::new(&GroundArgs {
        config: None,
        catalog: args.catalog.clone(),
    })?;
    let inputs = inputs(args, &library)?;
    if let Some(scope) = ground.scope() {
        refuse_strangers(&inputs, scope)?;
    }
    let mut about = About::new(args, &library, inputs, ground.scope())?;
    let mut files = ModelFiles {
        description: about.description(),
        ..ModelFiles::default()
    };
    files.files.insert(about.artefact.clone(), artefact);
    let (model, scope) = ground.load(&files, &args.output).map_err(misconfigured)?;
    let opened = Opened { model, scope };
    let made = match (&args.samples, &args.expected_column) {
        (Some(path), Some(column)) => golden::of_samples(args, path, column, &opened)?,
        _ => golden::of_own_engine(args.golden_rows, &library, &opened)?,
    };
    let Golden { vectors, text } = made;
    about.vectors = Some(vectors);
    files.description = about.description();
    files.files.insert(GOLDEN.to_owned(), text.into_bytes());
    if args.card {
        files
            .files
            .insert(CARD.to_owned(), about.card().into_bytes());
    }
    // What is written has been loaded as it will be.
    let (model, _) = ground.load(&files, &args.output).map_err(misconfigured)?;
    write(&files, &args.output)?;
    println!(
        "{}: {} ({}), {} inputs, {} golden rows; {}",
        args.output.display(),
        model.info().versioned_name(),
        model.info().kind,
        model.info().inputs.len(),
        model.golden_rows(),
        about.vectors_in_words()
    );
    Ok(ExitCode::SUCCESS)
}

/// The inputs: as given, else as the file names them.
fn inputs(args: &NewArgs, library: &LibraryFile) -> Result<Vec<String>> {
    let from = args.from.display();
    match &library.names {
        Some(names) if args.inputs.is_empty() => Ok(names.clone()),
        Some(names) if *names == args.inputs => Ok(names.clone()),
        Some(names) => Err(misconfigured(format!(
            "--inputs: {from} names its inputs itself: {}; leave --inputs out",
            names.join(", ")
        ))),
        None if args.inputs.is_empty() => {
            let many = library
                .count
                .map_or(String::new(), |count| format!(" {count}"));
            Err(misconfigured(format!(
                "{from} does not name its inputs; give the{many} in training order: --inputs a,b,c"
            )))
        }
        None => match library.count {
            Some(count) if count != args.inputs.len() => Err(misconfigured(format!(
                "--inputs: {from} has {count} inputs, {} are named",
                args.inputs.len()
            ))),
            _ => Ok(args.inputs.clone()),
        },
    }
}

/// All that the catalog does not have, each with the name that is near.
fn refuse_strangers(inputs: &[String], scope: &InputScope) -> Result<()> {
    let features = scope.features.iter().map(String::as_str);
    let columns = scope.columns.iter().map(|column| column.name());
    let known: Vec<&str> = features.chain(columns).collect();
    let strangers = inputs.iter().filter(|name| !known.contains(&name.as_str()));
    let lines = strangers.map(|name| {
        let hint = did_you_mean(name, known.iter().copied());
        format!("\n  `{name}`{hint}")
    });
    let lines: String = lines.collect();
    if lines.is_empty() {
        return Ok(());
    }
    Err(misconfigured(format!(
        "catalog `{}` does not have these inputs of the model:{lines}",
        scope.catalog
    )))
}

/// Writes beside `directory` first, then gives it its name.
fn write(files: &ModelFiles, directory: &Path) -> Result<()> {
    let mut partial = directory.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    if let Some(parent) = directory.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    std::fs::create_dir(partial).with_context(|| {
        format!(
            "cannot create {}; remove what is left there of an earlier attempt",
            partial.display()
        )
    })?;
    let description = (DESCRIPTION, files.description.as_bytes());
    let others = files
        .files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    for (name, bytes) in others.chain([description]) {
        let path = partial.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    std::fs::rename(partial, directory)
        .with_context(|| format!("cannot create {}", directory.display()))
}
