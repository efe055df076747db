//! Whether the process is alive and whether it is doing its job.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tillwatch_consumer::Monitor;

use crate::clock;

/// A poll thread that has not turned for this long is stuck: librdkafka's `max.poll.interval.ms` would
/// soon expel it from its group.
const POLL_SILENCE_MAX: Duration = Duration::from_secs(120);

/// State behind `/healthz` and `/readyz`.
#[derive(Debug)]
pub struct Health {
    monitor: Arc<Monitor>,
    started: Instant,
    /// The poll thread's turns when they were last seen to have grown, and when that was
    /// (milliseconds after `started`).
    turns_seen: AtomicU64,
    turned_ms: AtomicU64,
    stopping: AtomicBool,
}

impl Health {
    pub fn new(monitor: Arc<Monitor>) -> Self {
        Self {
            monitor,
            started: clock::now(),
            turns_seen: AtomicU64::new(0),
            turned_ms: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        }
    }

    /// The process was asked to stop.
    pub fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the process should be left running.
    pub fn alive(&self) -> Result<(), String> {
        let turns = self.monitor.turns();
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.turns_seen.swap(turns, Ordering::Relaxed) != turns {
            self.turned_ms.store(now_ms, Ordering::Relaxed);
        }
        let silence = Duration::from_millis(now_ms - self.turned_ms.load(Ordering::Relaxed));
        if silence > POLL_SILENCE_MAX {
            return Err(format!(
                "the poll thread has been stuck for {} s",
                silence.as_secs()
            ));
        }
        Ok(())
    }

    /// Whether the process is reading and writing.
    pub fn ready(&self) -> Result<(), String> {
        self.alive()?;
        if self.stopping.load(Ordering::Relaxed) {
            return Err("stopping: draining what was read".into());
        }
        let stats = self.monitor.stats();
        if !stats.broker_up {
            return Err("no broker answers".into());
        }
        if !stats.joined {
            return Err("waiting for the consumer group to let us in".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_alive_but_not_ready_before_a_broker_answers() {
        let health = Health::new(Arc::new(Monitor::default()));
        assert!(health.alive().is_ok());
        assert_eq!(health.ready().unwrap_err(), "no broker answers");
        health.set_stopping();
        assert!(health.ready().unwrap_err().contains("stopping"));
    }
}
