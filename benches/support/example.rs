//! Examples of this repository as configurations of a bench.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// The configuration in the file `example` with these brokers, this input and this topic for scores. The
/// group and the other topics are named after that one.
pub fn example(example: &str, brokers: &str, from: &str, to: &str) -> Table {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(example);
    let directory = example.parent().unwrap();
    let mut config: Table = fs::read_to_string(&example).unwrap().parse().unwrap();
    let absolute = |path: &Value| -> Value {
        let path: PathBuf = directory.join(path.as_str().unwrap());
        path.display().to_string().into()
    };
    let text = |text: &str| Value::from(text.to_owned());
    config["kafka"]["bootstrap.servers"] = text(brokers);
    let consumer = config["consumer"].as_table_mut().unwrap();
    consumer.insert("topics".to_owned(), vec![from].into());
    consumer.insert("group".to_owned(), text(&group(to)));
    config["features"]["catalog"] = absolute(&config["features"]["catalog"]);
    config["models"]["champion"] = absolute(&config["models"]["champion"]);
    let topics = ["scores", "alerts", "dead_letters"].map(|output| {
        let topic = match output {
            "scores" => to.to_owned(),
            _ => format!("{to}-{output}"),
        };
        (output.to_owned(), topic.into())
    });
    let sink = config["sink"].as_table_mut().unwrap();
    sink.insert("topics".to_owned(), Table::from_iter(topics).into());
    config
}

/// The group that writes its scores to this topic.
pub fn group(to: &str) -> String {
    format!("{to}-tillwatch")
}

/// Adds librdkafka's `given` properties to those of `[consumer]` or `[sink]`.
pub fn add_properties(of: &mut Value, given: &[(String, String)]) {
    let of = of.as_table_mut().unwrap();
    let all = of
        .entry("properties")
        .or_insert_with(|| Table::new().into());
    let given = given.iter();
    let given = given.map(|(name, value)| (name.clone(), Value::from(value.clone())));
    all.as_table_mut().unwrap().extend(given);
}
