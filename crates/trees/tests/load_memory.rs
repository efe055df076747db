//! Reading a small file takes little memory, whatever it promises. A process of its own: the allocator
//! counts for all threads.

mod support;

use peak_alloc::PeakAlloc;
use tillwatch_trees::{Format, load};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes that reading may take: the words of category sets at their limit, and what surrounds them.
const BYTES_MAX: usize = 48 << 20;

#[test]
fn small_files_take_little_memory() {
    let sets = (0..5000).map(|_| "16777215").collect::<Vec<_>>().join(",");
    let ones = |count: usize| vec!["1"; count].join(",");
    let starts = (0..5000).map(|i| i.to_string()).collect::<Vec<_>>();
    let categories = format!(
        r#"{{"left_children":[-1],"right_children":[-1],"default_left":[0],"split_indices":[0],
        "split_conditions":[0],"sum_hessian":[0],"categories":[{sets}],"categories_nodes":[{}],
        "categories_segments":[{}],"categories_sizes":[{}]}}"#,
        vec!["0"; 5000].join(","),
        starts.join(","),
        ones(5000)
    );
    let xgboost = |trees: &str, features: &str| {
        format!(
            r#"{{"version":[3],"learner":{{"learner_model_param":{{"base_score":"0.5","num_feature":"{features}"}},
            "objective":{{"name":"binary:logistic"}},"gradient_booster":{{"name":"gbtree","model":{{"trees":[{trees}]}}}}}}}}"#
        )
    };
    let lightgbm = |header: &str, tree: &str| {
        format!(
            "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\n{header}\n\nTree=0\n{tree}\n\
             end of trees\n"
        )
    };
    let files = [
        (Format::XgBoostJson, xgboost(&categories, "1")),
        (
            Format::XgBoostJson,
            xgboost(&["{}"; 200_000].join(","), "1"),
        ),
        (Format::XgBoostJson, xgboost("{}", "4000000000")),
        (
            Format::LightGbmText,
            lightgbm("max_feature_idx=4000000000", "num_leaves=1\nleaf_value=0"),
        ),
        (
            Format::LightGbmText,
            lightgbm("", "num_leaves=65536\nleaf_value=0"),
        ),
        (
            Format::LightGbmText,
            lightgbm(
                "",
                "num_leaves=1\nleaf_value=0\nnum_cat=1\ncat_boundaries=0 4000000000\ncat_threshold=1",
            ),
        ),
        (
            Format::LightGbmText,
            (0..200_000).fold("tree\n".to_owned(), |text, i| text + &format!("{i}=\n")),
        ),
    ];
    for (format, text) in files {
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        assert!(load(text.as_bytes(), format).is_err());
        let taken = ALLOCATOR.peak_usage() - before;
        assert!(taken < BYTES_MAX, "{taken} bytes for {}", &text[..60]);
    }
}
