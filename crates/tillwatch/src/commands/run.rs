//! `tillwatch run`: scores topics until told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tillwatch_consumer::StopToken;
use tillwatch_sink::Surroundings;

use crate::cli::RunArgs;
use crate::clock;
use crate::config::Config;
use crate::exit;
use crate::lineup::AuditLog;
use crate::log;
use crate::serve::health::Health;
use crate::serve::http::HttpServer;
use crate::serve::metrics::Metrics;
use crate::serve::pipeline::{Ended, LanePace, Pipeline};
use crate::serve::signals::SignalWatch;
use crate::setup::Setup;

/// Runs one stage of the configuration at `args.config`.
pub fn run(args: &RunArgs) -> Result<ExitCode> {
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
    let audit = AuditLog::open(config.models.audit.as_deref()).map_err(|error| {
        exit::misconfigured(format!("[models] audit: cannot write it: {error}"))
    })?;
    let setup = Setup::load_to_follow(&config, Arc::new(audit))?;
    let surroundings = Surroundings {
        properties: config.kafka.clone(),
        clock: Some(Arc::new(clock::unix_ms)),
    };
    let sink = tillwatch_sink::open(sinks, &surroundings).map_err(exit::misconfigured)?;
    let pace = LanePace {
        threads: config.threads,
        deadline: config.deadline,
    };
    let pipeline = Pipeline::new(consumer, setup, sink, &pace).map_err(exit::misconfigured)?;
    let models = pipeline.bell();
    let metrics = pipeline.metrics();
    let health = Arc::new(Health::new(pipeline.monitor()));
    let _http = serve(config.http, &metrics, &health)?;
    let stop = StopToken::new();
    let stopping = {
        let (stop, health) = (stop.clone(), Arc::clone(&health));
        move || {
            health.set_stopping();
            stop.stop();
        }
    };
    let _signals = SignalWatch::start_with_reload(stopping, move || {
        if let Some(models) = &models {
            models.ring();
        }
    })
    .context("cannot watch for signals")?;
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

/// Serves what is seen of the process from outside, where that is wanted.
fn serve(
    address: Option<SocketAddr>,
    metrics: &Arc<Metrics>,
    health: &Arc<Health>,
) -> Result<Option<HttpServer>> {
    let Some(address) = address else {
        return Ok(None);
    };
    let server = HttpServer::start(address, Arc::clone(metrics), Arc::clone(health))
        .with_context(|| format!("cannot listen on {address}; change [http] listen"))?;
    if let Some(address) = server.address() {
        tracing::info!(%address, "serving /metrics, /healthz and /readyz");
    }
    Ok(Some(server))
}
