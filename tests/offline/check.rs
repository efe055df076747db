//! `check` tells what `run` would meet.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tillwatch_testkit::broker::Mock;

use crate::read;
use crate::support::{Instance, PATIENCE, SOON, Setup, succeed, tillwatch, wait_for};

/// A broker with every topic of `topic`'s set-up, and the set-up.
fn served(topic: &str) -> (Mock, Setup) {
    let names = Setup::new("", topic, 2).topics();
    let topics: Vec<(&str, i32)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mock = Mock::start(1, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), topic, 2);
    (mock, setup)
}

fn check(config: &Path, args: &[&str]) -> Output {
    checked(config, args).output().expect("it runs")
}

fn checked(config: &Path, args: &[&str]) -> Command {
    let mut command = tillwatch();
    command.arg("check").args(args).arg("--config").arg(config);
    command
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(&[&out[..], err].concat()).into_owned()
}

/// The configuration of `setup` with `from` replaced by `to`.
fn changed(setup: &Setup, name: &str, from: &str, to: &str) -> PathBuf {
    let path = setup.config(name, "");
    let text = read(&path);
    assert!(text.contains(from), "{from}");
    std::fs::write(&path, text.replacen(from, to, 1)).expect("it can be written");
    path
}

/// Runs until the end, which comes at once: nothing of this can start.
fn run(config: &Path) -> Output {
    let mut child = tillwatch()
        .arg("run")
        .arg("--config")
        .arg(config)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let started = Instant::now();
    while child.try_wait().expect("it can be waited for").is_none() {
        if started.elapsed() > PATIENCE {
            // Its output says why it runs.
            child.kill().expect("it can be killed");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().expect("it has ended")
}

#[test]
fn check_explains_the_plan_of_every_stage() {
    let checked = tillwatch()
        .args(["check", "--offline", "--explain-plan"])
        .args(["--transactions-per-day", "20,2000"])
        .args(["--config", "examples/handbook/tillwatch.toml"])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{said}");
    let count = |start: &str| said.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(count("stage "), 2, "{said}");
    assert!(count("row ") > 2 && count("window ") > 2, "{said}");
    assert!(said.lines().any(|line| line.starts_with("feature ")
        && line.contains("customer_id_avg_amount_7day_window")
        && line.contains("mean of amount_minor of transactions")));
    for rate in ["at 20 transactions per day", "at 2000 transactions per day"] {
        assert_eq!(said.matches(rate).count(), 2, "{said}");
    }
}

#[test]
fn check_names_an_absent_broker_in_time_and_passes_offline() {
    let setup = Setup::new("127.0.0.1:1", "absent", 1);
    let config = setup.config("tillwatch.toml", "");
    let started = Instant::now();
    let output = check(&config, &["--timeout", "1s"]);
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert_eq!(output.status.code(), Some(3));
    let said = said(&output);
    // Source and sink meet the same cause, which is said once.
    let causes: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("Connection refused"))
        .collect();
    assert_eq!(causes.len(), 1, "{said}");
    assert!(
        causes[0].contains("[consumer], [sink]: broker 127.0.0.1:1"),
        "{said}"
    );
    succeed(&mut checked(&config, &["--offline"]));
}

#[test]
fn what_check_passes_run_starts() {
    let (_mock, setup) = served("passes");
    let config = setup.config("tillwatch.toml", "");
    let output = succeed(&mut checked(&config, &[]));
    let said = said(&output);
    for words in [
        "topic passes: 2 partitions",
        "topic passes.scores: scores can be written",
        "topic passes.dead-letters: dead_letters can be written",
        "/metrics can be served on 127.0.0.1:0",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let instance = Instance::start(&config);
    instance.wait_until_ready();
    assert!(instance.stop().0.success());
}

/// What is wrong in a configuration of the topic `agree`: the words that are there, those that come in their
/// place, and what must be said of them.
const REFUSED: [(&str, &str, &str); 16] = [
    (
        CONSUMER,
        "\"group.protocol\" = \"consumer\"",
        "session.timeout.ms",
    ),
    (
        CONSUMER,
        "\"max.poll.interval.ms\" = 1000",
        "max.poll.interval.ms",
    ),
    (
        CONSUMER,
        "\"enable.auto.commit\" = true",
        "enable.auto.commit",
    ),
    (CONSUMER, "\"fetch.wait.max\" = 1", "fetch.wait.max.ms"),
    (
        CONSUMER,
        "\"security.protocol\" = \"sasl_ssl\"",
        "sasl.mechanism",
    ),
    (CONSUMER, "\"ssl.ca.location\" = \"/no/ca\"", "/no/ca"),
    (INPUT, "topics = [\"^agree\"]", "patterns"),
    (
        INPUT,
        "topics = [\"agree.scores\"]",
        "which [consumer] topics reads",
    ),
    (
        ALERTS,
        "alerts = \"agree.scores\"",
        "no reader can tell them apart",
    ),
    (ALERTS, "alerts = \"a b\"", "cannot be a topic name"),
    (SINK, "\"transactional.id\" = \"t\"", "transactional.id"),
    (SINK, "acks = 1", "acks"),
    (
        SINK,
        "\"queue.buffering.max.kbytes\" = 100",
        "queue.buffering.max.kbytes",
    ),
    (
        SINK,
        "\"delivery.report.only.error\" = true",
        "delivery.report.only.error",
    ),
    (SINK, "\"sasl.oauthbearer.method\" = \"oidc\"", "OIDC"),
    (
        "format = \"json\"",
        "level = \"tillwatch_sinc=debug\"",
        "`tillwatch_sink`?",
    ),
];

const CONSUMER: &str = "\"heartbeat.interval.ms\" = 500";
const INPUT: &str = "topics = [\"agree\"]";
const ALERTS: &str = "alerts = \"agree.alerts\"";
/// Properties of the sink follow it.
const SINK: &str = "kind = \"kafka\"\n";

#[test]
fn what_run_refuses_check_refuses_with_the_same_words() {
    let (_mock, setup) = served("agree");
    for (from, to, words) in REFUSED {
        let text = match from {
            SINK => format!("{SINK}properties = {{ {to} }}\n"),
            _ => to.to_owned(),
        };
        let config = changed(&setup, "wrong.toml", from, &text);
        let offline = check(&config, &["--offline"]);
        assert_eq!(offline.status.code(), Some(3), "{to}: {}", said(&offline));
        assert!(said(&offline).contains(words), "{to}: {}", said(&offline));
        let ran = run(&config);
        assert_eq!(ran.status.code(), Some(3), "{to}: {}", said(&ran));
        assert!(said(&ran).contains(words), "{to}: {}", said(&ran));
    }
}

/// The configuration itself does not tell: addresses differ, and the clusters' ids are the same.
#[test]
fn an_output_that_is_an_input_by_another_address_is_refused_by_both() {
    let (mock, setup) = served("around");
    let (_, port) = mock.brokers().rsplit_once(':').expect("host and port");
    let elsewhere =
        format!("{SINK}properties = {{ \"bootstrap.servers\" = \"localhost:{port}\" }}\n");
    let config = changed(&setup, "wrong.toml", SINK, &elsewhere);
    let text = read(&config).replace("scores = \"around.scores\"", "scores = \"around\"");
    std::fs::write(&config, text).expect("it can be written");
    succeed(&mut checked(&config, &["--offline"]));
    let words = "scores go to topic around, which is read from the same cluster";
    for ended in [check(&config, &[]), run(&config)] {
        assert_eq!(ended.status.code(), Some(3), "{}", said(&ended));
        assert!(said(&ended).contains(words), "{}", said(&ended));
    }
}

/// Whether an output comes in again is known when both clusters have answered, and not before.
#[test]
fn nothing_is_read_until_it_is_known_that_it_does_not_come_in_again() {
    let (_mock, setup) = served("around-silent");
    let silent = format!("{SINK}properties = {{ \"bootstrap.servers\" = \"127.0.0.1:1\" }}\n");
    let config = changed(&setup, "silent.toml", SINK, &silent);
    let (from, to) = ("\"around-silent.scores\"", "\"around-silent\"");
    let text = read(&config).replace(from, to);
    std::fs::write(&config, text).expect("it can be written");
    let instance = Instance::start(&config);
    wait_for("the reason", || {
        instance.log().contains("no record is read yet")
    });
    let (status, _) = instance.get("/readyz");
    assert_eq!(status, 503);
    assert!(instance.stop().0.success());
}

#[test]
fn what_both_clients_share_is_said_once() {
    let setup = Setup::new("127.0.0.1:1", "once", 1);
    let login = "[kafka]\n\"security.protocol\" = \"sasl_ssl\"\n\"sasl.mechanism\" = \"PLAIN\"\n";
    let config = changed(&setup, "wrong.toml", "[kafka]\n", login);
    let found = said(&check(&config, &["--offline"]));
    assert_eq!(
        found
            .matches("sasl.username and sasl.password must be set")
            .count(),
        1,
        "{found}"
    );
}

#[test]
fn what_the_machine_lacks_is_found_by_both() {
    let (_mock, setup) = served("machine");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let occupied = setup.directory.path().join("a-file");
    std::fs::write(&occupied, "").expect("it can be written");
    let files = format!(
        "kind = \"jsonl\"\nfile = {{ directory = \"{}\" }}\n",
        occupied.display()
    );
    let text = read(&setup.config("tillwatch.toml", ""));
    let topics = text
        .lines()
        .find(|line| line.starts_with("topics = {"))
        .expect("its topics");
    for (from, to, words) in [
        ("127.0.0.1:0", address.as_str(), address.as_str()),
        (
            "[sink]",
            "audit = \"/no/such/audit.jsonl\"\n[sink]",
            "audit",
        ),
        (&format!("kind = \"kafka\"\n{topics}\n"), &files, "a-file"),
    ] {
        let config = changed(&setup, "wrong.toml", from, to);
        let found = check(&config, &[]);
        assert_eq!(found.status.code(), Some(3), "{to}: {}", said(&found));
        assert!(said(&found).contains(words), "{to}: {}", said(&found));
        let ran = run(&config);
        assert!(!ran.status.success(), "{to}: {}", said(&ran));
        assert!(said(&ran).contains(words), "{to}: {}", said(&ran));
        // It is of this machine, not of the configuration.
        succeed(&mut checked(&config, &["--offline"]));
    }
}

#[test]
fn topics_that_are_missing_or_unequal_are_named() {
    let (mock, setup) = served("topics");
    let config = changed(
        &setup,
        "more.toml",
        "topics = [\"topics\"]",
        "topics = [\"topics\", \"more\"]",
    );
    let found = said(&check(&config, &[]));
    assert!(
        found.contains("topic more does not exist; create it"),
        "{found}"
    );
    mock.create_topic("more", 3).expect("it can be created");
    let found = said(&check(&config, &[]));
    assert!(found.contains("topics has 2, more has 3"), "{found}");
    let config = changed(&setup, "out.toml", "topics.alerts", "elsewhere");
    let found = said(&check(&config, &[]));
    assert!(
        found.contains("topic elsewhere does not exist; create it, or name"),
        "{found}"
    );
}

#[test]
fn one_stage_of_several_is_asked_for_as_run_does() {
    let example = Path::new("examples/handbook/tillwatch.toml");
    let found = said(&succeed(&mut checked(example, &["--offline"])));
    assert!(found.contains("--stage (terminal, customer)"), "{found}");
    let found = said(&succeed(&mut checked(
        example,
        &["--offline", "--stage", "terminal"],
    )));
    assert!(!found.contains("--stage ("), "{found}");
    let wrong = check(example, &["--offline", "--stage", "terminals"]);
    assert_eq!(wrong.status.code(), Some(3));
    assert!(
        said(&wrong).contains("did you mean `terminal`?"),
        "{}",
        said(&wrong)
    );
}

#[test]
fn the_environment_of_others_is_no_business_of_ours_and_no_password_is_shown() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let setup = Setup::new("127.0.0.1:1", "secret", 1);
    let config = setup.config("tillwatch.toml", "");
    let broken = OsStr::from_bytes(b"hunter\xff");
    succeed(
        checked(&config, &["--offline"])
            .env("LS_COLORS", broken)
            .env(broken, "x"),
    );
    let ours = checked(&config, &["--offline"])
        .env("TILLWATCH__KAFKA__SASL_PASSWORD", broken)
        .output()
        .expect("it runs");
    assert_eq!(ours.status.code(), Some(3));
    assert!(
        said(&ours).contains("TILLWATCH__KAFKA__SASL_PASSWORD is not UTF-8"),
        "{}",
        said(&ours)
    );
    assert!(!said(&ours).contains("hunter"), "{}", said(&ours));
    let line = "\"session.timeout.ms\" = 6000";
    for secret in [
        "\"sasl.password\" = hunter2",
        "\"sasl.password\" = [\"hunter2\"]",
    ] {
        let config = changed(&setup, "wrong.toml", line, secret);
        for output in [check(&config, &["--offline"]), run(&config)] {
            assert_eq!(output.status.code(), Some(3));
            assert!(!said(&output).contains("hunter2"), "{}", said(&output));
        }
    }
}
