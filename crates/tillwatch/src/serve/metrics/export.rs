//! [`Metrics`] as Prometheus reads them.

mod scrape;

use std::fmt::Result;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use tillwatch_consumer::PartitionStats;
use tillwatch_records::Band;

use self::scrape::{Place, Scrape, encode_histogram};
use super::counts::{LaneGauges, Metrics};
use super::outcome::Outcome;
use super::shadows::{Comparison, Recent};
use super::step::Step;
use crate::clock;

/// Serves [`Metrics`] to a scrape.
#[derive(Debug)]
pub struct Exporter(pub Arc<Metrics>);

impl Collector for Exporter {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let mut scrape = Scrape(encoder);
        self.encode_records(&mut scrape)?;
        self.encode_durations(&mut scrape)?;
        self.encode_lanes(&mut scrape)?;
        self.encode_consumer(&mut scrape)?;
        self.encode_process(&mut scrape)
    }
}

impl Exporter {
    fn encode_records(&self, scrape: &mut Scrape<'_>) -> Result {
        let metrics = &self.0;
        scrape.counters(
            "tillwatch_records",
            "Records taken from the input, by what became of them",
            Outcome::ALL
                .iter()
                .map(|o| ([("outcome", o.as_str())], metrics.outcome(*o))),
        )?;
        scrape.counters(
            "tillwatch_dead_letters",
            "Records refused and sent to the dead-letter topic, by reason",
            metrics
                .dead_letters
                .lock()
                .iter()
                .map(|(reason, n)| ([("reason", *reason)], *n)),
        )?;
        let bands = [Band::Approve, Band::Review, Band::Decline];
        scrape.counters(
            "tillwatch_scores",
            "Scores made, by decision band",
            bands.into_iter().map(|band| {
                let count = metrics.bands[band as usize].load(Ordering::Relaxed);
                ([("band", band.as_str())], count)
            }),
        )?;
        scrape.counters(
            "tillwatch_alerts",
            "Alerts raised, by typology and severity",
            metrics
                .alerts
                .lock()
                .iter()
                .map(|((typology, severity), n)| {
                    ([("typology", *typology), ("severity", *severity)], *n)
                }),
        )?;
        let evicted = metrics.evicted_keys.load(Ordering::Relaxed);
        let forgotten = metrics.forgotten_ids.load(Ordering::Relaxed);
        let batches = metrics.batches.load(Ordering::Relaxed);
        let delivered = metrics.delivered();
        for (name, help, value) in [
            (
                "tillwatch_delivered_scores",
                "Scores that the sink acknowledged",
                delivered,
            ),
            ("tillwatch_batches", "Batches processed", batches),
            (
                "tillwatch_evicted_keys",
                "Keys whose state was dropped for want of room or for age",
                evicted,
            ),
            (
                "tillwatch_forgotten_event_ids",
                "Event ids forgotten before their horizon, as their key had too many: repeats of \
                 them are not told",
                forgotten,
            ),
        ] {
            scrape.counter(name, help, value)?;
        }
        Ok(())
    }

    fn encode_durations(&self, scrape: &mut Scrape<'_>) -> Result {
        let metrics = &self.0;
        let mut family = scrape.family(
            "tillwatch_end_to_end_latency",
            "From the record's Kafka timestamp to the acknowledgement of its score",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        encode_histogram(&mut family, &metrics.end_to_end.snapshot())?;
        let mut family = scrape.family(
            "tillwatch_stage_duration",
            "Time that a batch spends in a step of the flow",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for step in Step::ALL {
            let labels = [("stage", step.as_str())];
            let snapshot = metrics.steps[step as usize].snapshot();
            encode_histogram(&mut family.encode_family(&labels)?, &snapshot)?;
        }
        Ok(())
    }

    fn encode_lanes(&self, scrape: &mut Scrape<'_>) -> Result {
        let lanes: Vec<(Place, Arc<LaneGauges>)> = self
            .0
            .lanes
            .lock()
            .iter()
            .map(|(at, lane)| (Place::of(at), Arc::clone(lane)))
            .collect();
        scrape.gauges(
            "tillwatch_lane_keys",
            "Entity keys that a lane holds state of",
            None,
            lanes
                .iter()
                .map(|(at, lane)| (at.labels(), lane.keys.load(Ordering::Relaxed) as f64)),
        )?;
        scrape.gauges(
            "tillwatch_lane_state",
            "Bytes that a lane's feature state takes",
            Some(&Unit::Bytes),
            lanes
                .iter()
                .map(|(at, lane)| (at.labels(), lane.state_bytes.load(Ordering::Relaxed) as f64)),
        )?;
        scrape.gauges(
            "tillwatch_lane_watermark_timestamp",
            "Latest event time that a lane has accepted",
            Some(&Unit::Seconds),
            lanes.iter().map(|(at, lane)| {
                (
                    at.labels(),
                    lane.watermark_ms.load(Ordering::Relaxed) as f64 / 1e3,
                )
            }),
        )
    }

    fn encode_consumer(&self, scrape: &mut Scrape<'_>) -> Result {
        let stats = self.0.monitor.stats();
        for (name, help, value) in [
            ("records", "Records received from Kafka", stats.records),
            ("bytes", "Bytes received from Kafka", stats.bytes),
            (
                "pauses",
                "Pauses of a partition whose lane or sink was behind",
                stats.pauses,
            ),
            (
                "commits",
                "Commits that the broker confirmed",
                stats.commits,
            ),
            (
                "commit_failures",
                "Commits that failed and are tried again",
                stats.commits_failed,
            ),
            (
                "rebalances",
                "Assignments and revocations",
                stats.rebalances,
            ),
        ] {
            scrape.counter(&format!("tillwatch_consumer_{name}"), help, value)?;
        }
        let broker_up = f64::from(u8::from(stats.broker_up));
        scrape.gauge(
            "tillwatch_broker_up",
            "Whether a broker answers",
            None,
            broker_up,
        )?;
        let partitions: Vec<(Place, &PartitionStats)> = stats
            .partitions
            .iter()
            .map(|stats| (Place::of(&stats.source), stats))
            .collect();
        scrape.gauges(
            "tillwatch_consumer_lag_records",
            "Records that the broker holds and that were not received",
            None,
            partitions
                .iter()
                .filter_map(|(at, stats)| Some((at.labels(), stats.lag()? as f64))),
        )?;
        scrape.gauges(
            "tillwatch_lane_unsettled_records",
            "Records received whose scores are not acknowledged yet",
            None,
            partitions.iter().map(|(at, stats)| {
                let records = stats.pending_records + stats.unsettled_records;
                (at.labels(), records as f64)
            }),
        )
    }

    fn encode_reference(&self, scrape: &mut Scrape<'_>) -> Result {
        let Some(status) = self.0.reference() else {
            return Ok(());
        };
        scrape.counters(
            "tillwatch_registry_reloads",
            "Changes of the reference table's file, by what became of them",
            [("taken", status.taken), ("refused", status.refused)]
                .map(|(outcome, count)| ([("outcome", outcome)], count)),
        )?;
        let rows = status.rows as f64;
        scrape.gauge(
            "tillwatch_registry_rows",
            "Rows of the active reference table",
            None,
            rows,
        )?;
        let labels = [("version", status.version.as_str())];
        let help = "Active reference table";
        scrape.gauges("tillwatch_registry_info", help, None, [(labels, 1.0)])
    }

    fn encode_models(&self, scrape: &mut Scrape<'_>) -> Result {
        let metrics = &self.0;
        let [taken, refused] = metrics.model_changes();
        scrape.counters(
            "tillwatch_model_reloads",
            "Changes of the models' files, by what became of them",
            [("taken", taken), ("refused", refused)]
                .map(|(outcome, count)| ([("outcome", outcome)], count)),
        )?;
        let shortened = metrics.shortened.each_ref();
        let [reduced, least] = shortened.map(|count| count.load(Ordering::Relaxed));
        scrape.counters(
            "tillwatch_shortened_batches",
            "Batches that less was asked of to keep the deadline: no shadows, or rules alone",
            [("reduced", reduced), ("least", least)]
                .map(|(effort, count)| ([("effort", effort)], count)),
        )?;
        let degraded = metrics.degraded.load(Ordering::Relaxed);
        let help = "Scores of rules alone, because their batch was late";
        scrape.counter("tillwatch_degraded_scores", help, degraded)?;
        self.encode_shadows(scrape, &metrics.comparisons())
    }

    fn encode_shadows(&self, scrape: &mut Scrape<'_>, comparisons: &[Comparison]) -> Result {
        if comparisons.is_empty() {
            return Ok(());
        }
        let rows = comparisons.iter().flat_map(|found| {
            [("scored", found.rows), ("left_out", found.left_out)]
                .map(|(outcome, rows)| ([("model", &*found.model), ("outcome", outcome)], rows))
        });
        let help = "Rows of models that decide nothing, scored or left out to keep the deadline";
        scrape.counters("tillwatch_shadow_rows", help, rows)?;
        let recent = comparisons.iter();
        let recent: Vec<([(&str, &str); 1], Recent)> = recent
            .filter_map(|found| Some(([("model", &*found.model)], found.recent?)))
            .collect();
        scrape.gauges(
            "tillwatch_shadow_agreement",
            "Share of the last rows that shadow and champion put into the same band",
            None,
            recent
                .iter()
                .map(|(label, recent)| (*label, recent.agreement)),
        )?;
        scrape.gauges(
            "tillwatch_shadow_difference",
            "Mean absolute difference of the probabilities of shadow and champion over the last rows",
            None,
            recent.iter().map(|(label, recent)| (*label, recent.difference)),
        )?;
        scrape.gauges(
            "tillwatch_shadow_stability_index",
            "Population stability index of the shadow's scores against the champion's over the last rows",
            None,
            recent.iter().map(|(label, recent)| (*label, recent.stability)),
        )
    }

    fn encode_process(&self, scrape: &mut Scrape<'_>) -> Result {
        if let Some(versions) = self.0.versions() {
            let labels = [
                ("model", versions.model.as_str()),
                ("catalog", versions.catalog.as_str()),
            ];
            let help = "Model and feature catalog in use";
            scrape.gauges("tillwatch_model_info", help, None, [(labels, 1.0)])?;
        }
        self.encode_models(scrape)?;
        self.encode_reference(scrape)?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        scrape.gauges(
            "tillwatch_build_info",
            "Version of the program",
            None,
            [(version, 1.0)],
        )?;
        // Named as Prometheus' own clients name them.
        let help = "CPU time used, on all threads";
        let mut family = scrape.family(
            "process_cpu",
            help,
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?;
        family.encode_counter::<NoLabelSet, _, f64>(&clock::process_cpu().as_secs_f64(), None)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use tillwatch_records::TopicPartition;

    use super::*;
    use crate::reference::{Look, ReferenceFileError};

    #[test]
    fn a_scrape_names_units_and_labels() {
        let metrics = Arc::new(Metrics::default());
        metrics.count(Outcome::Scored, 3);
        metrics.count_dead_letter("not_json");
        metrics.observe_end_to_end(&[1_000, 1_000], 1_002);
        metrics
            .lane(&TopicPartition::new("tx", 1))
            .keys
            .store(7, Ordering::Relaxed);
        metrics.count_reference(&Look::Refused(ReferenceFileError::Format {
            path: "terminals.csv".into(),
            reason: "not CSV".to_owned(),
        }));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Exporter(Arc::clone(&metrics))));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "tillwatch_records_total{outcome=\"scored\"} 3",
            "tillwatch_records_total{outcome=\"dead_lettered\"} 1",
            "tillwatch_dead_letters_total{reason=\"not_json\"} 1",
            "tillwatch_end_to_end_latency_seconds_bucket{le=\"0.002\"} 2",
            "tillwatch_end_to_end_latency_seconds_bucket{le=\"+Inf\"} 2",
            "tillwatch_end_to_end_latency_seconds_count 2",
            "tillwatch_registry_reloads_total{outcome=\"refused\"} 1",
            "tillwatch_registry_reloads_total{outcome=\"taken\"} 0",
            "tillwatch_registry_rows 0.0",
            "tillwatch_lane_keys{topic=\"tx\",partition=\"1\"} 7.0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
