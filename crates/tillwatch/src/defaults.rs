//! What the demonstration runs: the shipped catalog and models, built in so that the program needs no
//! file beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tillwatch_scoring::ModelFiles;

use crate::config::{Config, ConfigError};

/// The default catalog.
pub const CATALOG: &str = include_str!("../../../models/features/card-present.toml");

const CONFIG: &str = r#"
[features]
catalog = "models/features/card-present.toml"

[models]
directories = ["models/terminal-rules", "models/terminal-gbdt"]

[http]
listen = "off"
"#;

/// The default configuration for a broker at `bootstrap`.
pub fn config(bootstrap: &str) -> Result<Config, ConfigError> {
    let text = format!("{CONFIG}\n[kafka]\n\"bootstrap.servers\" = \"{bootstrap}\"\n");
    Config::parse(&text, Path::new("built-in"), [])
}

/// The default models, as their directories hold them.
pub fn models() -> Vec<(PathBuf, ModelFiles)> {
    macro_rules! model {
        ($name:literal: $($file:literal),*) => {(
            PathBuf::from(concat!("models/", $name)),
            ModelFiles {
                description: include_str!(concat!("../../../models/", $name, "/model.toml")).into(),
                files: BTreeMap::from([$((
                    $file.to_owned(),
                    include_bytes!(concat!("../../../models/", $name, "/", $file)).to_vec(),
                )),*]),
            },
        )};
    }
    vec![
        model!("terminal-rules": "rules.toml"),
        model!("terminal-gbdt": "model.txt", "golden.json"),
    ]
}
