//! Catalogs and models: what they make of a record, and what they take.

use tillwatch_engine::{Assembly, StagePlan};
use tillwatch_feature_extraction::Rates;
use tillwatch_records::card_key::CardKey;
use tillwatch_records::units::DurationMs;

use super::report::Report;
use crate::cli::CheckArgs;
use crate::config::Config;
use crate::setup::Setup;

/// Says what the stages, the reference table and the models are.
pub fn report_setup(config: &Config, setup: &Setup, args: &CheckArgs, report: &Report) {
    let assembly = &setup.assembly;
    for stage in assembly.stages() {
        let key: Vec<&str> = stage.key.columns().iter().map(|c| c.name()).collect();
        report.fine(&format!(
            "{} features per {}, longest window {}",
            stage.plan.feature_names().count(),
            key.join(", "),
            DurationMs::from_ms(stage.plan.longest_window_ms())
        ));
        for per_day in &args.transactions_per_day {
            report.fine(&room(config, stage, *per_day));
        }
    }
    if let Some(reference) = &setup.reference {
        let table = reference.current();
        let schema = table.schema();
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        report.fine(&format!(
            "reference table {}: {} rows, version {}, columns {}",
            reference.settings().path.display(),
            table.len(),
            table.version(),
            names.join(", ")
        ));
    }
    let columns: Vec<&str> = assembly.columns().iter().map(|c| c.name()).collect();
    report.fine(&format!(
        "columns read from each record: {}",
        columns.join(", ")
    ));
    report_own_columns(config, assembly, report);
    report_card_numbers(config, report);
    report.fine(&format!(
        "models {}, catalog {}",
        assembly.versions().model,
        assembly.versions().catalog
    ));
}

/// What each stage keeps and does, one part a line.
pub fn explain(assembly: &Assembly) {
    for stage in assembly.stages() {
        let key: Vec<&str> = stage.key.columns().iter().map(|c| c.name()).collect();
        println!("\nstage {}, per {}", stage.name, key.join(", "));
        print!("{}", stage.plan.explain());
    }
}

/// The columns that the site has declared, with those that nothing names.
fn report_own_columns(config: &Config, assembly: &Assembly, report: &Report) {
    let read = assembly.own_columns();
    let names = config.decode.columns.keys();
    let names = names.map(|name| match read.iter().any(|own| own.name() == name) {
        true => name.clone(),
        false => format!("{name} (not read: no catalog or model names it)"),
    });
    let names: Vec<String> = names.collect();
    if !names.is_empty() {
        report.fine(&format!("columns of the site's own: {}", names.join(", ")));
    }
}

/// What becomes of card numbers, where that is not the default.
fn report_card_numbers(config: &Config, report: &Report) {
    if let Some(tokenise) = &config.decode.tokenise {
        let values = tokenise.keys.iter().map(CardKey::check_value);
        report.fine(&format!(
            "card numbers in `{}` become tokens; check values of the keys: {}",
            tokenise.field,
            values.collect::<Vec<_>>().join(", ")
        ));
    }
    if !config.decode.no_card_numbers_in.is_empty() {
        report.notice(&format!(
            "nobody looks for card numbers in {}",
            config.decode.no_card_numbers_in.join(", ")
        ));
    }
    if config.letter_mask.is_none() {
        report.notice("dead letters are raw: they may hold card numbers");
    }
}

/// What a key with so many transactions a day takes, and how many of them a lane keeps.
fn room(config: &Config, stage: &StagePlan, per_day: u32) -> String {
    let rates = Rates::of_terminal(f64::from(per_day));
    let estimate = stage.plan.estimate(&rates);
    let max_bytes = config.engine.state.max_bytes.0;
    format!(
        "about {:.0} bytes per key at {per_day} transactions per day: {} keys per partition in {} \
         MiB (state.max_bytes)",
        estimate.bytes_per_key,
        estimate.keys_in(max_bytes),
        max_bytes >> 20
    )
}
