//! What is wrong with a model, and where, is in the message.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking; the lint only knows functions marked as tests"
)]

use tillwatch_trees::{Format, load};

use crate::support::golden::folder;

/// Replaces `from` by `to` in a golden model, once, and compares why it is refused.
fn check(file: &str, from: &str, to: &str, message: &str) {
    let text = std::fs::read_to_string(folder().join(file)).expect("a model");
    assert!(text.contains(from), "`{from}` is not in {file}");
    let text = text.replacen(from, to, 1);
    let format = Format::sniff(text.as_bytes()).expect("a format");
    let error = load(text.as_bytes(), format)
        .err()
        .unwrap_or_else(|| panic!("{file} with `{to}` is read"));
    assert_eq!(error.to_string(), message);
}

#[test]
fn lightgbm_models_are_refused_by_name_and_place() {
    let numbers = |from, to, message| check("lightgbm_numbers.txt", from, to, message);
    numbers(
        "version=v4",
        "version=v5",
        "version `v5` is not supported; v3 and v4 are",
    );
    numbers(
        "num_class=1",
        "num_class=3",
        "a model of 3 classes is not supported; models of one score are",
    );
    numbers(
        "objective=binary sigmoid:1",
        "objective=regression sqrt",
        "objective `regression sqrt` is not supported; binary, cross_entropy, \
         cross_entropy_lambda, regression without sqrt, regression_l1, huber, fair, quantile, \
         mape, poisson, gamma, tweedie, lambdarank and rank_xendcg are",
    );
    numbers(
        "objective=binary sigmoid:1",
        "objective=binary sigmoid:-1",
        "`objective`: sigmoid `-1` is not a number above 0",
    );
    numbers(
        "is_linear=0",
        "is_linear=1",
        "tree 0: a linear tree is not supported; trees of constant leaves are",
    );
    numbers(
        "num_leaves=",
        "num_leaves=999",
        "tree 0: leaves: 99931, at most 65536 are read",
    );
    numbers("Tree=1", "Tree=2", "expected tree 1, found `Tree=2`");
    numbers("end of trees", "", "is cut off: `end of trees` is missing");
    numbers(
        "left_child=1",
        "left_child=x",
        "tree 0: `left_child`: item 0 is `x`, which cannot be read",
    );
    numbers(
        "left_child=1",
        "left_child=0",
        "tree 0: node 0 has a child that is not after it, not there, or another's",
    );
    numbers(
        "max_feature_idx=5",
        "max_feature_idx=6",
        "`feature_names` has 6 items, not 7",
    );
    numbers(
        "max_feature_idx=5",
        "max_feature_idx=99999",
        "features: 100000, at most 4096 are read",
    );
    check(
        "lightgbm_categories.txt",
        "cat_boundaries=0 ",
        "cat_boundaries=1 ",
        "tree 0: `cat_boundaries` does not ascend from 0",
    );
    check(
        "lightgbm_forest.txt",
        "objective=binary sigmoid:1",
        "objective=poisson",
        "`average_output` with objective `poisson` is not supported; random forests of \
         probabilities and of plain regressions are",
    );
}

#[test]
fn xgboost_models_are_refused_by_name_and_place() {
    let numbers = |from, to, message| check("xgboost_numbers.json", from, to, message);
    numbers(
        "\"name\":\"gbtree\"",
        "\"name\":\"gblinear\"",
        "booster `gblinear` is not supported; gbtree and dart are",
    );
    numbers(
        "\"num_class\":\"0\"",
        "\"num_class\":\"3\"",
        "a model of 3 classes is not supported; models of one score are",
    );
    numbers(
        "\"num_target\":\"1\"",
        "\"num_target\":\"2\"",
        "a model of 2 targets is not supported; models of one score are",
    );
    numbers(
        "\"tree_info\":[0",
        "\"tree_info\":[1",
        "a model of 2 targets is not supported; models of one score are",
    );
    numbers(
        "\"version\":[3",
        "\"version\":[4",
        "version 4 of XGBoost is not supported; files of versions 1 to 3 are read",
    );
    numbers(
        "binary:logistic",
        "survival:cox",
        "objective `survival:cox` is not supported; binary:logistic, binary:logitraw, \
         binary:hinge, reg:logistic, reg:squarederror, reg:squaredlogerror, reg:pseudohubererror, \
         reg:absoluteerror, reg:quantileerror, reg:gamma, reg:tweedie, count:poisson, \
         rank:pairwise, rank:ndcg and rank:map are",
    );
    numbers(
        "\"base_score\":\"[3E-1]\"",
        "\"base_score\":\"[3E-1,4E-1]\"",
        "a base score of several targets is not supported; models of one score are",
    );
    numbers(
        "\"base_score\":\"[3E-1]\"",
        "\"base_score\":\"1.5\"",
        "`base_score` 1.5 has no finite margin",
    );
    numbers(
        "\"num_class\":\"0\",\"num_feature\":\"6\"",
        "\"num_class\":\"0\",\"num_feature\":\"-6\"",
        "`num_feature` is `-6`, which is not a count",
    );
    check(
        "xgboost_early.json",
        "\"best_iteration\":\"",
        "\"best_iteration\":\"9",
        "`best_iteration` is 94, and there are 16 trees, which do not go as far; read all iterations",
    );
    check(
        "xgboost_dart.json",
        "\"weight_drop\":[",
        "\"weight_drop\":[1.0,",
        "`weight_drop` has 13 items, there are 12 trees",
    );
    check(
        "xgboost_categories.json",
        "\"categories_segments\":[0",
        "\"categories_segments\":[9999",
        "tree 0: category set 0 lies outside of `categories`",
    );
}

#[test]
fn isolation_forests_are_refused_by_place() {
    let forest = |from, to, message| check("isolation_forest.json", from, to, message);
    forest(
        "\"version\":1",
        "\"version\":2",
        "version 2 is not supported; version 1 is read",
    );
    forest(
        "\"expected_path_length\"",
        "\"expected_path\"",
        "`expected_path`: is not a field of isolation forests",
    );
    forest(
        "\"feature\":[",
        "\"feature\":[0,",
        "tree 0: `feature` has 36 items, `left` has 35; each has one per node",
    );
    forest(
        "\"left\":[1",
        "\"left\":[0",
        "tree 0: node 0 has two parents",
    );
    forest(
        "\"path_length\":[",
        "\"path_length\":[null,",
        "`trees`: tree 0: `path_length`: item 0 is not a number",
    );
    forest(
        "\"threshold\":[",
        "\"threshold\":{\"",
        "`trees`: tree 0: `threshold`: is not an array",
    );
}

#[test]
fn what_is_malformed_is_said_with_its_byte() {
    let refusal = |text: &[u8], format| load(text, format).err().map(|error| error.to_string());
    let json = |text: &str| refusal(text.as_bytes(), Format::XgBoostJson).expect("a refusal");
    assert_eq!(
        json("{\"a\":[1,2,]}"),
        "`a`: byte 10: expected another item"
    );
    assert_eq!(json("{\"a\":01e}"), "`a`: byte 5: expected a value");
    assert_eq!(json("{\"a\":1} 2"), "byte 8: expected the end of the file");
    assert_eq!(
        json("{\"\\ud800x\":1}"),
        "byte 8: expected the other half of a surrogate pair"
    );
    assert_eq!(json(&"[".repeat(100_000)), "is not an object",);
    assert_eq!(
        json(&format!("{{\"a\":{}", "[".repeat(100_000))),
        "`a`: arrays and objects within one another at byte 68: 65, at most 64 are read"
    );
    let ubj = |bytes: &[u8]| refusal(bytes, Format::XgBoostUbj).expect("a refusal");
    // Arrays that promise four thousand million items in no bytes, or more than there are.
    assert_eq!(
        ubj(b"{i\x01a[$Z#l\x7f\xff\xff\xff"),
        "`a`: byte 13: expected numbers in an array of one type"
    );
    assert_eq!(
        ubj(b"{i\x01a[$d#l\x7f\xff\xff\xff"),
        "`a`: byte 13: expected 2147483647 items; the file is cut off"
    );
    assert_eq!(
        ubj(b"{L\x7f\xff\xff\xff\xff\xff\xff\xffa"),
        "byte 10: expected more bytes; the file is cut off"
    );
}
