//! What does not stand yet. Each list only shrinks: a test fails for what is on it and in order.

/// Circles, as `file that holds them: modules`.
pub const STILL_CIRCULAR: &[&str] = &[
    "crates/detectors/src/cut_forest.rs: attribution, sampler, self, tree, update, written",
    "crates/testkit/src/oracle/mod.rs: arrival, definition, detector, distinct, ewma, feature, \
     moments, quantile, random, ratio, slope, table, top_share, window",
];

/// Files with too many lines of code.
pub const STILL_LONG: &[&str] = &[
    "crates/feature-extraction/src/lane/tests.rs",
    "crates/feature-extraction/src/structures/table/tests.rs",
    "crates/reference/src/tests.rs",
    "tests/offline/architecture.rs",
];

/// Functions with too many lines.
pub const STILL_LONG_FUNCTIONS: &[&str] = &[
    "crates/decode/src/tests/own.rs: declarations_are_checked",
    "crates/decode/src/tests/refusals.rs: refuses_each_with_its_reason",
    "crates/feature-extraction/src/catalog/tests.rs: \
     errors_name_the_feature_and_the_nearest_name",
    "crates/scoring/src/tests/loading.rs: loading_refuses_with_a_remedy",
    "crates/sink/src/encode/columns.rs: scores_to_record_batch",
    "tests/real_kafka/handbook.rs: a_topic_and_a_file_give_the_same_features_and_scores",
    "tests/real_kafka/swap.rs: models_change_under_load_and_nothing_is_lost",
];

/// Files with lines that are too wide.
pub const STILL_WIDE: &[&str] = &[
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "crates/decode/src/format/json/reason.rs",
    "crates/decode/src/format/json/tests.rs",
    "crates/decode/src/tests/property.rs",
    "crates/decode/src/value/number.rs",
    "crates/decode/src/value/time.rs",
    "crates/scoring/src/models/rules/tests.rs",
    "docs/rfc/0001-aggregates.md",
    "docs/rfc/0002-consumer-contract.md",
    "examples/handbook/README.md",
    "models/README.md",
    "models/registry-rules/rules.toml",
    "models/terminal-rules/rules.toml",
];
