//! `tillwatch score`: a lane over a file.

mod dead_letters;
mod table;

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use anyhow::{Context as _, Result};
use tillwatch_decode::Decoded;
use tillwatch_engine::{Assembly, Input, Processed, Workspace};
use tillwatch_records::{RawBatch, RecordKinds, UnknownCodes};

use super::progress::Progress;
use crate::cli::ScoreArgs;
use crate::config::Config;
use crate::files::FileReader;
use crate::labels::LabelMerge;
use crate::log;
use crate::setup::Setup;
use dead_letters::DeadLetterFile;
use table::TableWriter;

/// Batches that may wait between two threads: enough to keep all busy.
const WAITING_BATCHES_MAX: usize = 4;

/// Scores `args.input` into `args.output`.
pub fn score(args: &ScoreArgs) -> Result<()> {
    let config = Config::load(&args.config.config)?;
    log::install(&config.log, &config.notices);
    let setup = Setup::load(&config)?;
    let totals = score_file(&config, &setup.assembly, args)?;
    println!(
        "{} {} scored, {} records folded into state, {} refused{} in {:.1} s ({:.0} records/s)",
        totals.scored,
        match config.scoring.record_types {
            RecordKinds::TRANSACTIONS => "transactions",
            _ => "records",
        },
        totals.read - totals.scored - totals.refused,
        totals.refused,
        totals.dead_letters,
        totals.seconds,
        totals.read as f64 / totals.seconds.max(1e-9),
    );
    tell_unknown_codes(&totals.unknown_codes);
    Ok(())
}

/// Says in which columns there were codes that nobody knows.
fn tell_unknown_codes(codes: &UnknownCodes) {
    let found = codes.iter().filter(|(_, count)| *count > 0);
    let found = found.map(|(column, count)| format!("{} {count}", column.name()));
    let found: Vec<String> = found.collect();
    if !found.is_empty() {
        println!(
            "unknown codes, which features and rules see as they are: {}",
            found.join(", ")
        );
    }
}

struct Totals {
    read: u64,
    scored: u64,
    refused: u64,
    unknown_codes: UnknownCodes,
    dead_letters: String,
    seconds: f64,
}

/// A batch on its way from thread to thread, with what is needed of it at the end.
struct Batch<T> {
    raw: RawBatch,
    /// How far the file is read, in thousandths.
    permille: u64,
    /// What the threads so far have made of it.
    made: T,
}

/// Batches as they come from another thread; an error is the last of them.
type Batches<T> = Receiver<Result<Batch<T>>>;

/// Reading, decoding, the lane and writing have a thread each. A thread takes the batches in their order, so
/// the number of threads decides nothing.
fn score_file(config: &Config, assembly: &Assembly, args: &ScoreArgs) -> Result<Totals> {
    let reader = FileReader::open(&args.input)?;
    let mut decoder = assembly.decoder();
    let mut lane = assembly.lane(0);
    let key = config.stages.key_columns();
    let labels = config.labels.as_ref();
    let mut labels = labels.map(|labels| LabelMerge::new(labels, &config.decode, &key));
    std::thread::scope(|scope| {
        let raw = read(scope, reader, args.records);
        let decoded = relay(scope, raw, move |raw, ()| {
            let decoded = decoder.decode(raw);
            match &mut labels {
                None => Ok(decoded),
                Some(labels) => Ok(Decoded {
                    events: labels.merge(raw, decoded.events)?,
                    ..decoded
                }),
            }
        });
        let mut workspace = Workspace::default();
        let scored = relay(scope, decoded, move |_, decoded| {
            Ok(lane.process(Input::Decoded(decoded), &mut workspace, &mut ())?)
        });
        write(scored, args)
    })
}

/// Makes something of every batch on a thread of its own: `each` is given the batch as it was read and what
/// the thread before has made of it.
fn relay<'scope, T, U>(
    scope: &'scope Scope<'scope, '_>,
    batches: Batches<T>,
    mut each: impl FnMut(&RawBatch, T) -> Result<U> + Send + 'scope,
) -> Batches<U>
where
    T: Send + 'scope,
    U: Send + 'scope,
{
    let (out, received) = sync_channel(WAITING_BATCHES_MAX);
    scope.spawn(move || {
        for batch in batches {
            let batch = batch.and_then(
                |Batch {
                     raw,
                     permille,
                     made,
                 }| {
                    let made = each(&raw, made)?;
                    Ok(Batch {
                        raw,
                        permille,
                        made,
                    })
                },
            );
            let is_last = batch.is_err();
            // A receiver that has ended says why by itself.
            if out.send(batch).is_err() || is_last {
                return;
            }
        }
    });
    received
}

/// Reads until the end, or `records_max` rows, on a thread of its own.
fn read<'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut reader: FileReader,
    records_max: Option<u64>,
) -> Batches<()> {
    let (out, received) = sync_channel(WAITING_BATCHES_MAX);
    scope.spawn(move || {
        let mut left = records_max.unwrap_or(u64::MAX);
        while left > 0 {
            let batch = match reader.next_batch() {
                Ok(None) => return,
                Ok(Some(mut raw)) => {
                    raw.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    left -= raw.len() as u64;
                    let progress = reader.progress();
                    Ok(Batch {
                        raw,
                        permille: progress.done.saturating_mul(1000) / progress.total.max(1),
                        made: (),
                    })
                }
                Err(error) => {
                    left = 0;
                    Err(error.into())
                }
            };
            if out.send(batch).is_err() {
                return;
            }
        }
    });
    received
}

fn write(scored: Batches<Processed>, args: &ScoreArgs) -> Result<Totals> {
    let mut progress = Progress::new("scoring", Some(1000));
    let mut table = TableWriter::new(&args.output, args.features);
    let mut dead_letters = DeadLetterFile::beside(&args.output);
    let (mut read, mut scored_total, mut refused) = (0, 0, 0);
    let mut unknown_codes = UnknownCodes::default();
    for batch in scored {
        let Batch {
            raw,
            permille,
            made,
        } = batch?;
        let Processed {
            scores,
            refusals,
            unknown_codes: unknown,
        } = made;
        unknown_codes += &unknown;
        read += raw.len() as u64;
        scored_total += scores.emissions.records() as u64;
        refused += refusals.len() as u64;
        dead_letters.write(&raw, &refusals)?;
        table.write(&scores)?;
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
        unknown_codes,
        dead_letters: kept.as_deref().map_or_else(String::new, in_file),
        seconds: progress.finish().as_secs_f64(),
    })
}

fn in_file(path: &Path) -> String {
    format!(" (see {})", path.display())
}
