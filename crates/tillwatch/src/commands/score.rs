//! `tillwatch score`: the core over a file.

mod dead_letters;
mod table;

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use anyhow::{Context as _, Result};
use tillwatch_decode::Refusal;
use tillwatch_records::{RawBatch, RecordKinds, ScoreBatch};
use tillwatch_scoring::{Effort, ScoreContext};

use crate::chain::Staged;
use crate::cli::ScoreArgs;
use crate::commands::progress::Progress;
use crate::config::Config;
use crate::core::Core;
use crate::files::FileReader;
use crate::labels::LabelMerge;
use crate::lane::Lane;
use crate::log;
use dead_letters::DeadLetterFile;
use table::TableWriter;

/// Batches that may wait between two threads: enough to keep all busy.
const WAITING_BATCHES_MAX: usize = 4;

/// Scores `args.input` into `args.output`.
pub fn score(args: &ScoreArgs) -> Result<()> {
    let config = Config::load(&args.config.config)?;
    log::install(&config.log);
    let core = Core::load(&config)?;
    let totals = score_file(&config, &core, args)?;
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
    Ok(())
}

struct Totals {
    read: u64,
    scored: u64,
    refused: u64,
    dead_letters: String,
    seconds: f64,
}

/// A batch on its way from thread to thread, with what is needed of it at the end.
struct Batch<T> {
    raw: RawBatch,
    /// How far the file is read, in thousandths.
    permille: u64,
    refusals: Vec<Refusal>,
    rows: T,
}

impl<T> Batch<T> {
    fn map<U>(self, each: impl FnOnce(T) -> U) -> Batch<U> {
        Batch {
            raw: self.raw,
            permille: self.permille,
            refusals: self.refusals,
            rows: each(self.rows),
        }
    }
}

/// Batches as they come from another thread; an error is the last of them.
type Batches<T> = Receiver<Result<Batch<T>>>;

/// Reading, decoding, every stage and writing have a thread of their own. Each thread takes the batches
/// in their order, so the number of threads decides nothing.
fn score_file(config: &Config, core: &Core, args: &ScoreArgs) -> Result<Totals> {
    let reader = FileReader::open(&args.input)?;
    let Lane {
        mut decoder,
        mut joiner,
        chain,
        mut scorer,
        ..
    } = core.lane(0);
    let reference = joiner.as_ref().map(|joiner| joiner.version().to_owned());
    let key = config.stages.key_columns();
    let labels = config.labels.as_ref();
    let mut labels = labels.map(|labels| LabelMerge::new(labels, &config.decode, &key));
    std::thread::scope(|scope| {
        let raw = read(scope, reader, args.records);
        let mut staged = relay(scope, raw, move |batch| {
            let decoded = decoder.decode(&batch.raw);
            let mut events = match &mut labels {
                Some(labels) => labels.merge(&batch.raw, decoded.events)?,
                None => decoded.events,
            };
            if let Some(joiner) = &mut joiner {
                joiner.join(&mut events);
            }
            Ok(Batch {
                refusals: decoded.refusals,
                ..batch.map(|()| Staged::from(events))
            })
        });
        for mut stage in chain.before {
            staged = relay(scope, staged, move |batch| {
                Ok(batch.map(|staged| stage.pass(staged)))
            });
        }
        let mut last = chain.last;
        let scored = relay(scope, staged, move |batch| {
            let context = ScoreContext {
                effort: Effort::Full,
                reference: reference.as_deref(),
            };
            Ok(batch.map(|staged| scorer.score(last.fold(staged), &context)))
        });
        write(scored, args)
    })
}

/// Hands every batch to `each` on a thread of its own.
fn relay<'scope, T, U>(
    scope: &'scope Scope<'scope, '_>,
    batches: Batches<T>,
    mut each: impl FnMut(Batch<T>) -> Result<Batch<U>> + Send + 'scope,
) -> Batches<U>
where
    T: Send + 'scope,
    U: Send + 'scope,
{
    let (out, received) = sync_channel(WAITING_BATCHES_MAX);
    scope.spawn(move || {
        for batch in batches {
            let batch = batch.and_then(&mut each);
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
                        refusals: Vec::new(),
                        rows: (),
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

fn write(scored: Batches<ScoreBatch>, args: &ScoreArgs) -> Result<Totals> {
    let mut progress = Progress::new("scoring", Some(1000));
    let mut table = TableWriter::new(&args.output, args.features);
    let mut dead_letters = DeadLetterFile::beside(&args.output);
    let (mut read, mut scored_total, mut refused) = (0, 0, 0);
    for batch in scored {
        let batch = batch?;
        read += batch.raw.len() as u64;
        scored_total += batch.rows.emissions.records() as u64;
        refused += batch.refusals.len() as u64;
        dead_letters.write(&batch.raw, &batch.refusals)?;
        table.write(&batch.rows)?;
        progress.set(batch.permille);
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
