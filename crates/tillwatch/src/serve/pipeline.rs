//! The whole flow on one screen: Kafka → lanes → sink, and offsets back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tillwatch_consumer::{Consumer, ConsumerSettings, Monitor, Past, StopToken};
use tillwatch_sink::Sink;
use tillwatch_state_store::StateStore;

use super::lanes::{LOOK_INTERVAL, Lanes, Shared, Spread};
use super::metrics::Metrics;
use super::standing::Standings;
use super::state::Keeping;
use super::transactions::TransactionCommits;
use super::usage::Usage;
use super::workspaces::Workspaces;
use crate::config::StoreSettings;
use crate::exit;
use crate::lineup::Reloader;
use crate::reference::{self, ReferenceFile};
use crate::setup::Setup;
use crate::watch::{Bell, Prepared, Watch};

/// How long the sink may take for what the drain has left; nothing is left after an orderly one.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// A pipeline that is ready to run.
pub struct Pipeline {
    consumer: Consumer,
    monitor: Arc<Monitor>,
    shared: Arc<Shared>,
    /// The file of what is joined to records, if anything is.
    reference: Option<Arc<ReferenceFile>>,
    /// What follows changes of the models' files, if anything does.
    models: Option<(Reloader, Prepared)>,
}

/// How lanes run.
#[derive(Debug, Clone)]
pub struct LanePace {
    /// Threads that they share; at least one.
    pub threads: usize,
    /// How old a batch may be when it is scored before less is asked of it; `None` for no limit.
    pub deadline: Option<Duration>,
}

/// How a pipeline ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was read is scored, delivered and committed.
    Drained,
    /// The drain timeout passed first; what is not committed is read again.
    NotDrained,
}

impl Pipeline {
    /// Fits a consumer, the lanes and a sink together. Does not need a broker yet. State is kept in the store
    /// that is given, if any.
    pub fn new(
        settings: &ConsumerSettings,
        setup: Setup,
        sink: Arc<dyn Sink>,
        pace: &LanePace,
        kept: Option<(StateStore, StoreSettings)>,
    ) -> Result<Self> {
        let settings = ConsumerSettings {
            outputs_hold_records_max: sink.holds_records_max(),
            ..settings.clone()
        };
        let consumer = match sink.transactions() {
            None => Consumer::new(&settings)?,
            Some(transactions) => Consumer::with_committer(&settings, |client| {
                Ok(Box::new(TransactionCommits::new(transactions, client)))
            })?,
        };
        let monitor = consumer.monitor();
        let metrics = Arc::new(Metrics::default());
        metrics.set_models(&setup.assembly.models().current());
        if let Some(reference) = &setup.reference {
            metrics.set_reference(&reference.current());
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(pace.threads)
            .thread_name(|index| format!("lane-{index}"))
            .build()
            .context("cannot start the lanes' threads")?;
        let models = setup.followed.map(|followed| {
            let listener = Box::new(Arc::clone(&metrics));
            let reloader = Reloader::new(&setup.assembly, followed, listener);
            (reloader, Prepared::new())
        });
        let workspaces = Arc::new(Workspaces::new(pace.threads));
        metrics.set_workspaces(&workspaces);
        // Everything is loaded, and no record is read yet.
        metrics.set_loaded_bytes(Usage::now().resident_bytes.unwrap_or(0));
        let keeping = kept.map(|(store, kept)| {
            let group = settings.group.clone();
            let assembly = &setup.assembly;
            let counts = metrics.state();
            Keeping::start(
                store,
                kept,
                group,
                assembly,
                pace.threads,
                &counts,
                &monitor,
            )
        });
        let shared = Arc::new(Shared {
            keeping: keeping.transpose()?,
            standings: Arc::new(Standings::default()),
            workspaces,
            assembly: setup.assembly,
            sink,
            letter_mask: setup.letter_mask,
            metrics,
            past: Box::new(Past::new(&settings)?),
            spread: Spread::default(),
            pool,
            deadline: pace.deadline,
        });
        Ok(Self {
            consumer,
            monitor,
            shared,
            reference: setup.reference,
            models,
        })
    }

    /// What asks for a look at the models' files at once, where they are followed.
    pub fn bell(&self) -> Option<Bell> {
        let (_, prepared) = self.models.as_ref()?;
        Some(prepared.bell())
    }

    /// What the pipeline counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.shared.metrics)
    }

    /// The lanes that do not score yet.
    pub fn standings(&self) -> Arc<Standings> {
        Arc::clone(&self.shared.standings)
    }

    /// The consumer seen from outside.
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.monitor)
    }

    /// Looks for changes of the reference table's file, if there is one and it is to be looked at.
    fn watch_reference(&self) -> Result<Option<Watch>> {
        let Some(file) = &self.reference else {
            return Ok(None);
        };
        let Some(interval) = file.settings().reload else {
            return Ok(None);
        };
        let metrics = self.metrics();
        let listener = move |look: &_| metrics.count_reference(look);
        reference::watch(Arc::clone(file), interval, listener)
            .map(Some)
            .context("cannot start the thread that watches the reference table")
    }

    /// Looks after lanes that no records come for, where that matters.
    fn look_after(&self, lanes: &Arc<Lanes>) -> Result<Option<Watch>> {
        if self.shared.keeping.is_none() {
            return Ok(None);
        }
        let lanes = Arc::clone(lanes);
        let watch = Prepared::new().start("cuts", Some(LOOK_INTERVAL), move |_| lanes.look());
        watch
            .map(Some)
            .context("cannot start the thread that looks after lanes")
    }

    /// Reads, scores and delivers until `stop`; then drains, flushes and commits.
    pub fn run(mut self, stop: &StopToken) -> Result<Ended> {
        let _reference = self.watch_reference()?;
        let models = self.models.take();
        let models = models.map(|(reloader, prepared)| reloader.start(prepared));
        let _models = models
            .transpose()
            .context("cannot start the thread that watches the models")?;
        let lanes = Arc::new(Lanes::new(Arc::clone(&self.shared)));
        let _look = self.look_after(&lanes)?;
        let outcome = self.consumer.run(lanes, stop);
        let flushed = self.shared.sink.flush(FLUSH_TIMEOUT);
        self.shared.sink.close();
        if let Err(error) = outcome {
            // What ends a run that had begun is no longer a matter of how it was configured.
            let had_begun = self.monitor.stats().rebalances > 0;
            return Err(match had_begun {
                true => exit::while_running(error),
                false => error.into(),
            });
        }
        Ok(match flushed {
            Ok(()) => Ended::Drained,
            Err(error) => {
                tracing::warn!(%error, "stopped before everything was delivered");
                Ended::NotDrained
            }
        })
    }
}
