//! The shipped catalog and models.

use std::collections::BTreeMap;

use tillwatch_engine::{CatalogText, LineupFiles, ModelOrigin, StageText};
use tillwatch_records::KeySpec;
use tillwatch_scoring::ModelFiles;

macro_rules! file {
    ($path:literal) => {
        include_str!(concat!("../../../../models/", $path))
    };
}

/// The shipped catalog, by terminal.
pub fn stage() -> StageText {
    StageText {
        name: "terminal".to_owned(),
        key: KeySpec::terminal(),
        catalog: CatalogText {
            origin: "card-present.toml".to_owned(),
            text: file!("features/card-present.toml").to_owned(),
        },
    }
}

/// The shipped ensemble as its `version`: rules, boosted trees and a detector that learns.
pub fn lineup(version: &str) -> LineupFiles {
    let rules = [("rules.toml", file!("terminal-rules/rules.toml"))];
    let trees = [
        ("model.txt", file!("terminal-gbdt/model.txt")),
        ("golden.json", file!("terminal-gbdt/golden.json")),
    ];
    let detector = [
        ("trees.toml", file!("terminal-hst/trees.toml")),
        ("golden.json", file!("terminal-hst/golden.json")),
    ];
    let description = file!("terminal-ensemble/model.toml");
    let description = description.replace("version = \"1\"", &format!("version = \"{version}\""));
    let mut ensemble = model(&description, &[]);
    for (path, member) in [
        (
            "../terminal-rules",
            model(file!("terminal-rules/model.toml"), &rules),
        ),
        (
            "../terminal-gbdt",
            model(file!("terminal-gbdt/model.toml"), &trees),
        ),
        (
            "../terminal-hst",
            model(file!("terminal-hst/model.toml"), &detector),
        ),
    ] {
        ensemble.files.members.insert(path.to_owned(), member.files);
    }
    LineupFiles {
        champion: ensemble,
        ..LineupFiles::default()
    }
}

/// A model of these files.
pub fn model(description: &str, files: &[(&str, &str)]) -> ModelOrigin {
    let files = files.iter();
    let files = files.map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    ModelOrigin {
        origin: "models".to_owned(),
        files: ModelFiles {
            description: description.to_owned(),
            files: files.collect(),
            members: BTreeMap::new(),
        },
    }
}
