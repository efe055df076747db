//! `tillwatch score`: the core over a file.

mod dead_letters;
mod table;

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context as _, Result};
use tillwatch_records::RawBatch;

use crate::cli::ScoreArgs;
use crate::config::Config;
use crate::core::Core;
use crate::files::{FileError, FileReader};
use crate::lane::Processed;
use crate::log;
use crate::progress::Progress;
use dead_letters::DeadLetterFile;
use table::TableWriter;

/// Batches that may wait between two of the three threads: enough to keep all busy.
const WAITING_BATCHES_MAX: usize = 4;

/// Scores `args.input` into `args.output`.
pub fn score(args: &ScoreArgs) -> Result<()> {
    let config = Config::load(&args.config.config)?;
    log::install(&config.log);
    let core = Core::load(&config)?;
    let totals = score_file(&core, args)?;
    println!(
        "{} transactions scored, {} records folded into state, {} refused{} in {:.1} s ({:.0} records/s)",
        totals.scored,
        totals.read - totals.scored - totals.refused,
        totals.refused,
        totals.dead_letters,
        totals.seconds,
        totals.read as f64 / totals.seconds.max(1e-9),
    );
    Ok(())
}

struct Totals {
    read: u64,
    scored: u64,
    refused: u64,
    dead_letters: String,
    seconds: f64,
}

/// Reading, scoring and writing each have a thread of their own.
fn score_file(core: &Core, args: &ScoreArgs) -> Result<Totals> {
    let reader = FileReader::open(&args.input)?;
    std::thread::scope(|scope| {
        let (raw_out, raw_in) = sync_channel(WAITING_BATCHES_MAX);
        let (scored_out, scored_in) = sync_channel(WAITING_BATCHES_MAX);
        let records_max = args.records;
        scope.spawn(move || {
            let sent = read_batches(reader, records_max, |batch| raw_out.send(batch).is_ok());
            if let Err(error) = sent {
                // The receiver has ended first and says why.
                let _ = raw_out.send(Err(error));
            }
        });
        scope.spawn(move || {
            let mut lane = core.lane(0);
            for batch in raw_in {
                let scored = batch.map(|(raw, done)| {
                    let processed = lane.process(&raw, |_| ());
                    (raw, done, processed)
                });
                if scored_out.send(scored).is_err() {
                    return;
                }
            }
        });
        write_batches(scored_in, args)
    })
}

type Read = (RawBatch, u64);
type Scored = (RawBatch, u64, Processed);

/// Reads until the end, `records_max` rows, or `send` says that nobody listens.
fn read_batches(
    mut reader: FileReader,
    records_max: Option<u64>,
    send: impl Fn(Result<Read, FileError>) -> bool,
) -> Result<(), FileError> {
    let mut left = records_max.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(mut batch) = reader.next_batch()? else {
            break;
        };
        batch.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= batch.len() as u64;
        let progress = reader.progress();
        let permille = progress.done.saturating_mul(1000) / progress.total.max(1);
        if !send(Ok((batch, permille))) {
            break;
        }
    }
    Ok(())
}

fn write_batches(scored: Receiver<Result<Scored, FileError>>, args: &ScoreArgs) -> Result<Totals> {
    let mut progress = Progress::new("scoring", Some(1000));
    let mut table = TableWriter::new(&args.output, args.features);
    let mut dead_letters = DeadLetterFile::beside(&args.output);
    let (mut read, mut scored_total, mut refused) = (0, 0, 0);
    for batch in scored {
        let (raw, permille, processed) = batch?;
        read += raw.len() as u64;
        scored_total += processed.scores.len() as u64;
        refused += processed.refusals.len() as u64;
        dead_letters.write(&raw, &processed.refusals)?;
        table.write(&processed.scores)?;
        progress.set(permille);
    }
    table
        .finish()
        .with_context(|| format!("cannot complete {}", args.output.display()))?;
    let kept = dead_letters.finish()?;
    Ok(Totals {
        read,
        scored: scored_total,
        refused,
        dead_letters: kept.as_deref().map_or_else(String::new, in_file),
        seconds: progress.finish().as_secs_f64(),
    })
}

fn in_file(path: &Path) -> String {
    format!(" (see {})", path.display())
}
