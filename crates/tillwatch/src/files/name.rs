//! What a file's name says of it.

use std::path::Path;

/// Whether a file of this name is taken for Parquet.
pub fn is_parquet(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}
