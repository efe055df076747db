use std::sync::atomic::Ordering;

use prometheus_client::registry::Registry;
use tillwatch_consumer::Monitor;
use tillwatch_engine::LaneMemory;
use tillwatch_records::{Column, FieldCounts, TopicPartition, UnknownCodes, code};
use tillwatch_sink::MemorySink;

use super::*;
use crate::estimate::{OTHER_THREADS_BYTES, THREAD_BYTES};
use crate::reference::{Look, ReferenceFileError};
use crate::serve::metrics::{Cut, Format, Outcome, encode};
use crate::serve::workspaces::Workspaces;

fn scraped(metrics: &Arc<Metrics>, format: Format) -> String {
    let monitor = Arc::new(Monitor::default());
    let health = Arc::new(Health::new(
        monitor,
        Arc::new(MemorySink::new()),
        Arc::default(),
    ));
    let mut registry = Registry::default();
    let exporter = Exporter::new(Arc::clone(metrics), health);
    registry.register_collector(Box::new(exporter));
    encode(&registry, format).unwrap()
}

#[test]
fn a_scrape_names_units_and_labels() {
    let metrics = Arc::new(Metrics::default());
    metrics.count(Outcome::Scored, 3);
    metrics.count_dead_letter("bad_json");
    metrics.observe_end_to_end(&[1_000, 1_000], 1_002);
    let lane = metrics.lane(&TopicPartition::new("tx", 1));
    lane.keys.store(7, Ordering::Relaxed);
    lane.set_memory(LaneMemory {
        cut: 5,
        ..LaneMemory::default()
    });
    lane.cuts.set_waiting_bytes(3);
    metrics.count_unmatched_labels(2);
    let mut codes = UnknownCodes::default();
    codes.count(code::position(Column::EntryMode).unwrap());
    metrics.count_unknown_codes(&codes);
    metrics.count_unknown_codes(&codes);
    let mut invalid = FieldCounts::default();
    invalid.add(&"lat".into(), "bad_number", 2);
    metrics.count_invalid_fields(&invalid);
    metrics.count_invalid_fields(&invalid);
    metrics.count_cut(Cut::Slow);
    metrics.count_reference(&Look::Refused(ReferenceFileError::Format {
        path: "terminals.csv".into(),
        reason: "not CSV".to_owned(),
    }));
    let text = scraped(&metrics, Format::OpenMetrics);
    for line in [
        "tillwatch_records_total{outcome=\"scored\"} 3",
        "tillwatch_records_total{outcome=\"dead_lettered\"} 1",
        "tillwatch_dead_letters_total{reason=\"bad_json\"} 1",
        "tillwatch_end_to_end_latency_seconds_bucket{le=\"0.002\"} 2",
        "tillwatch_end_to_end_latency_seconds_bucket{le=\"+Inf\"} 2",
        "tillwatch_end_to_end_latency_seconds_count 2",
        "tillwatch_registry_reloads_total{outcome=\"refused\"} 1",
        "tillwatch_registry_reloads_total{outcome=\"taken\"} 0",
        "tillwatch_registry_rows 0.0",
        "tillwatch_lane_keys{topic=\"tx\",partition=\"1\"} 7.0",
        "tillwatch_memory_bytes{part=\"cuts\"} 8.0",
        "tillwatch_unknown_codes_total{column=\"entry_mode\"} 2",
        "tillwatch_invalid_fields_total{column=\"lat\",cause=\"bad_number\"} 4",
        "tillwatch_unmatched_labels_total 2",
        "tillwatch_http_connections_cut_total{cause=\"slow\"} 1",
        "tillwatch_ready 0.0",
        "tillwatch_sink_up 1.0",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn every_cause_has_a_series_from_the_start() {
    let text = scraped(&Arc::default(), Format::Text);
    for line in [
        "tillwatch_dead_letters_total{reason=\"payload_too_large\"} 0",
        "tillwatch_dead_letters_total{reason=\"bad_json\"} 0",
        "tillwatch_unknown_codes_total{column=\"response_code\"} 0",
        "tillwatch_flagged_scores_total{flag=\"WARMING\"} 0",
        "tillwatch_flagged_scores_total{flag=\"REORDERED\"} 0",
        "tillwatch_alerts_total{typology=\"none\",severity=\"info\"} 0",
        "tillwatch_alerts_total{typology=\"cash_out\",severity=\"critical\"} 0",
        "tillwatch_consumer_errors_total{cause=\"authorization\"} 0",
        "tillwatch_http_connections_cut_total{cause=\"crowded\"} 0",
        "tillwatch_sink_errors_total{cause=\"topic_missing\"} 0",
        "tillwatch_restore_passed_over_total{reason=\"ahead\"} 0",
        "tillwatch_restore_passed_over_total{reason=\"damaged\"} 0",
        "tillwatch_snapshot_failures_total{cause=\"gone\"} 0",
        "# TYPE tillwatch_records_total counter",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(
        !text.contains("# EOF") && !text.contains("# UNIT"),
        "{text}"
    );
}

#[test]
fn the_watermark_of_a_lane_that_has_seen_nothing_is_absent() {
    let metrics = Arc::new(Metrics::default());
    let lane = metrics.lane(&TopicPartition::new("tx", 0));
    let sample = "tillwatch_lane_watermark_timestamp_seconds{topic=\"tx\",partition=\"0\"}";
    assert!(!scraped(&metrics, Format::Text).contains(sample));
    lane.watermark_ms.store(1_500, Ordering::Relaxed);
    let text = scraped(&metrics, Format::Text);
    assert!(text.contains(&format!("{sample} 1.5")), "{text}");
}

#[test]
fn memory_counts_what_is_kept_for_threads_that_have_worked() {
    let threads = |bytes: &[u64]| {
        let metrics = Arc::new(Metrics::default());
        metrics.set_workspaces(&Arc::new(Workspaces::with_bytes(bytes)));
        let parts = metrics.memory(&[]);
        let part = parts.iter().find(|(part, _)| *part == "threads");
        part.map(|(_, bytes)| *bytes)
    };
    assert_eq!(threads(&[0, 0, 0]), Some(0));
    let two_of_three = 2 * THREAD_BYTES + OTHER_THREADS_BYTES;
    assert_eq!(threads(&[10, 0, 20]), Some(two_of_three));
}

#[test]
fn flags_are_counted_one_by_one() {
    use tillwatch_records::Flags;
    let metrics = Metrics::default();
    metrics.count_flags(&[Flags::WARMING | Flags::LATE, Flags::empty(), Flags::WARMING]);
    assert_eq!(metrics.flagged(Flags::WARMING), 2);
    assert_eq!(metrics.flagged(Flags::LATE), 1);
    assert_eq!(metrics.flagged(Flags::DUPLICATE), 0);
}

/// Each family as `docs/metrics.md` has it: name, type and help.
#[test]
fn the_documentation_lists_every_metric() {
    let text = scraped(&Arc::default(), Format::Text);
    let mut help = None;
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map(|(_, words)| words);
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            let words = help.take().expect("help comes first");
            rows.push(format!("| `{name}` | {kind} | {words} |"));
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let documented = std::fs::read_to_string(path).expect("docs/metrics.md is there");
    let documented: Vec<&str> = documented
        .lines()
        .filter(|line| line.starts_with("| `") && !line.starts_with("| `/"))
        .collect();
    for row in &rows {
        assert!(
            documented.contains(&row.as_str()),
            "docs/metrics.md lacks\n{row}"
        );
    }
    for line in documented {
        assert!(rows.iter().any(|row| row == line), "not exported:\n{line}");
    }
}
