//! What a library's file says of its model.

use std::path::Path;

use serde::Deserialize;
use tillwatch_trees::{Forest, Format, Test};

/// Values of an input that rows are made of: enough to come by most nodes of a tree.
const VALUES_MAX: usize = 4096;

/// Category beyond which no set of a model reaches in practice.
const CATEGORIES_MAX: usize = 256;

/// What a library's file says of its model.
pub struct LibraryFile {
    /// As in model.toml.
    pub kind: &'static str,
    /// The format, for people.
    pub format: &'static str,
    /// The inputs, where the file names them.
    pub names: Option<Vec<String>>,
    /// How many inputs there are, where the file says so.
    pub count: Option<usize>,
    /// Per input, values around which the model decides; may be empty.
    pub values: Vec<Vec<f64>>,
    /// Of what it is made, for people.
    pub parts: String,
}

impl LibraryFile {
    /// Reads the file at `path`, whose bytes may be of any format.
    pub fn read(path: &Path, bytes: &[u8]) -> Result<Self, String> {
        if let Some(file) = logistic(path, bytes) {
            return Ok(file);
        }
        if has_extension(path, "onnx") {
            return Ok(Self {
                kind: "onnx",
                format: "ONNX",
                names: None,
                count: None,
                values: Vec::new(),
                parts: "a graph".to_owned(),
            });
        }
        let refused = |reason: String| format!("{}: {reason}", path.display());
        let Some(format) = Format::sniff(bytes) else {
            return Err(refused(
                "is none of LightGBM's text, XGBoost's JSON or UBJSON, an isolation forest, \
                 logistic coefficients (TOML or JSON with `intercept` and `term`), or a file \
                 called .onnx"
                    .to_owned(),
            ));
        };
        let loaded =
            tillwatch_trees::load(bytes, format).map_err(|error| refused(error.to_string()))?;
        let (kind, words) = match format {
            Format::LightGbmText => ("lightgbm", "LightGBM's text"),
            Format::XgBoostJson => ("xgboost", "XGBoost's JSON"),
            Format::XgBoostUbj => ("xgboost", "XGBoost's UBJSON"),
            Format::IsolationForestJson => ("isolation_forest", "an isolation forest in JSON"),
        };
        let forest = &loaded.forest;
        let left_out = match loaded.trees_left_out {
            0 => String::new(),
            trees => format!(", {trees} trees after the best iteration left out"),
        };
        Ok(Self {
            kind,
            format: words,
            count: Some(forest.features().len()),
            names: loaded.names_features.then(|| forest.features().to_vec()),
            values: values(forest),
            parts: format!(
                "{} trees, objective {}{left_out}",
                forest.trees().len(),
                loaded.objective
            ),
        })
    }
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    let found = path.extension();
    found.is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// As much of logistic coefficients as is needed to recognise them.
#[derive(Deserialize)]
struct Coefficients {
    #[serde(rename = "intercept")]
    _intercept: f64,
    term: Vec<Term>,
}

#[derive(Deserialize)]
struct Term {
    input: String,
    #[serde(default)]
    mean: f64,
    #[serde(default = "one")]
    scale: f64,
}

fn one() -> f64 {
    1.0
}

/// TOML, or JSON where the name says so: as the loader reads it.
fn logistic(path: &Path, bytes: &[u8]) -> Option<LibraryFile> {
    let text = std::str::from_utf8(bytes).ok()?;
    let found: Coefficients = match has_extension(path, "json") {
        true => serde_json::from_str(text).ok()?,
        false => toml::from_str(text).ok()?,
    };
    let around = |term: &Term| {
        let steps = [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0];
        steps.map(|step| term.mean + step * term.scale).to_vec()
    };
    Some(LibraryFile {
        kind: "logistic",
        format: "logistic coefficients",
        count: Some(found.term.len()),
        values: found.term.iter().map(around).collect(),
        parts: format!("{} terms", found.term.len()),
        names: Some(found.term.into_iter().map(|term| term.input).collect()),
    })
}

/// Per feature, the bounds and categories that nodes look for.
fn values(forest: &Forest) -> Vec<Vec<f64>> {
    let mut values = vec![Vec::new(); forest.features().len()];
    for tree in forest.trees() {
        for node in tree.nodes() {
            let Some(values) = values.get_mut(node.feature as usize) else {
                continue;
            };
            match node.test {
                Test::AtMost { bound, .. } if bound.is_finite() => values.push(bound),
                Test::AtMost { .. } => {}
                Test::OneOf {
                    set,
                    cut_towards_zero,
                    ..
                } => {
                    let members = (0..CATEGORIES_MAX).map(|category| category as f64);
                    let set = tree.sets().get(set as usize);
                    let members = members.filter(|category| {
                        set.is_some_and(|set| set.contains(*category, cut_towards_zero))
                    });
                    values.extend(members);
                    // No category: unseen, negative, a fraction.
                    values.extend([CATEGORIES_MAX as f64, -1.0, 0.5]);
                }
            }
        }
    }
    for values in &mut values {
        values.sort_by(f64::total_cmp);
        values.dedup();
        let step = values.len().div_ceil(VALUES_MAX).max(1);
        *values = values.iter().copied().step_by(step).collect();
    }
    values
}
