//! Models and the reference table.

use std::fmt::Result;
use std::sync::atomic::Ordering;

use super::scrape::Scrape;
use crate::serve::metrics::counts::Metrics;
use crate::serve::metrics::shadows::{Comparison, Recent};

pub fn encode(scrape: &mut Scrape<'_>, metrics: &Metrics) -> Result {
    let versions = metrics.versions();
    let info = versions.as_ref().map(|versions| {
        let labels = [
            ("model", versions.model.as_str()),
            ("catalog", versions.catalog.as_str()),
        ];
        (labels, 1.0)
    });
    let help = "Model and feature catalog in use";
    scrape.gauges("tillwatch_model_info", help, None, info)?;
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
        "Batches that less was asked of to keep the deadline: no shadows, or none of the models that may be \
         skipped",
        [("reduced", reduced), ("least", least)]
            .map(|(effort, count)| ([("effort", effort)], count)),
    )?;
    shadows(scrape, &metrics.comparisons())?;
    reference(scrape, metrics)
}

fn shadows(scrape: &mut Scrape<'_>, comparisons: &[Comparison]) -> Result {
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
        recent
            .iter()
            .map(|(label, recent)| (*label, recent.difference)),
    )?;
    scrape.gauges(
        "tillwatch_shadow_stability_index",
        "Population stability index of the shadow's scores against the champion's over the last rows",
        None,
        recent
            .iter()
            .map(|(label, recent)| (*label, recent.stability)),
    )
}

/// Samples only where there is reference data.
fn reference(scrape: &mut Scrape<'_>, metrics: &Metrics) -> Result {
    let status = metrics.reference();
    let status = status.as_ref();
    let changes = status.map(|status| [("taken", status.taken), ("refused", status.refused)]);
    scrape.counters(
        "tillwatch_registry_reloads",
        "Changes of the reference table's file, by what became of them",
        changes
            .into_iter()
            .flatten()
            .map(|(outcome, count)| ([("outcome", outcome)], count)),
    )?;
    scrape.optional(
        "tillwatch_registry_rows",
        "Rows of the active reference table",
        None,
        status.map(|status| status.rows as f64),
    )?;
    let help = "Active reference table";
    let info = status.map(|status| ([("version", status.version.as_str())], 1.0));
    scrape.gauges("tillwatch_registry_info", help, None, info)
}
