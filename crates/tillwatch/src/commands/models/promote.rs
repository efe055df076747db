//! `tillwatch models promote` and `tillwatch models rollback`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cli::{LineupArgs, PromoteArgs};
use crate::config::{Config, LineupPlace};
use crate::exit;
use crate::lineup::{Change, LineupFile, LineupFileError};
use crate::setup::Setup;

/// Makes a model the champion in the line-up file of the configuration, once it is known to fit.
pub fn promote(args: &PromoteArgs) -> Result<()> {
    change(&args.lineup, |file, path| {
        file.promoted(&args.directory, path)
    })
}

/// Makes the champion before the champion again in the line-up file of the configuration.
pub fn rollback(args: &LineupArgs) -> Result<()> {
    change(args, LineupFile::rolled_back)
}

/// Loads what the line-up file would name against the configuration's catalogs, then writes it. A change
/// waits for the one before, so that none undoes another.
fn change(
    args: &LineupArgs,
    next: impl FnOnce(&LineupFile, &Path) -> Result<LineupFile, LineupFileError>,
) -> Result<()> {
    let (mut config, path) = open(args)?;
    let change = Change::begin(&path).map_err(exit::misconfigured)?;
    let next = next(&change.file, &path).map_err(exit::misconfigured)?;
    let settings = next.settings(&path).map_err(exit::misconfigured)?;
    config.models.lineup = LineupPlace::Written(settings);
    let setup = Setup::load(&config).context("the line-up is left as it was")?;
    change.write(&next)?;
    println!(
        "{}: {}",
        path.display(),
        setup.assembly.models().current().name()
    );
    Ok(())
}

/// The configuration and where its line-up file is.
fn open(args: &LineupArgs) -> Result<(Config, PathBuf)> {
    let path = &args.config.config;
    let mut config = Config::load(path)?;
    let stage = args.stage.as_deref();
    if stage.is_some() {
        config.stages = config.stages.alone(stage).map_err(exit::misconfigured)?;
    }
    let LineupPlace::File(lineup) = &config.models.lineup else {
        return Err(exit::misconfigured(format!(
            "{}: the models are written in [models] itself, which nothing changes but you; move champion, \
             challenger and shadows to a file and name it in [models] lineup = \"lineup.toml\"",
            path.display()
        )));
    };
    let lineup = lineup.clone();
    Ok((config, lineup))
}

#[cfg(test)]
mod tests;
