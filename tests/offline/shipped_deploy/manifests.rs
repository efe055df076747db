//! Manifests, unit, images and their configuration: what they say of the program is so.

use std::process::Output;

use serde_json::{Value, json};
use tillwatch_consumer::{ConsumerSettings, Properties};

use super::{RULES, files, list, text, yaml};
use crate::support::tillwatch;
use crate::{read, root};

const STATEFUL_SET: &str = "deploy/kubernetes/base/statefulset.yaml";
const CONFIG: &str = "deploy/kubernetes/base/tillwatch.toml";
const UNIT: &str = "deploy/systemd/tillwatch.service";
const POD: &str = "/spec/template/spec";
const CONTAINER: &str = "/spec/template/spec/containers/0";

/// What a stop may take after the drain: 2 s to flush, 4 s to leave the group, and the rest of an end.
const AFTER_DRAIN_SECONDS: i64 = 10;

/// The value of a key of the unit's; fails the test unless it is there once.
fn of_unit(key: &str) -> String {
    let unit = read(&root().join(UNIT));
    let mut values = unit
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let value = values
        .next()
        .unwrap_or_else(|| panic!("{UNIT} has no {key}"));
    assert_eq!(values.next(), None, "{UNIT} has {key} twice");
    value.to_owned()
}

fn seconds(text: &str) -> i64 {
    let number = text.strip_suffix('s').unwrap_or(text);
    number
        .parse()
        .unwrap_or_else(|_| panic!("`{text}` is no number of seconds"))
}

#[test]
fn whoever_stops_it_waits_for_the_drain() {
    let drain = ConsumerSettings::new(Vec::new(), "", Properties::default()).drain_timeout;
    for path in [CONFIG, "examples/docker/tillwatch.toml"] {
        let config: toml::Table = read(&root().join(path)).parse().expect("it is TOML");
        let changed = config["consumer"].get("drain_timeout");
        assert_eq!(changed, None, "{path} changes what is compared here");
    }
    let least = drain.as_ms() / 1000 + AFTER_DRAIN_SECONDS;
    let pods = yaml(STATEFUL_SET);
    let grace = &pods.pointer(POD).expect("a pod")["terminationGracePeriodSeconds"];
    assert!(grace.as_i64() >= Some(least), "{grace}");
    let unit = of_unit("TimeoutStopSec");
    assert!(seconds(&unit) >= least, "{unit}");
    let compose = yaml("docker-compose.yml");
    let service = text(&compose, "/services/tillwatch/stop_grace_period");
    assert!(seconds(service) >= least, "{service}");
}

#[test]
fn a_pod_can_do_no_more_than_it_must() {
    let set = yaml(STATEFUL_SET);
    let pod = set.pointer(POD).expect("a pod");
    let container = set.pointer(CONTAINER).expect("a container");
    assert_eq!(list(&set, "/spec/template/spec/containers").len(), 1);
    let user = json!({
        "runAsNonRoot": true, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    assert_eq!(pod["securityContext"], user);
    let rights = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "privileged": false,
        "capabilities": { "drop": ["ALL"] },
    });
    assert_eq!(container["securityContext"], rights);
    for owner in [pod, &yaml("deploy/kubernetes/base/serviceaccount.yaml")] {
        assert_eq!(owner["automountServiceAccountToken"], json!(false));
    }
    let dockerfile = read(&root().join("Dockerfile"));
    assert!(dockerfile.contains("\nUSER 10001:10001\n"), "another user");
    let policy = yaml("deploy/kubernetes/base/networkpolicy.yaml");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress"]));
}

/// The configuration lies where nothing can be written; state goes to a place that outlives the process.
#[test]
fn state_goes_to_a_volume() {
    let mounts = list(&yaml(STATEFUL_SET), &format!("{CONTAINER}/volumeMounts")).to_vec();
    let claims = list(&yaml(STATEFUL_SET), "/spec/volumeClaimTemplates").to_vec();
    let name = text(&claims[0], "/metadata/name");
    let mount = mounts.iter().find(|mount| mount["name"] == name);
    let mount = text(mount.expect("the volume is mounted"), "/mountPath").to_owned();
    let store = |path: &str| {
        let config: toml::Table = read(&root().join(path)).parse().expect("it is TOML");
        config["state"]["store"]
            .as_str()
            .expect("a directory")
            .to_owned()
    };
    assert!(store(CONFIG).starts_with(&format!("{mount}/")), "{mount}");
    let compose = yaml("docker-compose.yml");
    let volumes = list(&compose, "/services/tillwatch/volumes");
    let place = store("examples/docker/tillwatch.toml");
    let is_within = |volume: &Value| {
        let (_, at) = volume
            .as_str()
            .unwrap_or_default()
            .split_once(':')
            .unwrap_or_default();
        !at.ends_with(":ro") && place.starts_with(&format!("{at}/"))
    };
    assert!(volumes.iter().any(is_within), "{place}");
    let of_unit = of_unit("Environment");
    let unit = of_unit
        .strip_prefix("TILLWATCH__STATE__STORE=")
        .unwrap_or_default();
    assert!(unit.starts_with("/var/lib/tillwatch/"), "{unit}");
}

#[test]
fn every_selector_finds_the_pods() {
    let set = yaml(STATEFUL_SET);
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    let base = "deploy/kubernetes/base";
    for (path, at) in [
        (STATEFUL_SET.to_owned(), "/spec/selector/matchLabels"),
        (format!("{base}/service.yaml"), "/spec/selector"),
        (
            format!("{base}/poddisruptionbudget.yaml"),
            "/spec/selector/matchLabels",
        ),
        (
            format!("{base}/networkpolicy.yaml"),
            "/spec/podSelector/matchLabels",
        ),
        (
            "deploy/kubernetes/prometheus-operator/podmonitor.yaml".to_owned(),
            "/spec/selector/matchLabels",
        ),
    ] {
        assert_eq!(yaml(&path).pointer(at), Some(labels), "{path}");
    }
    let service = yaml(&format!("{base}/service.yaml"));
    assert_eq!(set["spec"]["serviceName"], service["metadata"]["name"]);
}

#[test]
fn probes_ask_what_they_are_for() {
    let set = yaml(STATEFUL_SET);
    let container = set.pointer(CONTAINER).expect("a container");
    let listen: toml::Table = read(&root().join(CONFIG)).parse().expect("it is TOML");
    let listen = listen["http"]["listen"].as_str().expect("an address");
    let port = text(container, "/ports/0/name");
    let number = container["ports"][0]["containerPort"].to_string();
    assert!(listen.ends_with(&format!(":{number}")), "{listen}");
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        let asked = &container[probe]["httpGet"];
        assert_eq!(*asked, json!({ "path": path, "port": port }), "{probe}");
    }
}

#[test]
fn limits_of_memory_are_those_that_the_alert_knows() {
    let set = yaml(STATEFUL_SET);
    let limit = text(&set, &format!("{CONTAINER}/resources/limits/memory"));
    assert_eq!(limit, "3Gi");
    assert_eq!(of_unit("MemoryMax"), "3G");
    let rules = read(&root().join(RULES));
    assert!(
        rules.contains("process_resident_memory_bytes{job=~\"tillwatch.*\"} > 0.9 * 3 * 1024 ^ 3")
    );
    // Twelve partitions on the two pods that are left of three.
    let config: toml::Table = read(&root().join(CONFIG)).parse().expect("it is TOML");
    assert_eq!(config["state"]["max_bytes"].as_str(), Some("256MiB"));
    let state_mib = 12 / 2 * 256 * 3 / 2;
    assert!(state_mib + 512 <= 3 * 1024, "{state_mib} MiB of state");
}

#[test]
fn the_unit_restarts_what_can_be_helped_and_nothing_else() {
    assert_eq!(of_unit("Restart"), "on-failure");
    // Wrong command line, wrong configuration: as `tillwatch --help` lists them.
    assert_eq!(of_unit("RestartPreventExitStatus"), "2 3");
    let help = tillwatch().arg("--help").output().expect("the binary runs");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.contains("2  wrong command line") && help.contains("3  wrong configuration"));
    for (key, value) in [
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("KillSignal", "SIGTERM"),
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("CapabilityBoundingSet", ""),
    ] {
        assert_eq!(of_unit(key), value, "{key}");
    }
}

/// Runs `check --offline` on a configuration of an image, with variables of the environment.
fn check_with(path: &str, variables: &[(String, String)]) -> Output {
    let models = root().join("models");
    let text = read(&root().join(path));
    let text = text.replace("/usr/share/tillwatch/models", &models.to_string_lossy());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = directory.path().join("tillwatch.toml");
    std::fs::write(&config, text).expect("it can be written");
    let mut command = tillwatch();
    command.args(["check", "--offline", "--config"]).arg(config);
    command.envs(variables.iter().cloned());
    command.output().expect("the binary runs")
}

#[test]
fn every_variable_of_the_environment_is_taken() {
    let set = yaml(STATEFUL_SET);
    let of_pod = list(&set, &format!("{CONTAINER}/env")).iter();
    let mut variables: Vec<(String, String)> = of_pod
        .map(|variable| (text(variable, "/name").to_owned(), "tillwatch-0".to_owned()))
        .collect();
    // The manifest's comment shows how to make the secret.
    for line in read(&root().join(STATEFUL_SET)).lines() {
        if let Some((_, pair)) = line.split_once("--from-literal=") {
            variables.push(pair_of(pair.trim_end_matches(" \\")));
        }
    }
    let example = read(&root().join("deploy/systemd/tillwatch.env.example"));
    let lines = example.lines().filter(|line| !line.starts_with('#'));
    variables.extend(lines.map(pair_of));
    assert!(variables.len() >= 10, "only {variables:?}");
    let checked = check_with(CONFIG, &variables);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}");
    // A variable that is not taken would be one that no key fits.
    let strange = [("TILLWATCH__KAFKA__SASL_PASSWORT".to_owned(), String::new())];
    assert!(!check_with(CONFIG, &strange).status.success());
}

fn pair_of(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').expect("a name and a value");
    (name.to_owned(), value.trim_matches('\'').to_owned())
}

#[test]
fn every_image_is_named_by_its_digest() {
    let mut images = Vec::new();
    for line in read(&root().join("Dockerfile")).lines() {
        let image = line
            .strip_prefix("FROM ")
            .and_then(|line| line.split(' ').next());
        images.extend(image.map(str::to_owned));
    }
    let compose = yaml("docker-compose.yml");
    let services = compose["services"].as_object().expect("services");
    let named = services
        .values()
        .filter_map(|service| service["image"].as_str());
    images.extend(named.map(str::to_owned));
    images.push(text(&yaml(STATEFUL_SET), &format!("{CONTAINER}/image")).to_owned());
    assert!(images.len() >= 6, "only {images:?}");
    let version = env!("CARGO_PKG_VERSION");
    for image in images {
        // What is built here has no digest before it is built.
        if image == "tillwatch:local" || image == format!("tillwatch:{version}") {
            continue;
        }
        let digest = image
            .split_once("@sha256:")
            .map_or("", |(_, digest)| digest);
        let is_digest = digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit());
        assert!(is_digest, "{image}");
        let tag = image.split_once('@').map_or("", |(name, _)| name);
        assert!(tag.contains(':') && !tag.ends_with(":latest"), "{image}");
    }
}

#[test]
fn checks_of_health_run_what_is_in_the_image() {
    let compose = yaml("docker-compose.yml");
    let asked = &compose["services"]["tillwatch"]["healthcheck"]["test"];
    assert_eq!(*asked, json!(["CMD", "/usr/local/bin/tillwatch", "health"]));
    let dockerfile = read(&root().join("Dockerfile"));
    let check = dockerfile
        .split_once("\nHEALTHCHECK")
        .map_or("", |(_, rest)| rest);
    let command = check.split_once("CMD ").map_or("", |(_, rest)| rest);
    let command: Value = serde_json::from_str(command.lines().next().unwrap_or_default())
        .expect("a command in exec form");
    assert_eq!(
        command,
        json!(["/usr/local/bin/tillwatch", "health", "--live"])
    );
}

#[test]
fn no_secret_is_shipped() {
    for path in files("deploy") {
        let text = read(&root().join(&path));
        for line in text.lines().filter(|line| line.contains("PASSWORD=")) {
            let value = line.split_once("PASSWORD=").map_or("", |(_, value)| value);
            let is_example =
                value == "'put the password here'" || value.starts_with("password.txt");
            assert!(is_example, "{path}: {line}");
        }
    }
}
