//! `tillwatch models verify`: whether models are what their golden vectors say.

use std::process::ExitCode;

use anyhow::Result;

use super::ground::Ground;
use crate::cli::models::VerifyArgs;
use crate::exit;

/// Loads each model as `run` would and says what came of it, one line each.
pub fn verify(args: &VerifyArgs) -> Result<ExitCode> {
    let ground = Ground::new(&args.ground)?;
    let mut problems = 0;
    for directory in &args.directories {
        match ground.open(directory) {
            Ok(opened) => {
                let info = opened.model.info();
                let golden = match opened.model.golden_rows() {
                    0 => "no golden vectors, so nothing says that it is the model that was tested"
                        .to_owned(),
                    rows => format!("{rows} golden rows reproduced"),
                };
                println!(
                    "{} {}: {} ({}), {} inputs, hash {}; {golden}",
                    console::style("ok     ").green(),
                    directory.display(),
                    info.versioned_name(),
                    info.kind,
                    info.inputs.len(),
                    info.hash,
                );
            }
            Err(error) => {
                problems += 1;
                println!("{} {error}", console::style("problem").red().bold());
            }
        }
    }
    Ok(match problems {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::MISCONFIGURED),
    })
}
