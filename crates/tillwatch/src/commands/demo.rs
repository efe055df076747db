//! `tillwatch demo`: an embedded broker and a simulated fleet around the real pipeline.

mod defaults;
mod feed;
mod observer;
mod summary;
mod view;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tillwatch_consumer::{ConsumerSettings, Monitor, Properties, StopToken};
use tillwatch_simulator::broker::{CONSUMER_PROPERTIES, EmbeddedBroker};
use tillwatch_simulator::{FieldSet, Fleet, SimulatorSettings};
use tillwatch_sink::{FanOut, Sink, SinkKind, SinkSettings, SinksSettings, Surroundings, Topics};

use crate::cli::DemoArgs;
use crate::clock;
use crate::config::LogSettings;
use crate::exit;
use crate::log;
use crate::serve::metrics::Metrics;
use crate::serve::pipeline::{Ended, LanePace, Pipeline};
use crate::serve::signals::SignalWatch;
use crate::setup::Setup;
use feed::Feed;
use observer::Observer;
use summary::Summary;
use view::View;

/// Partitions of the input topic, hence lanes: twice the cores of a small machine.
const PARTITIONS: i32 = 4;

const TOPIC: &str = "transactions";

/// How long the last records may take to come through.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// How long joining the consumer group may take before records are sent all the same.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the demonstration.
pub fn demo(args: &DemoArgs, signals: &SignalWatch) -> Result<ExitCode> {
    let started = clock::now();
    let log = LogSettings {
        // Records are broken on purpose; saying so would get into the view.
        level: "error".into(),
        ..LogSettings::default()
    };
    log::install(&log, &[]);
    let topics = Topics::default();
    let broker = EmbeddedBroker::start(&[
        (TOPIC, PARTITIONS),
        (&topics.scores, PARTITIONS),
        (&topics.alerts, 1),
        (&topics.dead_letters, 1),
    ])?;
    let observer = Arc::new(Observer::new(started));
    let pipeline = pipeline(&broker, &observer)?;
    let (metrics, monitor) = (pipeline.metrics(), pipeline.monitor());

    let stop_feed = Arc::new(AtomicBool::new(false));
    let interrupted = Arc::clone(&stop_feed);
    signals.on_stop(move || interrupted.store(true, Ordering::Relaxed));
    let stop = StopToken::new();
    let runner = {
        let stop = stop.clone();
        std::thread::Builder::new()
            .name("pipeline".into())
            .spawn(move || pipeline.run(&stop))
            .context("cannot start the pipeline's thread")?
    };
    let fleet = Fleet::new(&SimulatorSettings {
        seed: args.seed,
        fields: FieldSet::Full,
        ..SimulatorSettings::default()
    })?;
    wait_for_partitions(&monitor, &runner);
    let plan = feed::Plan {
        brokers: broker.bootstrap().to_owned(),
        topic: TOPIC,
        partitions: PARTITIONS,
        rate: args.rate,
        duration: args.duration.as_std(),
        truth: args.truth.clone(),
    };
    let feed = Feed::start(fleet, plan, monitor, Arc::clone(&stop_feed))?;
    watch(
        &mut View::new(args, started),
        &metrics,
        &feed,
        &observer,
        &runner,
    );
    stop_feed.store(true, Ordering::Relaxed);
    let fed = feed.join();
    stop.stop();
    let ended = runner
        .join()
        .map_err(|_| anyhow::anyhow!("the pipeline's thread panicked"))??;
    let summary = Summary::new(args, &fed?, &metrics, &observer, started.elapsed());
    summary.print(args.json)?;
    let whole = ended == Ended::Drained && summary.nothing_lost();
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(exit::FAILED)
    })
}

/// The pipeline that `run` would make of the shipped catalog and models, with an observer beside the
/// Kafka sink.
fn pipeline(broker: &EmbeddedBroker, observer: &Arc<Observer>) -> Result<Pipeline> {
    let config = defaults::config(broker.bootstrap())?;
    let surroundings = Surroundings {
        properties: config.kafka.clone(),
        transactional_id: None,
        clock: Some(Arc::new(clock::unix_ms)),
    };
    let kafka = SinksSettings(vec![SinkSettings::new(SinkKind::Kafka)]);
    let kafka = tillwatch_sink::open(&kafka, &surroundings)?;
    let observer: Arc<dyn Sink> = Arc::<Observer>::clone(observer);
    let sink: Arc<dyn Sink> = Arc::new(FanOut::new(vec![kafka, observer]));
    let address = [("bootstrap.servers", broker.bootstrap())];
    let properties = Properties::of(address.into_iter().chain(CONSUMER_PROPERTIES));
    let consumer = ConsumerSettings::new(vec![TOPIC.into()], "tillwatch-demo", properties);
    let setup = Setup::with(
        &config,
        |path| Ok(defaults::catalog(path)),
        defaults::models(),
        None,
    )?;
    let pace = LanePace {
        threads: config.threads,
        deadline: None,
    };
    Pipeline::new(&consumer, setup, sink, &pace, None)
}

/// Shows how things are until everything that was sent came through, or the pipeline failed.
fn watch(
    view: &mut View,
    metrics: &Metrics,
    feed: &Feed,
    observer: &Observer,
    runner: &JoinHandle<Result<Ended>>,
) {
    let mut sent_all = None;
    while !runner.is_finished() {
        clock::wait(view.interval());
        view.show(metrics, feed, observer);
        if feed.is_finished() {
            let since = *sent_all.get_or_insert_with(clock::now);
            if metrics.settled() >= feed.sent() || since.elapsed() > DRAIN_TIMEOUT {
                break;
            }
        }
    }
    view.clear();
}

/// Waits until the pipeline reads: records that were sent before would show how long joining a group
/// takes, not how fast scoring is.
fn wait_for_partitions(monitor: &Monitor, runner: &JoinHandle<Result<Ended>>) {
    let started = clock::now();
    while monitor.stats().partitions.len() < PARTITIONS as usize
        && !runner.is_finished()
        && started.elapsed() < JOIN_TIMEOUT
    {
        clock::wait(Duration::from_millis(5));
    }
}
