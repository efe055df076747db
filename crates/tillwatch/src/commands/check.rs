//! `tillwatch check`: each problem with its fix, before anything runs.

use std::process::ExitCode;

use tillwatch_engine::{Assembly, StagePlan};
use tillwatch_feature_extraction::Rates;
use tillwatch_records::units::DurationMs;
use tillwatch_sink::{Output, Surroundings};

use crate::cli::CheckArgs;
use crate::config::Config;
use crate::exit;
use crate::setup::Setup;

/// Checks configuration, catalog and models, and unless told otherwise the topics.
pub fn check(args: &CheckArgs) -> ExitCode {
    let mut report = Report::default();
    if let Some(config) = report.look("configuration", Config::load(&args.config.config)) {
        for notice in &config.notices {
            report.notice(notice);
        }
        let setup = report.look("catalog and models", Setup::load(&config));
        if let Some(setup) = &setup {
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
                    report.fine(&room(&config, stage, *per_day));
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
            report_own_columns(&config, assembly, &report);
            report.fine(&format!(
                "models {}, catalog {}",
                assembly.versions().model,
                assembly.versions().catalog
            ));
        }
        check_input(&config, args, &mut report);
        check_outputs(&config, args, &mut report);
        if let Some(setup) = setup.filter(|_| args.explain_plan) {
            explain(&setup.assembly);
        }
    }
    report.end()
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

/// What each stage keeps and does, one part a line.
fn explain(assembly: &Assembly) {
    for stage in assembly.stages() {
        let key: Vec<&str> = stage.key.columns().iter().map(|c| c.name()).collect();
        println!("\nstage {}, per {}", stage.name, key.join(", "));
        print!("{}", stage.plan.explain());
    }
}

fn check_input(config: &Config, args: &CheckArgs, report: &mut Report) {
    let Some(consumer) = &config.consumer else {
        report.fine("no [consumer]: `score` will work, `run` will not");
        return;
    };
    if report.look("[consumer]", consumer.validate()).is_none() || args.offline {
        return;
    }
    let timeout = args.timeout.as_std();
    let probed = tillwatch_consumer::probe(&consumer.properties, &consumer.topics, timeout);
    for topic in report.look("broker", probed).unwrap_or_default() {
        match (topic.partitions, topic.problem) {
            (_, Some(problem)) => report.wrong(&format!("topic {}: {problem}", topic.name)),
            (None, None) => report.wrong(&format!(
                "topic {} does not exist; create it, with as many partitions as lanes that should \
                 run in parallel",
                topic.name
            )),
            (Some(_), None) if topic.leaderless > 0 => report.wrong(&format!(
                "topic {}: {} partitions have no leader; look at the brokers",
                topic.name, topic.leaderless
            )),
            (Some(partitions), None) => {
                report.fine(&format!("topic {}: {partitions} partitions", topic.name));
            }
        }
    }
}

fn check_outputs(config: &Config, args: &CheckArgs, report: &mut Report) {
    let Some(sinks) = &config.sink else {
        report.fine("no [sink]: `score` will work, `run` will not");
        return;
    };
    for output in Output::all() {
        if !sinks.0.iter().any(|sink| sink.takes(output)) {
            report.fine(&format!(
                "no sink takes {}: they are made and dropped",
                output.as_str()
            ));
        }
    }
    if args.offline {
        return;
    }
    let surroundings = Surroundings {
        properties: config.kafka.clone(),
        clock: None,
    };
    let problems = tillwatch_sink::probe(sinks, &surroundings, args.timeout.as_std());
    if problems.is_empty() {
        report.fine("sink: everything can be written");
    }
    for problem in problems {
        report.wrong(&problem.to_string());
    }
}

/// Lines as they are found, and whether any was a problem.
#[derive(Default)]
struct Report {
    problems: usize,
}

impl Report {
    /// The value of a step, or a line about its problem.
    fn look<T, E: std::fmt::Display>(&mut self, step: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.fine(&format!("{step}: read"));
                Some(value)
            }
            Err(error) => {
                self.wrong(&error.to_string());
                None
            }
        }
    }

    fn fine(&self, line: &str) {
        println!("{} {line}", console::style("ok     ").green());
    }

    fn notice(&self, line: &str) {
        println!("{} {line}", console::style("notice ").yellow());
    }

    fn wrong(&mut self, line: &str) {
        self.problems += 1;
        println!("{} {line}", console::style("problem").red().bold());
    }

    fn end(self) -> ExitCode {
        match self.problems {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(exit::MISCONFIGURED),
        }
    }
}
