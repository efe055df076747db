//! What a key remembers in a fixed number of words, whatever the windows. Each file states its cost and
//! its space.

pub(crate) mod change;
pub(crate) mod ewma;
pub(crate) mod place;
pub(crate) mod profile;
pub(crate) mod sequence;
