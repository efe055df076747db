use super::*;

const SMALL: &str = r#"
[kafka]
"bootstrap.servers" = "localhost:9092"
"socket.keepalive.enable" = true

[features]
catalog = "features/terminal.toml"

[models]
directories = ["terminal-rules"]
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
        config.catalog,
        Path::new("/etc/tillwatch/features/terminal.toml")
    );
    assert_eq!(config.models, [Path::new("/etc/tillwatch/terminal-rules")]);
    assert_eq!(config.key, KeySpec::terminal());
    assert_eq!(config.http, Some("127.0.0.1:9600".parse().unwrap()));
    assert!(config.consumer.is_none() && config.sink.is_none());
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
fn the_environment_overrides_the_file() {
    let environment = [("TILLWATCH__HTTP__LISTEN".to_owned(), "off".to_owned())];
    let config = Config::parse(SMALL, Path::new("x.toml"), environment).unwrap();
    assert_eq!(config.http, None);
    assert_eq!(config.catalog, Path::new("features/terminal.toml"));
}
