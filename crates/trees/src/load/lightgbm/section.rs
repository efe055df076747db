//! The header, or one tree, as lines of text.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::error::TreeError;
use crate::forest::Link;
use crate::limits::FEATURES_MAX;
use crate::load::stream::{fault, quote};

/// `key=value` lines of the header or of one tree.
#[derive(Debug, Default)]
pub(super) struct Section<'a> {
    pub(super) lines: BTreeMap<&'a str, &'a str>,
}

impl Section<'_> {
    /// Refuses by name what a forest cannot say.
    pub(super) fn check_support(&self) -> Result<(), TreeError> {
        let refuse = |what: String, instead: &str| {
            Err(TreeError::Unsupported {
                what,
                instead: instead.to_owned(),
            })
        };
        match self.lines.get("version") {
            Some(&("v3" | "v4")) => {}
            Some(other) => return refuse(format!("version `{}`", quote(other)), "v3 and v4 are"),
            None => return Err(fault("has no `version`")),
        }
        let classes: usize = self.number("num_class")?;
        let trees: usize = self.number("num_tree_per_iteration")?;
        if classes != 1 || trees != 1 {
            return refuse(
                format!("a model of {} classes", classes.max(trees)),
                "models of one score are",
            );
        }
        Ok(())
    }

    pub(super) fn features(&self) -> Result<Vec<String>, TreeError> {
        let last: usize = self.number("max_feature_idx")?;
        let count = last.saturating_add(1);
        if count > FEATURES_MAX {
            return Err(TreeError::TooLarge {
                what: "features".to_owned(),
                found: count,
                max: FEATURES_MAX,
            });
        }
        let names: Vec<String> = self.list("feature_names", count)?;
        Ok(names)
    }

    pub(super) fn objective(&self) -> Result<(String, Link), TreeError> {
        // Trained with an objective of the caller's own: there is none in the file.
        let text = self.lines.get("objective").copied().unwrap_or("custom");
        let mut words = text.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let parameters: Vec<&str> = words.collect();
        let parameter = |key: &str| {
            let mut values = parameters.iter().filter_map(|word| word.split_once(':'));
            values
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value)
        };
        let link = match name {
            "binary" => {
                let slope = parameter("sigmoid").unwrap_or("1");
                match slope.parse() {
                    Ok(slope) if slope > 0.0 => Link::Sigmoid(slope),
                    _ => {
                        return Err(fault(&format!(
                            "`objective`: sigmoid `{}` is not a number above 0",
                            quote(slope)
                        )));
                    }
                }
            }
            "cross_entropy" | "xentropy" => Link::Sigmoid(1.0),
            "cross_entropy_lambda" | "xentlambda" => Link::Softplus,
            "poisson" | "gamma" | "tweedie" => Link::Exponential,
            // `sqrt` squares the score in the end.
            "regression" if !parameters.contains(&"sqrt") => Link::Identity,
            "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
            | "rank_xendcg" | "custom" => Link::Identity,
            _ => {
                return Err(TreeError::Unsupported {
                    what: format!("objective `{}`", quote(text)),
                    instead:
                        "binary, cross_entropy, cross_entropy_lambda, regression without sqrt, \
                              regression_l1, huber, fair, quantile, mape, poisson, gamma, tweedie, \
                              lambdarank and rank_xendcg are"
                            .to_owned(),
                });
            }
        };
        Ok((name.to_owned(), link))
    }

    pub(super) fn number<T: FromStr>(&self, key: &str) -> Result<T, TreeError> {
        let text = self
            .lines
            .get(key)
            .ok_or_else(|| fault(&format!("has no `{key}`")))?;
        text.trim().parse().map_err(|_| {
            fault(&format!(
                "`{key}` is `{}`, which cannot be read",
                quote(text)
            ))
        })
    }

    /// The items of a list that has `length`.
    pub(super) fn list<T: FromStr>(&self, key: &str, length: usize) -> Result<Vec<T>, TreeError> {
        let text = self.lines.get(key).copied().unwrap_or_default();
        let mut items = Vec::with_capacity(length.min(text.len()));
        for word in words(text) {
            if items.len() == length {
                return Err(fault(&format!("`{key}` has more than {length} items")));
            }
            items.push(word.parse().map_err(|_| {
                fault(&format!(
                    "`{key}`: item {} is `{}`, which cannot be read",
                    items.len(),
                    quote(word)
                ))
            })?);
        }
        if items.len() != length {
            return Err(fault(&format!(
                "`{key}` has {} items, not {length}",
                items.len()
            )));
        }
        Ok(items)
    }
}

/// What spaces separate. Items are short: looking at byte after byte is faster than a search is to start.
fn words(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let start = text.bytes().position(|byte| byte != b' ')?;
        let rest = &text[start..];
        let end = rest.bytes().position(|byte| byte == b' ');
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        text = after;
        Some(word)
    })
}
