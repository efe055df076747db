//! How a process ends: by signals at any moment, and with which exit code.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tillwatch_testkit::broker::Mock;

use crate::support::{Instance, SOON, Setup, tillwatch, wait_for};

/// A configuration whose catalog is a pipe: reading it lasts until somebody writes to it.
fn config_that_loads_for_long(setup: &Setup) -> (PathBuf, PathBuf) {
    let pipe = setup.directory.path().join("catalog.toml");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe is made");
    let config = setup.config("tillwatch.toml", "");
    let text = std::fs::read_to_string(&config).expect("it was written");
    let lines = text.lines().map(|line| match line.starts_with("catalog") {
        true => format!("catalog = {pipe:?}"),
        false => line.to_owned(),
    });
    std::fs::write(&config, lines.collect::<Vec<_>>().join("\n")).expect("it can be written");
    (config, pipe)
}

/// Waits until somebody reads `pipe`, and keeps it open.
fn opened(pipe: &Path) -> std::fs::File {
    std::fs::File::create(pipe).expect("the pipe is read")
}

#[test]
fn a_signal_while_a_run_starts_ends_it_at_once() {
    let setup = Setup::new("127.0.0.1:1", "loading", 1);
    let (config, pipe) = config_that_loads_for_long(&setup);
    for name in ["TERM", "INT"] {
        let instance = Instance::start(&config);
        let held = opened(&pipe);
        instance.signal("HUP");
        instance.signal(name);
        let asked = Instant::now();
        let status = instance.wait();
        assert_eq!(
            status.code(),
            Some(0),
            "{name}: nothing was read, nothing is owed"
        );
        assert!(asked.elapsed() < SOON);
        drop(held);
    }
}

#[test]
fn a_signal_ends_other_commands_as_it_ends_any_program() {
    let setup = Setup::new("127.0.0.1:1", "scoring", 1);
    let (config, pipe) = config_that_loads_for_long(&setup);
    let mut child = tillwatch()
        .args([
            "score",
            "--input",
            "none.jsonl",
            "--output",
            "none.parquet",
            "--config",
        ])
        .arg(&config)
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let held = opened(&pipe);
    let sent = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
    let status = child.wait().expect("it ends");
    assert_eq!(status.signal(), Some(15), "{status}");
    drop(held);
}

/// The system has no default actions for the first process of a container.
#[test]
fn a_signal_is_heard_by_the_first_process_of_a_container() {
    let unshare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork"]).args(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    if !unshare(&["true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: this machine gives no new namespace");
        return;
    }
    let setup = Setup::new("127.0.0.1:1", "first", 1);
    let (config, pipe) = config_that_loads_for_long(&setup);
    let binary = env!("CARGO_BIN_EXE_tillwatch");
    let file = config.display().to_string();
    for (arguments, code) in [
        (vec![binary, "run", "--config", &file], 0),
        (
            vec![
                binary,
                "score",
                "--input",
                "x.jsonl",
                "--output",
                "x.parquet",
                "--config",
                &file,
            ],
            143,
        ),
    ] {
        let mut outside = unshare(&arguments).spawn().expect("it starts");
        let held = opened(&pipe);
        let children = format!("/proc/{0}/task/{0}/children", outside.id());
        let inside = std::fs::read_to_string(children).expect("the system says who is a child");
        let inside = inside.trim();
        let sent = Command::new("kill").args(["-TERM", inside]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{inside}");
        let asked = Instant::now();
        let status = outside.wait().expect("it ends");
        assert_eq!(status.code(), Some(code), "{arguments:?}");
        assert!(asked.elapsed() < SOON);
        drop(held);
    }
}

#[test]
fn a_port_in_use_is_worth_another_start_and_a_foreign_address_is_not() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("it has one");
    for (listen, code, said) in [
        (taken.to_string(), 1, "in use"),
        // An address for documentation, which no machine has (RFC 5737).
        ("192.0.2.1:9600".to_owned(), 3, "192.0.2.1:9600"),
    ] {
        let setup = Setup::new("127.0.0.1:1", "port", 1);
        let config = setup.config("tillwatch.toml", "");
        let text = std::fs::read_to_string(&config).expect("it was written");
        std::fs::write(&config, text.replace("127.0.0.1:0", &listen)).expect("it can be written");
        let ended = tillwatch()
            .args(["run", "--config"])
            .arg(&config)
            .output()
            .expect("it runs");
        let words = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{words}");
        assert!(
            words.contains(said) && words.contains("[http] listen"),
            "{words}"
        );
    }
}

/// Input on a cluster that answers, outputs on one that does not.
fn with_outputs_that_wait(topic: &str, extra: &str) -> (Mock, Setup, Instance) {
    let mock = Mock::start(1, &[(topic, 1)]).expect("a broker");
    let setup = Setup::new(mock.brokers(), topic, 1);
    let nobody = "[sink.properties]\n\"bootstrap.servers\" = \"127.0.0.1:1\"\n";
    let config = setup.config("tillwatch.toml", nobody);
    let text = std::fs::read_to_string(&config).expect("it was written");
    let text = text.replace(
        "[consumer.properties]",
        &format!("{extra}\n[consumer.properties]"),
    );
    std::fs::write(&config, text).expect("it can be written");
    let instance = Instance::start(&config);
    setup.simulate(200, 1);
    let waiting = format!("tillwatch_lane_unsettled_records{{topic=\"{topic}\",partition=\"0\"}}");
    wait_for("outputs that wait", || {
        instance
            .metric(&waiting)
            .is_some_and(|records| records > 0.0)
    });
    (mock, setup, instance)
}

#[test]
fn a_run_that_cannot_deliver_says_so_when_it_stops() {
    let (_mock, _setup, instance) = with_outputs_that_wait("undrained", "drain_timeout = \"1s\"");
    let (status, took) = instance.stop();
    assert_eq!(status.code(), Some(4), "{status}");
    assert!(took < SOON, "{took:?}");
}

#[test]
fn outputs_that_wait_are_told() {
    let (_mock, _setup, instance) = with_outputs_that_wait("waiting", "drain_timeout = \"1s\"");
    wait_for("the reason", || {
        let (status, why) = instance.get("/readyz");
        status == 503 && why.contains("output")
    });
    assert_eq!(
        instance.get("/healthz").0,
        200,
        "no restart mends a cluster"
    );
    assert_eq!(instance.metric("tillwatch_sink_up"), Some(0.0));
    assert_eq!(instance.metric("tillwatch_broker_up"), Some(1.0));
    assert_eq!(instance.stop().0.code(), Some(4));
}

#[test]
fn a_second_signal_ends_a_drain_at_once() {
    let (_mock, _setup, instance) = with_outputs_that_wait("impatient", "drain_timeout = \"100s\"");
    instance.signal("TERM");
    wait_for("the drain", || {
        instance.get("/readyz").1.contains("stopping")
    });
    assert_eq!(
        instance.get("/healthz").0,
        200,
        "a drain is no reason to be restarted"
    );
    let asked = Instant::now();
    instance.signal("TERM");
    assert_eq!(instance.wait().code(), Some(4));
    assert!(asked.elapsed() < SOON);
}

#[test]
fn models_that_vanish_leave_those_in_use() {
    let names = Setup::new("", "vanish", 1).topics();
    let topics: Vec<(&str, i32)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mock = Mock::start(1, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), "vanish", 1);
    let model = setup.directory.path().join("rules");
    std::fs::create_dir(&model).expect("a directory");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/terminal-rules");
    for entry in std::fs::read_dir(&shipped).expect("it is shipped") {
        let from = entry.expect("an entry").path();
        std::fs::copy(&from, model.join(from.file_name().unwrap_or_default())).expect("a copy");
    }
    let config = setup.config("tillwatch.toml", "");
    let text = std::fs::read_to_string(&config).expect("it was written");
    let text = text.replace(
        &format!("{}", shipped.display()),
        &format!("{}", model.display()),
    );
    std::fs::write(&config, text).expect("it can be written");
    let instance = Instance::start(&config);
    instance.wait_until_ready();
    std::fs::remove_dir_all(&model).expect("it vanishes");
    instance.signal("HUP");
    wait_for("the change to be refused", || {
        instance.metric("tillwatch_model_reloads_total{outcome=\"refused\"}") == Some(1.0)
    });
    setup.simulate(300, 1);
    setup.wait_until_scored();
    assert!(instance.stop().0.success());
}
