//! Texts that evaluation makes.

use std::cell::OnceCell;

/// Holds texts for as long as a block is evaluated: a chain of lists, one for every operation that
/// made some, so that handing one out never moves another.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    filled: OnceCell<Box<(Vec<String>, Arena)>>,
}

impl Arena {
    /// Keeps `texts`.
    pub(crate) fn keep(&self, texts: Vec<String>) -> &[String] {
        let mut last = self;
        while let Some(filled) = last.filled.get() {
            last = &filled.1;
        }
        let filled = last
            .filled
            .get_or_init(|| Box::new((texts, Self::default())));
        &filled.0
    }
}
