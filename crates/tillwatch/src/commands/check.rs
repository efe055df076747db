//! `tillwatch check`: each problem with its fix, before anything runs. Everything that `run` does at
//! its start is done here or tried, so that `run` starts where this finds no problem.

mod access;
mod clusters;
mod connection;
mod limits;
mod machine;
mod plan;
mod report;
mod sample;
mod state;

use std::process::ExitCode;

use tillwatch_sink::{Output, Surroundings};

use crate::cli::CheckArgs;
use crate::config::{Config, transactional_id};
use crate::estimate::{Estimate, Extent};
use crate::exit;
use crate::setup::Setup;
use clusters::Clusters;
use report::Report;

/// Checks configuration, catalog, models and what the clients of Kafka are made of; unless told
/// otherwise also the brokers, the topics and this machine.
pub fn check(args: &CheckArgs) -> ExitCode {
    let mut report = Report::default();
    let loaded = report.look("configuration", Config::load(&args.config.config));
    let Some(config) = loaded.and_then(|config| of_stage(config, args, &mut report)) else {
        return report.end();
    };
    for notice in &config.notices {
        report.notice(notice);
    }
    if let Some(finding) = machine::log(std::env::var_os("RUST_LOG")) {
        report.say(&finding);
    }
    let setup = report.look("catalog and models", Setup::load(&config));
    if let Some(setup) = &setup {
        plan::report_setup(&config, setup, args, &report);
    }
    if let Some(name) = &args.sample {
        let answer_max = (!args.offline).then(|| args.timeout.as_std());
        sample::report(&config, name, answer_max, &mut report);
    }
    state::report(&config, &report);
    let clusters = clients(&config, &mut report);
    let mut extent = None;
    if !args.offline {
        machine::check(&config, &mut report);
        let assembly = setup.as_ref().map(|setup| &*setup.assembly);
        state::check(&config, assembly, &mut report);
        extent = clusters.ask(args.timeout.as_std(), &mut report);
    }
    if let Some(setup) = &setup {
        let estimate = Estimate::of(&config, &setup.assembly);
        report.fine(&estimate.words(extent.unwrap_or(Extent::ONE), config.threads as u64));
    }
    if let Some(setup) = setup.filter(|_| args.explain_plan) {
        plan::explain(&setup.assembly);
    }
    report.end()
}

/// `config` for the stage that is asked for, or for all of them.
fn of_stage(mut config: Config, args: &CheckArgs, report: &mut Report) -> Option<Config> {
    if args.stage.is_some() {
        let stages = config.stages.alone(args.stage.as_deref());
        config.stages = report.look("stage", stages.map_err(exit::misconfigured))?;
    } else if let Err(error) = config.stages.alone(None) {
        report.notice(&format!("`score` runs all stages; `run`: {error}"));
    }
    Some(config)
}

/// What `run` would read from and write to, after what it would refuse of that.
fn clients<'a>(config: &'a Config, report: &mut Report) -> Clusters<'a> {
    let consumer = config.consumer.as_ref();
    if consumer.is_none() {
        report.notice("no [consumer]: `score` works, `run` does not");
    }
    let consumer =
        consumer.filter(|consumer| report.look("[consumer]", consumer.validate()).is_some());
    let surroundings = Surroundings {
        properties: config.kafka.clone(),
        // Without [consumer] there is nothing to run.
        transactional_id: Some(consumer.map_or_else(String::new, |consumer| {
            transactional_id(consumer, &config.kafka)
        })),
        clock: None,
    };
    let Some(sinks) = &config.sink else {
        report.notice("no [sink]: `score` works, `run` does not");
        return Clusters::new(consumer, &[], surroundings);
    };
    for output in Output::all() {
        if !sinks.0.iter().any(|sink| sink.takes(output)) {
            report.fine(&format!(
                "no sink takes {}: they are made and dropped",
                output.as_str()
            ));
        }
    }
    let problems = tillwatch_sink::check(sinks, &surroundings);
    for problem in &problems {
        report.wrong(&problem.to_string());
    }
    // One that cannot be made cannot ask either.
    let sinks = if problems.is_empty() {
        &sinks.0[..]
    } else {
        &[]
    };
    Clusters::new(consumer, sinks, surroundings)
}
