//! `tillwatch simulate`: the simulated fleet to Kafka, JSON lines or Parquet.

mod output;
mod reference;

use std::time::Duration;

use anyhow::{Context as _, Result};
use tillwatch_simulator::{FieldSet, Fleet, SimulatorSettings};

use crate::cli::SimulateArgs;
use crate::clock;
use crate::commands::pace::Pace;
use crate::commands::progress::Progress;
use crate::commands::truth::TruthFile;
use crate::log::{self, LogSettings};
use output::Output;

/// Records between two looks at the clock.
const CLOCK_INTERVAL: u64 = 256;

/// Writes simulated transactions.
pub fn simulate(args: &SimulateArgs) -> Result<()> {
    let log = LogSettings {
        level: "warn".into(),
        ..LogSettings::default()
    };
    log::install(&log, &[]);
    let settings = SimulatorSettings {
        seed: args.seed,
        terminals: args.terminals,
        fields: if args.full {
            FieldSet::Full
        } else {
            FieldSet::Default
        },
        ..SimulatorSettings::default()
    };
    let mut fleet = Fleet::new(&settings)?;
    if let Some(path) = &args.reference {
        reference::write(&fleet, path)?;
    }
    let mut output = Output::open(args)?;
    let mut truth = args.truth.as_deref().map(TruthFile::create).transpose()?;
    let mut progress = Progress::new("simulating", args.records);
    let mut pace = Pace::new(args.rate);
    let deadline = args
        .duration
        .map(|duration| clock::now() + duration.as_std());
    let records_max = args.records.unwrap_or(u64::MAX);
    let mut json = Vec::new();
    let mut records = 0;
    while records < records_max {
        if records % CLOCK_INTERVAL == 0 {
            if deadline.is_some_and(|deadline| clock::now() >= deadline) {
                break;
            }
            progress.set(records);
        }
        pace.wait();
        json.clear();
        let emitted = fleet.next(&mut json);
        if let Some(truth) = &mut truth {
            truth.record(&emitted)?;
        }
        if !output
            .write(&emitted, &json)
            .context("cannot write the simulated records")?
        {
            break;
        }
        records += 1;
    }
    output.finish()?;
    if let Some(truth) = truth {
        truth.finish(&fleet)?;
    }
    let seconds = progress
        .finish()
        .max(Duration::from_millis(1))
        .as_secs_f64();
    eprintln!(
        "{records} records, {} fraud scenarios, in {seconds:.1} s ({:.0} records/s)",
        fleet.truth().len(),
        records as f64 / seconds
    );
    Ok(())
}
