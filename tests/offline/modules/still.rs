//! What does not stand yet. Each list only shrinks: a test fails for what is on it and in order.

/// Circles, as `file that holds them: modules`.
pub const STILL_CIRCULAR: &[&str] = &[
    "crates/testkit/src/oracle/mod.rs: arrival, definition, detector, distinct, ewma, feature, \
     moments, quantile, random, ratio, slope, table, top_share, window",
];

/// Files with too many lines of code.
pub const STILL_LONG: &[&str] = &[
    "crates/feature-extraction/src/lane/tests.rs",
    "crates/feature-extraction/src/structures/table/tests.rs",
];

/// Functions with too many lines.
pub const STILL_LONG_FUNCTIONS: &[&str] = &["crates/feature-extraction/src/catalog/tests.rs: \
     errors_name_the_feature_and_the_nearest_name"];

/// Files with lines that are too wide.
pub const STILL_WIDE: &[&str] = &[
    "ARCHITECTURE.md",
    "models/registry-rules/rules.toml",
    "models/terminal-rules/rules.toml",
];
