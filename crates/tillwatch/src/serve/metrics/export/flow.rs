//! What became of records, and how long it took.

use std::fmt::Result;
use std::sync::atomic::Ordering;

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use tillwatch_decode::refusal_reasons;
use tillwatch_records::{Band, Flags, Severity, Typology};

use super::scrape::{Scrape, encode_histogram};
use crate::serve::metrics::counts::Metrics;
use crate::serve::metrics::outcome::Outcome;
use crate::serve::metrics::step::Step;

pub fn encode(scrape: &mut Scrape<'_>, metrics: &Metrics) -> Result {
    records(scrape, metrics)?;
    scores(scrape, metrics)?;
    durations(scrape, metrics)
}

fn records(scrape: &mut Scrape<'_>, metrics: &Metrics) -> Result {
    scrape.counters(
        "tillwatch_records",
        "Records taken from the input, by what became of them",
        Outcome::ALL.map(|outcome| ([("outcome", outcome.as_str())], metrics.outcome(outcome))),
    )?;
    let letters = metrics.dead_letters.lock().clone();
    scrape.counters(
        "tillwatch_dead_letters",
        "Records refused and sent to the dead-letter topic, by reason",
        refusal_reasons().map(|reason| {
            let count = letters.get(reason.code()).copied();
            ([("reason", reason.code())], count.unwrap_or(0))
        }),
    )?;
    scrape.counters(
        "tillwatch_unknown_codes",
        "Codes of records that are in no form that is known, or on no list, by column; they are kept as \
         they are, and features and rules that list codes take them for others",
        metrics
            .unknown_codes()
            .map(|(column, count)| ([("column", column.name())], count)),
    )?;
    let invalid = metrics.invalid_fields.lock().clone();
    scrape.counters(
        "tillwatch_invalid_fields",
        "Optional fields of records that could not be read and are null, by column and cause; with the \
         cause pan_in_clear, texts in which digits of card numbers are hidden",
        invalid
            .iter()
            .map(|(column, cause, count)| ([("column", column), ("cause", cause)], count)),
    )?;
    let batches = metrics.batches.load(Ordering::Relaxed);
    scrape.counter("tillwatch_batches", "Batches processed", batches)
}

fn scores(scrape: &mut Scrape<'_>, metrics: &Metrics) -> Result {
    scrape.counters(
        "tillwatch_scores",
        "Scores made, by decision band",
        [Band::Approve, Band::Review, Band::Decline].map(|band| {
            let count = metrics.bands[band as usize].load(Ordering::Relaxed);
            ([("band", band.as_str())], count)
        }),
    )?;
    scrape.counters(
        "tillwatch_flagged_scores",
        "Scores made that carry a flag, by flag; a score with two flags counts under both",
        Flags::all()
            .iter_names()
            .map(|(name, flag)| ([("flag", name)], metrics.flagged(flag))),
    )?;
    scrape.counter(
        "tillwatch_degraded_scores",
        "Scores without the models that may be skipped, because their batch was late",
        metrics.flagged(Flags::DEGRADED),
    )?;
    let alerts = metrics.alerts.lock().clone();
    let typologies = Typology::ALL.map(Typology::as_str);
    let typologies = typologies.into_iter().chain(["none"]);
    scrape.counters(
        "tillwatch_alerts",
        "Alerts raised, by typology and severity",
        typologies.flat_map(|typology| {
            let alerts = &alerts;
            [Severity::Info, Severity::Warning, Severity::Critical].map(|severity| {
                let severity = severity.as_str();
                let count = alerts.get(&(typology, severity)).copied();
                let labels = [("typology", typology), ("severity", severity)];
                (labels, count.unwrap_or(0))
            })
        }),
    )?;
    let help = "Scores that the sink acknowledged, or counted as dropped";
    scrape.counter("tillwatch_delivered_scores", help, metrics.delivered())
}

fn durations(scrape: &mut Scrape<'_>, metrics: &Metrics) -> Result {
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
