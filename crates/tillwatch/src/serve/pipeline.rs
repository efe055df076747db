//! The whole flow on one screen: Kafka → lanes → sink, and offsets back.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tillwatch_consumer::{Consumer, ConsumerSettings, Monitor, StopToken};
use tillwatch_sink::Sink;

use crate::config::ModelSettings;
use crate::core::Core;
use crate::lineup::Reloader;
use crate::reference;
use crate::serve::lanes::{Lanes, Shared};
use crate::serve::metrics::Metrics;
use crate::watch::{Bell, Prepared, Watch};

/// How long the sink may take for what the drain has left; nothing is left after an orderly one.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// A pipeline that is ready to run.
pub struct Pipeline {
    consumer: Consumer,
    monitor: Arc<Monitor>,
    shared: Arc<Shared>,
    /// What follows changes of the models' files, if anything does.
    models: Option<(Reloader, Prepared)>,
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
    /// Fits a consumer, the core and a sink together. Does not need a broker yet.
    pub fn new(
        settings: &ConsumerSettings,
        core: Core,
        sink: Arc<dyn Sink>,
        threads: usize,
    ) -> Result<Self> {
        let consumer = Consumer::new(settings)?;
        let monitor = consumer.monitor();
        let metrics = Arc::new(Metrics::new(Arc::clone(&monitor)));
        metrics.set_models(&core.models().current());
        if let Some(reference) = core.reference() {
            metrics.set_registry(&reference.current());
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("lane-{index}"))
            .build()
            .context("cannot start the lanes' threads")?;
        let shared = Arc::new(Shared {
            core: Arc::new(core),
            sink,
            metrics,
            pool,
            deadline: OnceLock::new(),
        });
        Ok(Self {
            consumer,
            monitor,
            shared,
            models: None,
        })
    }

    /// Asks less of batches that are older than `limit` when they are scored.
    pub fn set_deadline(&mut self, limit: Duration) {
        // There is one call for each pipeline.
        let _ = self.shared.deadline.set(limit);
    }

    /// Follows changes of the files that `settings` name while the pipeline runs; what it gives asks for a
    /// look at once.
    pub fn follow_models(&mut self, settings: &ModelSettings) -> io::Result<Bell> {
        let reloader = Reloader::new(&self.shared.core, settings, &self.shared.metrics)?;
        let prepared = Prepared::new();
        let bell = prepared.bell();
        self.models = Some((reloader, prepared));
        Ok(bell)
    }

    /// What the pipeline counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.shared.metrics)
    }

    /// The consumer seen from outside.
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.monitor)
    }

    /// Looks for changes of the registry's file, if there is one and it is to be looked at.
    fn watch_registry(&self) -> Result<Option<Watch>> {
        let Some(reference) = self.shared.core.reference() else {
            return Ok(None);
        };
        let Some(interval) = reference.settings().reload else {
            return Ok(None);
        };
        reference::watch(Arc::clone(reference), interval, self.metrics())
            .map(Some)
            .context("cannot start the thread that watches the registry")
    }

    /// Reads, scores and delivers until `stop`; then drains, flushes and commits.
    pub fn run(mut self, stop: &StopToken) -> Result<Ended> {
        let _registry = self.watch_registry()?;
        let models = self.models.take();
        let models = models.map(|(reloader, prepared)| reloader.start(prepared));
        let _models = models
            .transpose()
            .context("cannot start the thread that watches the models")?;
        let lanes = Arc::new(Lanes::new(Arc::clone(&self.shared)));
        let outcome = self.consumer.run(lanes, stop);
        let flushed = self.shared.sink.flush(FLUSH_TIMEOUT);
        self.shared.sink.close();
        outcome?;
        Ok(match flushed {
            Ok(()) => Ended::Drained,
            Err(error) => {
                tracing::warn!(%error, "stopped before everything was delivered");
                Ended::NotDrained
            }
        })
    }
}
