//! What lanes are made of, as `run` reads it: files of this repository.

use std::fs;
use std::path::Path;

use tillwatch_engine::{Assembly, CatalogText, LineupFiles, ModelOrigin, Parts, StageText};
use tillwatch_records::KeySpec;
use tillwatch_records::units::ByteSize;
use tillwatch_scoring::{ModelFiles, ModelKinds};

/// Room for every key: nothing that is measured is evicted.
const STATE_BYTES_MAX: ByteSize = ByteSize(16 << 30);

/// Lanes by terminal with this catalog and this model, which are paths from the root of the repository.
pub fn assembly(catalog: &str, model: &str) -> Assembly {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stage = StageText {
        name: "terminal".to_owned(),
        key: KeySpec::terminal(),
        catalog: CatalogText {
            origin: catalog.to_owned(),
            text: fs::read_to_string(root.join(catalog)).unwrap(),
        },
    };
    let champion = ModelOrigin {
        origin: model.to_owned(),
        files: files(&root.join(model)),
    };
    let lineup = LineupFiles {
        champion,
        ..LineupFiles::default()
    };
    let mut parts = Parts::new(vec![stage], lineup, ModelKinds::standard());
    parts.engine.state.max_bytes = STATE_BYTES_MAX;
    Assembly::new(parts).unwrap()
}

/// The files of a model's directory, and those of its members.
fn files(directory: &Path) -> ModelFiles {
    const DESCRIPTION: &str = "model.toml";
    let description = fs::read_to_string(directory.join(DESCRIPTION)).unwrap();
    let members = ModelFiles::member_paths(&description).unwrap();
    let members = members.into_iter().map(|member| {
        let files = files(&directory.join(&member));
        (member, files)
    });
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let others = entries.filter(|entry| entry.path().is_file() && entry.file_name() != DESCRIPTION);
    ModelFiles {
        members: members.collect(),
        files: others
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect(),
        description,
    }
}
