//! What the demonstration runs: the shipped catalog and models, built in so that the program needs no
//! file beside it.

use std::collections::BTreeMap;
use std::path::Path;

use tillwatch_engine::{CatalogText, ModelOrigin};
use tillwatch_scoring::ModelFiles;

use crate::config::{Config, ConfigError};
use crate::lineup::LoadedLineup;

const CATALOG: &str = include_str!("../../../../../models/features/card-present.toml");

const CONFIG: &str = r#"
[features]
catalog = "models/features/card-present.toml"

[models]
champion = "models/terminal-ensemble"

[http]
listen = "off"
"#;

/// The default configuration for a broker at `bootstrap`.
pub fn config(bootstrap: &str) -> Result<Config, ConfigError> {
    let text = format!("{CONFIG}\n[kafka]\n\"bootstrap.servers\" = \"{bootstrap}\"\n");
    Config::parse(&text, Path::new("built-in"), [])
}

/// The default catalog, which the configuration names by `path`.
pub fn catalog(path: &Path) -> CatalogText {
    CatalogText {
        origin: path.display().to_string(),
        text: CATALOG.to_owned(),
    }
}

/// The default models, as their directories hold them.
pub fn models() -> LoadedLineup {
    macro_rules! model {
        ($name:literal: $($file:literal),*) => {
            ModelFiles {
                description: include_str!(concat!("../../../../../models/", $name, "/model.toml")).into(),
                files: BTreeMap::from([$((
                    $file.to_owned(),
                    include_bytes!(concat!("../../../../../models/", $name, "/", $file)).to_vec(),
                )),*]),
                members: BTreeMap::new(),
            }
        };
    }
    let mut ensemble = model!("terminal-ensemble":);
    ensemble.members = BTreeMap::from([
        (
            "../terminal-rules".to_owned(),
            model!("terminal-rules": "rules.toml"),
        ),
        (
            "../terminal-hst".to_owned(),
            model!("terminal-hst": "trees.toml", "golden.json"),
        ),
        (
            "../terminal-gbdt".to_owned(),
            model!("terminal-gbdt": "model.txt", "golden.json"),
        ),
    ]);
    let mut models = LoadedLineup::default();
    models.files.champion = ModelOrigin {
        origin: "models/terminal-ensemble".to_owned(),
        files: ensemble,
    };
    models
}
