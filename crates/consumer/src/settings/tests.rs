use super::*;

fn settings(properties: &[(&str, &str)]) -> ConsumerSettings {
    let properties = Properties::of(
        [("bootstrap.servers", "localhost:1")]
            .into_iter()
            .chain(properties.iter().copied()),
    );
    ConsumerSettings::new(vec!["t".to_owned()], "g", properties)
}

fn refusal(settings: &ConsumerSettings) -> String {
    settings.validate().unwrap_err().to_string()
}

#[test]
fn reads_toml_with_numbers_and_flags_as_properties() {
    let settings: ConsumerSettings = toml::from_str(
        r#"
        topics = ["payments"]
        group = "tillwatch"
        start = "latest"
        [properties]
        "bootstrap.servers" = "localhost:9092"
        "fetch.min.bytes" = 1
        "check.crcs" = true
        "#,
    )
    .unwrap();
    assert_eq!(settings.start, Start::Latest);
    let config = settings.client_config().unwrap();
    assert_eq!(config.get("check.crcs"), Some("true"));
    assert_eq!(config.get("auto.offset.reset"), Some("earliest"));
    assert_eq!(config.get("enable.auto.commit"), Some("false"));
    assert!(toml::from_str::<ConsumerSettings>("topics = []\ngroup = 'g'\ntopic = 1").is_err());
}

#[test]
fn an_operators_property_wins_over_our_default() {
    let config = settings(&[("fetch.queue.backoff.ms", "7")])
        .client_config()
        .unwrap();
    assert_eq!(config.get("fetch.queue.backoff.ms"), Some("7"));
    assert_eq!(config.get("client.id"), Some("tillwatch"));
}

#[test]
fn a_group_that_the_brokers_assign_gets_no_strategy_of_ours() {
    let strategy = "partition.assignment.strategy";
    let classic = settings(&[]).client_config().unwrap();
    assert_eq!(classic.get(strategy), Some("cooperative-sticky"));
    let next = settings(&[("group.protocol", "consumer")]);
    assert_eq!(next.client_config().unwrap().get(strategy), None);
    next.validate().unwrap();
    // What the brokers decide there is refused before anything runs.
    for property in ["session.timeout.ms", "heartbeat.interval.ms", strategy] {
        let value = if property == strategy {
            "range"
        } else {
            "6000"
        };
        let said = refusal(&settings(&[
            ("group.protocol", "consumer"),
            (property, value),
        ]));
        assert!(said.contains(property), "{said}");
    }
}

#[test]
fn whoever_has_a_name_in_the_group_may_be_away_for_longer() {
    let timeout = |properties: &[(&str, &str)]| {
        let config = settings(properties).client_config().unwrap();
        config.get("session.timeout.ms").map(str::to_owned)
    };
    let named = ("group.instance.id", "till-0");
    assert_eq!(timeout(&[]), None);
    assert_eq!(timeout(&[named]).as_deref(), Some("180000"));
    let chosen = ("session.timeout.ms", "45000");
    assert_eq!(timeout(&[named, chosen]).as_deref(), Some("45000"));
    // It must not be set where the brokers decide.
    let next = ("group.protocol", "consumer");
    assert_eq!(timeout(&[named, next]), None);
    settings(&[named, next]).validate().unwrap();
    settings(&[named]).validate().unwrap();
}

#[test]
fn refuses_what_would_commit_behind_our_back() {
    for name in [
        "enable.auto.commit",
        "enable.auto.offset.store",
        "group.id",
        "auto.offset.reset",
    ] {
        assert!(refusal(&settings(&[(name, "true")])).contains(name));
    }
}

#[test]
fn refuses_bad_properties_without_showing_secrets() {
    assert!(refusal(&settings(&[("fetch.wait.max", "1")])).contains("fetch.wait.max"));
    let secret = settings(&[("sasl.password", "hunter2")]);
    assert!(!format!("{secret:?}").contains("hunter2"));
    assert!(format!("{secret:?}").contains("localhost:1"));
    let refused = refusal(&settings(&[("ssl.key.password\u{0}", "hunter2")]));
    assert!(!refused.contains("hunter2"), "{refused}");
}

#[test]
fn refuses_settings_that_cannot_work() {
    let mut none = settings(&[]);
    none.topics.clear();
    assert!(refusal(&none).contains("topics"));
    let mut pattern = settings(&[]);
    pattern.topics = vec!["^pay.*".to_owned()];
    assert!(refusal(&pattern).contains("topics"));
    for (topics, words) in [
        (vec!["a b"], "`a b` cannot be a topic name"),
        (vec![".."], "`..` cannot be a topic name"),
    ] {
        let mut named = settings(&[]);
        named.topics = topics.into_iter().map(str::to_owned).collect();
        assert!(refusal(&named).contains(words), "{}", refusal(&named));
    }
    let together = settings(&[
        ("max.poll.interval.ms", "30000"),
        ("session.timeout.ms", "31000"),
    ]);
    assert!(refusal(&together).contains("max.poll.interval.ms"));
    let mut wide = settings(&[]);
    wide.batch_records_max = BATCH_RECORDS_MAX + 1;
    assert!(refusal(&wide).contains("batch_records_max"));
    let slow = settings(&[("max.poll.interval.ms", "15000")]);
    assert!(refusal(&slow).contains("drain_timeout"));
    let nowhere = ConsumerSettings::new(vec!["t".to_owned()], "g", Properties::default());
    assert!(refusal(&nowhere).contains("bootstrap.servers"));
}

#[test]
fn several_topics_are_shared_by_range_and_by_nothing_else() {
    let merging = |properties: &[(&str, &str)]| {
        let mut settings = settings(properties);
        settings.topics = vec!["tx".to_owned(), "labels".to_owned()];
        settings
    };
    let name = "partition.assignment.strategy";
    let config = merging(&[]).client_config().unwrap();
    assert_eq!(config.get(name), Some("range"));
    assert!(merging(&[(name, "range")]).validate().is_ok());
    for strategy in ["cooperative-sticky", "roundrobin", "range,roundrobin"] {
        let refused = refusal(&merging(&[(name, strategy)]));
        assert!(refused.contains("range alone"), "{refused}");
    }
    assert!(merging(&[("group.protocol", "classic")]).validate().is_ok());
    // Where the brokers share, they are to do it likewise.
    let remote = "group.remote.assignor";
    let brokers = merging(&[("group.protocol", "consumer")]);
    brokers.validate().unwrap();
    let config = brokers.client_config().unwrap();
    assert_eq!(
        (config.get(remote), config.get(name)),
        (Some("range"), None)
    );
    let uniform = merging(&[("group.protocol", "consumer"), (remote, "uniform")]);
    assert!(refusal(&uniform).contains("range alone"));
    // One topic is shared as it was.
    let config = settings(&[]).client_config().unwrap();
    assert_eq!(config.get(name), Some("cooperative-sticky"));
    let mut twice = merging(&[]);
    twice.topics.push("tx".to_owned());
    assert!(refusal(&twice).contains("twice; once is enough"));
    let mut many = settings(&[]);
    many.topics = (0..=TOPICS_MAX).map(|n| format!("t{n}")).collect();
    assert!(refusal(&many).contains("at most 16"));
    let mut backwards = merging(&[]);
    backwards.merge_wait = DurationMs::from_ms(-1);
    assert!(refusal(&backwards).contains("merge_wait"));
}
