//! `tillwatch run`: scores topics until told to stop.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tillwatch_consumer::StopToken;
use tillwatch_sink::Surroundings;

use crate::cli::RunArgs;
use crate::clock;
use crate::config::{Config, transactional_id};
use crate::exit;
use crate::lineup::AuditLog;
use crate::log;
use crate::rounds;
use crate::serve::health::Health;
use crate::serve::http::{BoundAddress, HttpServer, Pages};
use crate::serve::metrics::Metrics;
use crate::serve::pipeline::{Ended, LanePace, Pipeline};
use crate::serve::signals::SignalWatch;
use crate::setup::Setup;
use crate::store;
use crate::watch::Bell;

/// Runs one stage of the configuration at `args.config`, in a process that started at `started_ms` (since
/// 1970).
pub fn run(args: &RunArgs, signals: &SignalWatch, started_ms: i64) -> Result<ExitCode> {
    signals.will_serve();
    let mut config = Config::load(&args.config.config)?;
    log::install(&config.log, &config.notices);
    // Re-keying between topics is not done here, so the stages after this one have no input.
    config.stages = config
        .stages
        .alone(args.stage.as_deref())
        .map_err(exit::misconfigured)?;
    let consumer = config.consumer.as_ref().context(exit::Misconfigured(
        "there is no [consumer] table; name topics and group there".into(),
    ))?;
    let sinks = config.sink.as_ref().context(exit::Misconfigured(
        "there is no [sink] table; write for example [sink] kind = \"kafka\"".into(),
    ))?;
    // Before models are loaded, which takes its time where they are large.
    let bound = config.http.map(bind).transpose()?;
    let audit = AuditLog::open(config.models.audit.as_deref()).map_err(|error| {
        exit::misconfigured(format!("[models] audit: cannot write it: {error}"))
    })?;
    let setup = Setup::load_to_follow(&config, Arc::new(audit))?;
    let surroundings = Surroundings {
        properties: config.kafka.clone(),
        transactional_id: Some(transactional_id(consumer, &config.kafka)),
        clock: Some(Arc::new(clock::unix_ms)),
    };
    let sink = tillwatch_sink::open(sinks, &surroundings).map_err(exit::misconfigured)?;
    let pace = LanePace {
        threads: config.threads,
        deadline: config.deadline,
    };
    let kept = config.store.map(|settings| {
        let store = store::open(&settings).map_err(exit::misconfigured)?;
        Ok::<_, anyhow::Error>((store, settings))
    });
    let pipeline = Pipeline::new(consumer, setup, Arc::clone(&sink), &pace, kept.transpose()?)?;
    let metrics = pipeline.metrics();
    metrics.set_started(started_ms);
    metrics.set_state_limit(config.engine.state.max_bytes.0);
    let health = Arc::new(Health::new(pipeline.monitor(), sink, pipeline.standings()));
    let http = bound.map(|bound| serve(bound, &metrics, &health));
    let _http = http.transpose()?;
    let stop = StopToken::new();
    listen(signals, &stop, &health, pipeline.bell());
    rounds::refuse(consumer, &sinks.0, &surroundings, &stop)?;
    tracing::info!(
        topics = consumer.topics.join(","),
        group = consumer.group,
        threads = config.threads,
        "reading"
    );
    let ended = pipeline.run(&stop)?;
    tracing::info!(
        scored = metrics.scored(),
        delivered = metrics.delivered(),
        dead_lettered = metrics.dead_lettered(),
        "stopped"
    );
    Ok(match ended {
        Ended::Drained => ExitCode::SUCCESS,
        Ended::NotDrained => ExitCode::from(exit::NOT_DRAINED),
    })
}

/// Takes the address that the process is seen at from outside.
fn bind(address: SocketAddr) -> Result<BoundAddress> {
    BoundAddress::bind(address).map_err(|error| {
        let said = format!("cannot listen on {address}: {error}; change [http] listen");
        match error.kind() {
            // Whoever has it may be about to end: another start may do.
            ErrorKind::AddrInUse => anyhow::anyhow!(said),
            _ => exit::misconfigured(said),
        }
    })
}

/// Serves what is seen of the process from outside.
fn serve(bound: BoundAddress, metrics: &Arc<Metrics>, health: &Arc<Health>) -> Result<HttpServer> {
    let pages = Pages::new(Arc::clone(metrics), Arc::clone(health));
    let server = HttpServer::start(bound, Arc::new(pages)).context("cannot serve /metrics")?;
    let address = server.address();
    tracing::info!(%address, "serving /metrics, /healthz and /readyz");
    Ok(server)
}

/// From here on a signal stops the run in order, or has the models' files looked at.
fn listen(signals: &SignalWatch, stop: &StopToken, health: &Arc<Health>, models: Option<Bell>) {
    let (stop, health) = (stop.clone(), Arc::clone(health));
    signals.on_stop(move || {
        health.set_stopping();
        stop.stop();
    });
    signals.on_reload(move || {
        if let Some(models) = &models {
            models.ring();
        }
    });
}
