use std::path::Path;
use std::time::Duration;

use tillwatch_records::KeySpec;

use super::*;

const SMALL: &str = r#"
[kafka]
"bootstrap.servers" = "localhost:9092"
"socket.keepalive.enable" = true

[features]
catalog = "features/card-present.toml"

[models]
champion = "terminal-rules"
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/tillwatch/tillwatch.toml"), [])
}

fn refusal(text: &str) -> String {
    parse(text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_small_file_is_enough() {
    let config = parse(SMALL).unwrap();
    assert_eq!(config.kafka.0["bootstrap.servers"], "localhost:9092");
    assert_eq!(config.kafka.0["socket.keepalive.enable"], "true");
    assert_eq!(
        config.stages.first().catalog,
        Path::new("/etc/tillwatch/features/card-present.toml")
    );
    let LineupPlace::Written(lineup) = &config.models.lineup else {
        panic!("the models are in the configuration");
    };
    assert_eq!(lineup.champion, Path::new("/etc/tillwatch/terminal-rules"));
    assert_eq!(config.models.reload, Some(Duration::from_secs(5)));
    assert_eq!(config.models.backtest_rows, 10_000);
    assert_eq!(config.deadline, None);
    assert_eq!(config.stages.first().key, KeySpec::terminal());
    assert_eq!(config.http, Some("127.0.0.1:9600".parse().unwrap()));
    assert!(config.consumer.is_none() && config.sink.is_none());
}

/// Every setting that names a file or directory, with a path from the configuration's own directory.
const PATHS: &str = r#"
[kafka]
"bootstrap.servers" = "localhost:9092"
"ssl.ca.location" = "here-1"
[consumer]
topics = ["t"]
group = "g"
properties = { "ssl.key.location" = "here-2" }
[[stage]]
name = "a"
key = ["terminal_id"]
catalog = "here-3"
[[stage]]
name = "b"
key = ["card_token"]
catalog = "here-4"
[reference]
path = "here-5"
[models]
champion = "here-6"
shadows = ["here-7"]
audit = "here-8"
[state]
store = "here-12"
[models.challenger]
model = "here-9"
share = 0.5
[[sink]]
kind = "parquet"
file = { directory = "here-10" }
[[sink]]
kind = "kafka"
properties = { "ssl.certificate.location" = "here-11" }
"#;

#[test]
fn every_path_starts_at_the_directory_of_the_configuration() {
    for text in [
        PATHS.to_owned(),
        SMALL.replace("features/card-present.toml", "here-1"),
        SMALL.replace("champion = \"terminal-rules\"", "lineup = \"here-1\""),
    ] {
        let shown = format!("{:?}", parse(&text).unwrap());
        let named = text.matches("here-").count();
        // The shared properties are the consumer's as well.
        let found = shown.matches("here-").count();
        assert!(found >= named, "{found} of {named}: {shown}");
        let placed = shown.matches("/etc/tillwatch/here-").count();
        assert_eq!(placed, found, "{shown}");
    }
}

/// What the example names with a path is what the test above knows of.
#[test]
fn the_example_names_no_other_paths() {
    let example = include_str!("../../../../examples/tillwatch.toml");
    let known = [
        "ssl.ca.location",
        "catalog",
        "path",
        "champion",
        "shadows",
        "lineup",
        "audit",
        "model",
        "directory",
    ];
    let mut found = 0;
    for line in example.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        let Some((key, value)) = line.split_once(" = ") else {
            continue;
        };
        let value = value.trim_start_matches('[').trim_start_matches('"');
        let file = value.split('"').next().unwrap_or_default();
        let is_path = file.starts_with("../") || file.starts_with('/') || has_extension(file);
        if is_path
            && key
                .chars()
                .all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_' | '"'))
        {
            let key = key.trim_matches('"');
            assert!(known.contains(&key), "add `{key}` to PATHS: {line}");
            found += 1;
        }
    }
    assert!(found >= known.len(), "{found}");
}

/// Whether `text` is a file's name rather than a topic's or a version.
fn has_extension(text: &str) -> bool {
    let extensions = [
        ".toml", ".csv", ".pem", ".jsonl", ".parquet", ".json", ".key",
    ];
    extensions.iter().any(|last| text.ends_with(last))
}

#[test]
fn models_are_named_in_one_place() {
    let models = |text: &str| SMALL.replace("champion = \"terminal-rules\"", text);
    let config = parse(&models("lineup = \"lineup.toml\"\nreload = \"off\"")).unwrap();
    let file = LineupPlace::File("/etc/tillwatch/lineup.toml".into());
    assert_eq!((config.models.lineup, config.models.reload), (file, None));
    for (text, words) in [
        ("reload = \"1s\"", "[models]: champion: name the directory"),
        ("champion = \"a\"\nlineup = \"b\"", "keep one of the two"),
        (
            "lineup = \"b\"\nshadows = [\"a\"]",
            "the file that `lineup` names",
        ),
        (
            "champion = \"a\"\nreload = \"soon\"",
            "reload: `soon` is no duration",
        ),
        (
            "champion = \"a\"\nbacktest_rows = 1000001",
            "is more than 1000000",
        ),
        (
            "champion = \"a\"\n[models.challenger]\nmodel = \"b\"\nshare = 1.5",
            "share 1.5 is not above 0 and at most 1",
        ),
        (
            "champion = \"a\"\n[lanes]\ndeadline = \"2m\"",
            "`2m` is not from 1ms to 1m",
        ),
    ] {
        let message = refusal(&models(text));
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    let message = refusal(&format!("{SMALL}\n[http]\nlisten_on = \"x\"\n"));
    assert!(message.contains("unknown field `listen_on`"), "{message}");
    assert!(message.ends_with("did you mean `listen`?"), "{message}");
}

#[test]
fn a_wrong_value_names_its_table_and_the_fix() {
    let message = refusal(&format!("{SMALL}\n[http]\nlisten = \"9600\"\n"));
    assert_eq!(
        message,
        "/etc/tillwatch/tillwatch.toml: [http] listen: `9600` is not an address; write \
         \"127.0.0.1:9600\" or \"off\""
    );
    let message = refusal(&format!("{SMALL}\n[entity]\nkey = [\"terminal\"]\n"));
    assert!(message.contains("did you mean `terminal_id`?"), "{message}");
    let message = refusal(&format!("{SMALL}\n[lanes]\nthreads = 0\n"));
    assert!(message.contains("0 is not from 1 to 1024"), "{message}");
}

#[test]
fn broken_toml_shows_the_line() {
    let message = refusal("[kafka\n");
    assert!(message.contains("line 1"), "{message}");
}

#[test]
fn no_error_shows_a_value_that_may_be_a_secret() {
    for text in [
        "[kafka]\n\"sasl.password\" = hunter2\n",
        "[kafka]\n\"sasl.password\" = [\"hunter2\"]\n",
        "[kafka]\nsasl.password = \"hunter2\"\n",
        "kafka = \"sasl.password=hunter2\"\n",
        "[consumer]\ntopics = \"hunter2\"\ngroup = \"g\"\n",
        "[consumer]\ntopics = [\"a\"]\ngroup = \"g\"\nproperties = \"hunter2\"\n",
        "[lanes]\nthreads = \"hunter2\"\n",
    ] {
        let message = refusal(&format!("[features]\ncatalog = \"x\"\n{text}"));
        assert!(!message.contains("hunter2"), "{message}");
        assert!(message.contains(": line "), "{message}");
    }
    let set = |name: &str, value: &str| {
        let environment = [(name.into(), value.into())];
        let refused = Config::parse(SMALL, Path::new("x.toml"), environment).map(|_| ());
        refused.unwrap_err().to_string()
    };
    for name in [
        "TILLWATCH__KAFKA",
        "TILLWATCH__KAFKA__SASL__PASSWORD",
        "TILLWATCH__LANES__THREADS",
    ] {
        let message = set(name, "hunter2");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_log_directive_or_topic_that_cannot_be_meant_is_refused() {
    let message = refusal(&format!(
        "{SMALL}\n[log]\nlevel = \"tillwatch_sinc=debug\"\n"
    ));
    assert!(
        message.contains("[log] level") && message.contains("`tillwatch_sink`?"),
        "{message}"
    );
    let message = refusal(&format!(
        "{SMALL}\n[consumer]\ntopics = [\"tillwatch.dead-letters\"]\ngroup = \"g\"\n\
         [sink]\nkind = \"kafka\"\n"
    ));
    assert!(
        message.contains("[sink] topics: dead_letters go to"),
        "{message}"
    );
}

#[test]
fn the_environment_overrides_the_file() {
    let environment = [("TILLWATCH__HTTP__LISTEN".into(), "off".into())];
    let config = Config::parse(SMALL, Path::new("x.toml"), environment).unwrap();
    assert_eq!(config.http, None);
    assert_eq!(
        config.stages.first().catalog,
        Path::new("features/card-present.toml")
    );
}

const STAGES: &str = r#"
[[stage]]
name = "terminal"
key = ["terminal_id"]
catalog = "card-present.toml"

[[stage]]
name = "customer"
key = ["card_token", "terminal_id"]
catalog = "customer.toml"

[models]
champion = "rules"
"#;

#[test]
fn stages_have_keys_and_catalogs_of_their_own() {
    let stages = parse(STAGES).unwrap().stages;
    let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["terminal", "customer"]);
    let all = KeySpec::from_names(&["terminal_id", "card_token"]).unwrap();
    assert_eq!(stages.key_columns(), all);
    let customer = stages.alone(Some("customer")).unwrap();
    assert_eq!(
        customer.first().catalog,
        Path::new("/etc/tillwatch/customer.toml")
    );
    assert_eq!(customer.iter().count(), 1);
    let only = parse(SMALL).unwrap().stages;
    assert_eq!(only.alone(None).unwrap(), only);
}

#[test]
fn a_stage_that_cannot_be_chosen_is_refused_with_those_that_can() {
    let stages = parse(STAGES).unwrap().stages;
    let message = stages.alone(None).unwrap_err().to_string();
    assert!(
        message.ends_with("--stage (terminal, customer)"),
        "{message}"
    );
    let message = stages.alone(Some("terminals")).unwrap_err().to_string();
    assert!(
        message.contains("did you mean `terminal`?") && message.contains("terminal, customer"),
        "{message}"
    );
}

#[test]
fn stages_and_labels_that_cannot_be_are_refused() {
    let both = format!("{STAGES}\n[features]\ncatalog = \"x.toml\"\n");
    assert!(refusal(&both).contains("[[stage]]: takes the place of [entity] and [features]"));
    let none = "[models]\nchampion = \"rules\"\n";
    assert!(refusal(none).contains("[features]: is missing"));
    let twice = STAGES.replace("\"customer\"", "\"terminal\"");
    assert!(refusal(&twice).contains("two stages are called `terminal`"));
    let unnamed = STAGES.replace("\"customer\"", "\"a b\"");
    assert!(refusal(&unnamed).contains("`a b` is no name"));
    let key = STAGES.replace("card_token", "card_tokem");
    assert!(refusal(&key).contains("[[stage]] key: of `customer`"));
    let many: String = (0..9)
        .map(|n| {
            format!("[[stage]]\nname = \"s{n}\"\nkey = [\"terminal_id\"]\ncatalog = \"x.toml\"\n")
        })
        .collect();
    assert!(refusal(&format!("{many}{none}")).contains("there are 9, at most 8"));
    for (labels, expected) in [
        ("column = ''\ndelay = '7d'", "name the field"),
        ("column = 'f'\ndelay = '500d'", "longer than 400d"),
    ] {
        let message = refusal(&format!("{SMALL}\n[labels]\n{labels}\n"));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn the_older_name_of_the_reference_table_is_read_and_told() {
    let table = "path = \"terminals.csv\"\n";
    let config = parse(&format!("{SMALL}\n[reference]\n{table}")).unwrap();
    assert!(config.notices.is_empty());
    let reference = config.reference.unwrap();
    assert_eq!(reference.path, Path::new("/etc/tillwatch/terminals.csv"));
    let config = parse(&format!("{SMALL}\n[registry]\n{table}")).unwrap();
    assert_eq!(config.reference, Some(reference));
    assert_eq!(config.notices.len(), 1);
    assert!(
        config.notices[0].contains("[reference]"),
        "{:?}",
        config.notices
    );
    let both = format!("{SMALL}\n[reference]\n{table}\n[registry]\n{table}");
    assert!(refusal(&both).contains("[registry]: is an older name of [reference]"));
}

#[test]
fn a_hint_is_for_the_name_that_the_error_is_about() {
    let hint = |text: &str| {
        let message = refusal(&format!("{SMALL}\n{text}\n"));
        message
            .rsplit_once("; did you mean ")
            .map(|(_, hint)| hint.to_owned())
    };
    assert_eq!(
        hint("[http]\nlisten_on = \"x\"").as_deref(),
        Some("`listen`?")
    );
    assert_eq!(hint("[log]\nformat = \"jsn\"").as_deref(), Some("`json`?"));
    assert_eq!(hint("[htp]\nlisten = \"off\"").as_deref(), Some("`http`?"));
    assert_eq!(hint("[lanes]\nthreads = \"many\""), None);
    // The parser complains of the key, which comes first.
    assert_eq!(hint("[entity]\nkey = 5\n[http]\nlisten_on = \"x\""), None);
    let environment = [("TILLWATCH__HTTP__LISTEN_ON".into(), "off".into())];
    let error = Config::parse(SMALL, Path::new("x.toml"), environment).unwrap_err();
    assert!(
        error.to_string().ends_with("did you mean `listen`?"),
        "{error}"
    );
}
