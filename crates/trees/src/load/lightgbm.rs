//! LightGBM's text models (`save_model`), v3 and v4.
//!
//! LightGBM computes in doubles: it adds leaves in tree order. Its random forests average, yet only
//! on the way from the raw score (`predict(raw_score=True)`), which is their sum, to the
//! probability. Before trees see a row, values within [`ZERO_BOUND`](crate::ZERO_BOUND) of zero
//! become 0; bounds that near to zero are moved here so that comparing with the value itself says
//! the same.
//!
//! What follows the trees is not read. `pandas_categorical` is among it, which says how LightGBM's Python
//! package recodes the categories of data frames: inputs here are the codes.

mod section;
mod tree;

use section::Section;

use super::loaded::{Format, Loaded, are_names};
use super::stream::{fault, quote};
use crate::error::TreeError;
use crate::forest::{Forest, Link, Precision, Sum};
use crate::limits::{CATEGORY_WORDS_MAX, TREES_MAX};
use crate::tree::Tree;

/// Lines of one section; LightGBM writes about 20 per tree. Only so many keys are kept.
const KEYS_MAX: usize = 64;

/// Reads a model.
pub(super) fn load(bytes: &[u8]) -> Result<Loaded, TreeError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| fault(&format!("byte {} is not UTF-8 text", error.valid_up_to())))?;
    if Format::sniff(bytes) != Some(Format::LightGbmText) {
        return Err(fault(
            "is not a LightGBM text model; the first line must be `tree`",
        ));
    }
    let mut reading = Reading {
        words_left: CATEGORY_WORDS_MAX,
        ..Reading::default()
    };
    let mut ended = false;
    for line in text.trim_ascii_start().lines().skip(1) {
        let line = line.trim_end();
        if line == "end of trees" {
            ended = true;
            break;
        }
        reading.line(line)?;
    }
    if !ended {
        return Err(fault("is cut off: `end of trees` is missing"));
    }
    reading.finish_tree()?;
    let Reading {
        header,
        averages,
        trees,
        ..
    } = reading;
    header.check_support()?;
    let (objective, link) = header.objective()?;
    let link = match averages {
        true => of_mean(link, trees.len() as f64, &objective)?,
        false => link,
    };
    let sum = Sum {
        precision: Precision::Double,
        start: 0.0,
        divisor: None,
    };
    let features = header.features()?;
    Ok(Loaded {
        names_features: are_names(&features, "Column_"),
        forest: Forest::new(features, trees, Precision::Double, sum, link)?,
        objective,
        trees_left_out: 0,
    })
}

/// The link of a random forest of so many `trees`.
fn of_mean(link: Link, trees: f64, objective: &str) -> Result<Link, TreeError> {
    match link {
        Link::Sigmoid(slope) => Ok(Link::SigmoidOfMean { trees, slope }),
        Link::Identity => Ok(Link::IdentityOfMean(trees)),
        _ => Err(TreeError::Unsupported {
            what: format!("`average_output` with objective `{}`", quote(objective)),
            instead: "random forests of probabilities and of plain regressions are".to_owned(),
        }),
    }
}

/// A file, so far.
#[derive(Debug, Default)]
struct Reading<'a> {
    header: Section<'a>,
    /// Whether the score is the mean of the trees, as in a random forest.
    averages: bool,
    trees: Vec<Tree>,
    /// The tree whose lines are being read.
    open: Option<Section<'a>>,
    /// Words of category sets that may still be read.
    words_left: usize,
}

impl<'a> Reading<'a> {
    fn line(&mut self, line: &'a str) -> Result<(), TreeError> {
        if let Some(number) = line.strip_prefix("Tree=") {
            self.finish_tree()?;
            if number.parse() != Ok(self.trees.len()) {
                return Err(fault(&format!(
                    "expected tree {}, found `Tree={}`",
                    self.trees.len(),
                    quote(number)
                )));
            }
            self.open = Some(Section::default());
        } else if let Some((key, value)) = line.split_once('=') {
            let section = self.open.as_mut().unwrap_or(&mut self.header);
            section.lines.insert(key, value);
            if section.lines.len() > KEYS_MAX {
                return Err(fault(&format!(
                    "tree {}: has more than {KEYS_MAX} fields",
                    self.trees.len()
                )));
            }
        } else if line == "average_output" {
            self.averages = true;
        } else if !line.is_empty() {
            return Err(fault(&format!("unexpected line `{}`", quote(line))));
        }
        Ok(())
    }

    fn finish_tree(&mut self) -> Result<(), TreeError> {
        let Some(section) = self.open.take() else {
            return Ok(());
        };
        let position = self.trees.len();
        if position == TREES_MAX {
            return Err(TreeError::TooLarge {
                what: "trees".to_owned(),
                found: position + 1,
                max: TREES_MAX,
            });
        }
        let tree = tree::tree(&section, &mut self.words_left)
            .map_err(|error| error.within(&format!("tree {position}")))?;
        self.trees.push(tree);
        Ok(())
    }
}
