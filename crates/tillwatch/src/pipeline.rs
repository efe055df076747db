//! The whole flow on one screen: Kafka → lanes → sink, and offsets back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tillwatch_consumer::{Consumer, ConsumerSettings, Monitor, StopToken};
use tillwatch_sink::Sink;

use crate::core::Core;
use crate::lanes::{Lanes, Shared};
use crate::metrics::Metrics;
use crate::reference::Watch;

/// How long the sink may take for what the drain has left; nothing is left after an orderly one.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// A pipeline that is ready to run.
pub struct Pipeline {
    consumer: Consumer,
    monitor: Arc<Monitor>,
    shared: Arc<Shared>,
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
        metrics.set_versions(core.versions());
        if let Some(reference) = core.reference() {
            metrics.set_registry(&reference.current());
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("lane-{index}"))
            .build()
            .context("cannot start the lanes' threads")?;
        let shared = Arc::new(Shared {
            core,
            sink,
            metrics,
            pool,
        });
        Ok(Self {
            consumer,
            monitor,
            shared,
        })
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
        Watch::start(Arc::clone(reference), interval, self.metrics())
            .map(Some)
            .context("cannot start the thread that watches the registry")
    }

    /// Reads, scores and delivers until `stop`; then drains, flushes and commits.
    pub fn run(self, stop: &StopToken) -> Result<Ended> {
        let _watch = self.watch_registry()?;
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
