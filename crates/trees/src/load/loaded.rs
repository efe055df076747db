//! What loaders take and give: the format of a file, which of its trees count, and the model read.

use crate::forest::Forest;

/// How far into a JSON file its `format` is looked for: it comes first.
const SNIFFED_BYTES: usize = 256;

/// The format of a model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// LightGBM's text (`Booster.save_model`), v3 and v4.
    LightGbmText,
    /// XGBoost's JSON (`Booster.save_model("….json")`), boosters gbtree and dart.
    XgBoostJson,
    /// XGBoost's UBJSON (`Booster.save_model("….ubj")`), of the same content.
    XgBoostUbj,
    /// An isolation forest of scikit-learn, as `scripts/export_isolation_forest.py` writes it; see
    /// `docs/isolation-forest.md`.
    IsolationForestJson,
}

/// Which trees count where training went on after the best iteration (XGBoost's `best_iteration`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Iterations {
    /// Those up to the best iteration, where the model names one: what XGBoost's scikit-learn classes
    /// predict with, and what LightGBM saves. `Booster.predict` does so only when it is told to
    /// (`iteration_range=(0, booster.best_iteration + 1)`).
    #[default]
    Best,
    /// All that are in the file, as XGBoost's `Booster.predict` without an iteration range.
    All,
}

/// A model file, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it says of a row.
    pub forest: Forest,
    /// Whether the file names its features. Otherwise their names are made up from positions, and nothing
    /// but their number and order can be held against a model's inputs.
    pub names_features: bool,
    /// The training objective, by the name that the file gives it.
    pub objective: String,
    /// Trees of the file that are left out, because they came after the best iteration.
    pub trees_left_out: usize,
}

impl Format {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LightGbmText => "LightGBM text",
            Self::XgBoostJson => "XGBoost JSON",
            Self::XgBoostUbj => "XGBoost UBJSON",
            Self::IsolationForestJson => "isolation forest JSON",
        }
    }

    /// Every format.
    pub const ALL: [Self; 4] = [
        Self::LightGbmText,
        Self::XgBoostJson,
        Self::XgBoostUbj,
        Self::IsolationForestJson,
    ];

    /// The format that `bytes` begin like, if it is one of these; they may still be malformed.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        let text = bytes.trim_ascii_start();
        if text.starts_with(b"tree\n") || text.starts_with(b"tree\r\n") {
            return Some(Self::LightGbmText);
        }
        let after = text.strip_prefix(b"{")?;
        // A key comes next: in UBJSON its length, typed; in JSON a quotation mark.
        match after.trim_ascii_start().first()? {
            b'"' => {
                let has = |name: &[u8]| {
                    let start = &after[..after.len().min(SNIFFED_BYTES)];
                    start.windows(name.len()).any(|window| window == name)
                };
                match has(b"\"isolation-forest\"") {
                    true => Some(Self::IsolationForestJson),
                    // `learner` may stand after a megabyte of trees, or of anything.
                    false => Some(Self::XgBoostJson),
                }
            }
            b'i' | b'U' | b'I' | b'l' | b'L' | b'#' | b'$' => Some(Self::XgBoostUbj),
            _ => None,
        }
    }
}

/// Whether `names` are anything but `prefix` and their position.
pub(super) fn are_names(names: &[String], prefix: &str) -> bool {
    let is_made_up = |(position, name): (usize, &String)| {
        let number = name.strip_prefix(prefix);
        number.is_some_and(|number| number == position.to_string())
    };
    !names.iter().enumerate().all(is_made_up)
}
