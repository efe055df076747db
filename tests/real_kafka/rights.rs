//! Rights that are withdrawn from an instance that runs, and given back.

use tillwatch_testkit::broker::RealBroker;

use crate::check::guarded;
use crate::setup;
use crate::support::{Instance, score_ids, wait_for};

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn rights_that_are_withdrawn_and_given_back_cost_no_record() {
    let broker = RealBroker::start_guarded().expect("a broker");
    let setup = setup(&broker, "taken");
    let inputs = ["--topic=taken", "--group=taken-group"];
    let (scores, others) = (
        ["--topic=taken.scores"],
        ["--topic=taken.alerts", "--topic=taken.dead-letters"],
    );
    let outputs = [&scores[..], &others].concat();
    broker.grant(&["Read"], &inputs).expect("it is granted");
    broker
        .grant(&["Write", "Describe"], &outputs)
        .expect("it is granted");
    let config = guarded(&broker, &setup, "tillwatch.toml", "tillwatch-test");
    let first = Instance::start(&config);
    setup.simulate(2_000, 1);
    setup.wait_until_scored();

    // Scores wait for the right to write them, and so do their offsets.
    broker.withdraw(&["Write"], &scores).expect("it is taken");
    setup.simulate(2_000, 2);
    wait_for("the trouble to be said", || {
        let log = first.log();
        log.contains("outputs wait") && log.contains("not_authorized")
    });
    wait_for("readiness to say so", || {
        let (status, why) = first.get("/readyz");
        status == 503 && why.contains("output")
    });
    assert_eq!(first.get("/healthz").0, 200, "no restart mends a right");
    broker.grant(&["Write"], &scores).expect("it is granted");
    setup.wait_until_scored();
    wait_for("the end of the trouble", || {
        first.log().contains("outputs are delivered again")
    });

    // Without the right to read the run ends and says why; the next one goes on.
    broker.withdraw(&["Read"], &inputs).expect("it is taken");
    setup.simulate(2_000, 3);
    let log = config.with_extension("log");
    assert_eq!(first.wait().code(), Some(1), "worth another start");
    let said = std::fs::read_to_string(log).expect("there is a log");
    assert!(said.contains("READ"), "{said}");
    broker.grant(&["Read"], &inputs).expect("it is granted");
    let second = Instance::start(&config);
    setup.wait_until_scored();
    assert!(second.stop().0.success());
    assert_eq!(score_ids(&setup.scores()).len(), 6_000);
}
