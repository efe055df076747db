//! State that outlives the process, on a real Kafka.

use tillwatch_testkit::broker::RealBroker;

use crate::support::scores::{compare, config};
use crate::support::{Instance, wait_for};
use crate::{PARTITIONS, add_consumer_property, setup};

/// Cuts as often as is allowed, so that a test waits for none.
const OFTEN: &str = "[state]\ninterval = \"100ms\"\n";

/// Lanes of `instance` whose state came from `origin`.
fn restored(instance: &Instance, origin: &str) -> Option<f64> {
    instance.metric(&format!("tillwatch_restores_total{{origin=\"{origin}\"}}"))
}

fn wait_for_scores(instance: &Instance) {
    let is_above = |metric: &str, least: f64| instance.metric(metric).is_some_and(|n| n > least);
    wait_for("some scores and snapshots", || {
        is_above("tillwatch_delivered_scores_total", 500.0)
            && is_above("tillwatch_snapshot_cuts_total", f64::from(PARTITIONS) - 1.0)
            && is_above("tillwatch_consumer_commits_total", 0.0)
    });
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_planned_restart_replays_nothing_and_flags_nothing() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "planned");
    let config = config(&setup, "tillwatch.toml", "");
    setup.simulate(20_000, 1);
    let first = Instance::start(&config);
    setup.wait_until_scored();
    assert!(first.stop().0.success());
    setup.simulate(5_000, 2);
    let second = Instance::start(&config);
    setup.wait_until_scored();
    assert_eq!(restored(&second, "snapshot"), Some(f64::from(PARTITIONS)));
    let replayed = second.metric("tillwatch_restore_replayed_records_total");
    assert_eq!(replayed, Some(0.0));
    let warming = second.metric("tillwatch_flagged_scores_total{flag=\"WARMING\"}");
    assert_eq!(warming, Some(0.0));
    assert!(second.stop().0.success());
    compare(&setup);
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_process_that_is_killed_under_load_scores_what_an_uninterrupted_one_scores() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "killed");
    let config = config(&setup, "tillwatch.toml", OFTEN);
    // The group gives its partitions back at once.
    add_consumer_property(&config, "\"group.instance.id\" = \"a\"");
    for seed in 1..4 {
        let instance = Instance::start(&config);
        setup.simulate(8_000, seed);
        wait_for_scores(&instance);
        instance.kill();
    }
    let last = Instance::start(&config);
    setup.wait_until_scored();
    assert!(restored(&last, "snapshot") > Some(0.0), "{}", last.log());
    assert!(last.stop().0.success());
    compare(&setup);
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn an_outage_longer_than_the_session_forgets_nothing() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "dark");
    let config = config(&setup, "tillwatch.toml", "");
    setup.simulate(10_000, 1);
    let instance = Instance::start(&config);
    setup.wait_until_scored();
    broker.stop().expect("the broker stops");
    wait_for("the session to end", || {
        let lost = instance.log().matches("partition lost").count();
        lost >= PARTITIONS as usize
    });
    broker.resume().expect("the broker comes back");
    setup.simulate(10_000, 2);
    setup.wait_until_scored();
    let warming = instance.metric("tillwatch_flagged_scores_total{flag=\"WARMING\"}");
    assert_eq!(warming, Some(0.0), "{}", instance.log());
    assert_eq!(restored(&instance, "kept"), Some(f64::from(PARTITIONS)));
    assert!(instance.stop().0.success());
    compare(&setup);
}
