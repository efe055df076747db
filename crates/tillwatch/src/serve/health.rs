//! Whether the process is alive and whether it is doing its job.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tillwatch_consumer::Monitor;
use tillwatch_sink::Sink;

use super::outputs::Outputs;
use super::standing::Standings;

/// A poll thread that has not turned for this long is stuck: it turns about once a second whatever brokers,
/// lanes and clients do, and librdkafka's `max.poll.interval.ms` would soon expel it from its group.
const POLL_SILENCE_MAX: Duration = Duration::from_secs(120);

/// State behind `/healthz` and `/readyz`. Asking waits for nobody and asks no broker.
pub struct Health {
    monitor: Arc<Monitor>,
    sink: Arc<dyn Sink>,
    standings: Arc<Standings>,
    stopping: AtomicBool,
}

impl Health {
    /// `standings` are the lanes that do not score yet.
    pub fn new(monitor: Arc<Monitor>, sink: Arc<dyn Sink>, standings: Arc<Standings>) -> Self {
        Self {
            monitor,
            sink,
            standings,
            stopping: AtomicBool::new(false),
        }
    }

    /// The process was asked to stop.
    pub fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the process should be left running. Depends on the poll thread alone: no restart mends a
    /// broker that is away.
    pub fn alive(&self) -> Result<(), String> {
        let silence = self.monitor.silence();
        if silence > POLL_SILENCE_MAX {
            let seconds = silence.as_secs();
            return Err(format!("the poll thread has been stuck for {seconds} s"));
        }
        Ok(())
    }

    /// Whether the process is reading and writing: a word on how it is, or every reason why it is not.
    pub fn ready(&self) -> Result<&'static str, Vec<String>> {
        let mut reasons: Vec<String> = self.alive().err().into_iter().collect();
        if self.stopping.load(Ordering::Relaxed) {
            reasons.push("stopping: what was read is being scored and delivered".into());
        }
        let monitor = &self.monitor;
        if !monitor.is_broker_up() {
            reasons.push(
                "input: no broker answers; check the brokers, the network and [kafka]".into(),
            );
        }
        if monitor.is_topic_missing() {
            reasons.push(
                "input: a topic of [consumer] does not exist; create it or correct it".into(),
            );
        }
        if !monitor.is_joined() {
            reasons.push("input: waiting for the consumer group to assign partitions".into());
        }
        for (lane, standing) in self.standings.all() {
            reasons.push(format!("partition {}: {standing}", lane.partition));
        }
        let Outputs { status, counters } = self.outputs();
        for waiting in &status.waiting {
            // Without a topic it says itself that it is about outputs.
            reasons.push(match waiting.topic {
                Some(_) => format!("output: {waiting}"),
                None => waiting.to_string(),
            });
        }
        if counters.failed > 0 {
            let count = counters.failed;
            reasons.push(format!(
                "output: {count} records were given up; the run ends"
            ));
        }
        if !reasons.is_empty() {
            return Err(reasons);
        }
        Ok(match monitor.assigned() {
            0 => "ok: no partition is left for this member of the consumer group",
            _ => "ok",
        })
    }

    /// The consumer seen from outside.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// The lanes that do not score yet.
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// The sink seen from outside.
    pub fn outputs(&self) -> Outputs {
        Outputs::of(self.sink.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use tillwatch_records::{ScoreBatch, Ticket};
    use tillwatch_sink::{CountersSnapshot, DeadLetter, MemorySink, SinkError};

    use super::*;

    /// A sink that has counted so much.
    struct Counted(CountersSnapshot);

    impl Sink for Counted {
        fn write(&self, _: &ScoreBatch, _: &Ticket) -> Result<(), SinkError> {
            Ok(())
        }

        fn dead_letter(&self, _: &DeadLetter<'_>, _: &Ticket) -> Result<(), SinkError> {
            Ok(())
        }

        fn flush(&self, _: Duration) -> Result<(), SinkError> {
            Ok(())
        }

        fn close(&self) {}

        fn counters(&self) -> CountersSnapshot {
            self.0.clone()
        }
    }

    #[test]
    fn is_alive_and_says_every_reason_why_it_is_not_ready() {
        let monitor = Arc::new(Monitor::default());
        let health = Health::new(monitor, Arc::new(MemorySink::default()), Arc::default());
        assert!(health.alive().is_ok());
        let reasons = health.ready().unwrap_err();
        assert_eq!(reasons.len(), 2, "{reasons:?}");
        assert!(reasons[0].contains("no broker answers"));
        assert!(reasons[1].contains("assign partitions"));
        health.set_stopping();
        let reasons = health.ready().unwrap_err();
        assert!(reasons[0].contains("stopping"), "{reasons:?}");
        assert_eq!(reasons.len(), 3);
    }

    #[test]
    fn an_output_that_no_broker_takes_is_no_reason_but_one_given_up_is() {
        let reasons = |counters| {
            let sink = Arc::new(Counted(counters));
            let health = Health::new(Arc::default(), sink, Arc::default());
            health.ready().unwrap_err()
        };
        let dropped = reasons(CountersSnapshot {
            dropped: 3,
            ..CountersSnapshot::default()
        });
        assert!(!dropped.join("\n").contains("output"), "{dropped:?}");
        let failed = reasons(CountersSnapshot {
            failed: 3,
            ..CountersSnapshot::default()
        });
        assert!(
            failed.join("\n").contains("3 records were given up"),
            "{failed:?}"
        );
    }
}
