//! A configuration whose models are in a line-up file, with models to put into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tillwatch_engine::{Assembly, Lane};
use tillwatch_records::ScoreBatch;
use tillwatch_scoring::Effort;

use crate::config::Config;
use crate::lineup::reload::Look;
use crate::lineup::{AuditLog, Reloader};
use crate::serve::metrics::Metrics;
use crate::setup::Setup;
use crate::watch::Occasion;

const MODELS: &str = "[models]\nlineup = \"lineup.toml\"\naudit = \"audit.jsonl\"\n";

/// A configuration with everything it names.
pub struct Place(super::Place);

impl Place {
    pub fn new() -> Self {
        let place = Self(super::Place::new(&[
            ("tillwatch.toml", &super::config(MODELS)),
            ("catalog.toml", &super::catalog("records_1h", None)),
        ]));
        place.rules("one", "1", "records_1h >= 1");
        place.rules("two", "2", "records_1h >= 3 AND amount_minor >= 0");
        place.write("lineup.toml", "champion = \"one\"\n");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        self.0.write(name, text);
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        self.0.root()
    }

    /// Adds to the configuration.
    pub fn configure(&self, more: &str) {
        let config = super::config(&format!("{MODELS}{more}"));
        self.write("tillwatch.toml", &config);
    }

    pub fn rules(&self, directory: &str, version: &str, condition: &str) {
        let model = super::rules_model(version);
        self.write(&format!("{directory}/model.toml"), &model);
        let rules = super::rules("records_1h", &[("MANY", condition, 0.6)]);
        self.write(&format!("{directory}/rules.toml"), &rules);
    }

    pub fn ensemble(&self, directory: &str, members: &[&str]) {
        let mut model = format!(
            "name = \"{directory}\"\nversion = \"1\"\nkind = \"ensemble\"\n[ensemble]\nmethod = \"max\"\n"
        );
        for member in members {
            model.push_str(&format!("[[ensemble.member]]\nmodel = \"../{member}\"\n"));
        }
        self.write(&format!("{directory}/model.toml"), &model);
    }

    pub fn start(&self) -> Running {
        let config = Config::load(&self.path("tillwatch.toml")).unwrap();
        let audit = AuditLog::open(config.models.audit.as_deref()).unwrap();
        let setup = Setup::load_to_follow(&config, Arc::new(audit)).unwrap();
        let metrics = Arc::new(Metrics::default());
        metrics.set_models(&setup.assembly.models().current());
        let listener = Box::new(Arc::clone(&metrics));
        let reloader = Reloader::new(&setup.assembly, setup.followed.unwrap(), listener);
        Running {
            assembly: setup.assembly,
            metrics,
            reloader,
        }
    }

    /// The lines of the audit file.
    pub fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("audit.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub struct Running {
    pub assembly: Arc<Assembly>,
    pub metrics: Arc<Metrics>,
    pub reloader: Reloader,
}

impl Running {
    /// Looks until the files have come to rest.
    pub fn look(&mut self) -> Look {
        match self.reloader.look(Occasion::Interval) {
            Look::Same => self.reloader.look(Occasion::Interval),
            other => other,
        }
    }

    pub fn champion(&self) -> String {
        self.assembly.versions().model.clone()
    }
}

/// Scores `count` transactions from the offset `first` on, as one batch.
pub fn score(lane: &mut Lane, first: i64, count: i64) -> ScoreBatch {
    score_with(lane, first, count, Effort::Full)
}

pub fn score_with(lane: &mut Lane, first: i64, count: i64, effort: Effort) -> ScoreBatch {
    super::score(lane, first..first + count, ("1", 5), effort)
}
