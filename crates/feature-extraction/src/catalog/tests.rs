use super::*;

fn error(text: &str) -> String {
    Catalog::parse(text).unwrap_err().to_string()
}

fn feature(rest: &str) -> String {
    format!("name = \"c\"\n[[feature]]\nname = \"f\"\n{rest}")
}

#[test]
fn job_w_reads() {
    let catalog = Catalog::parse(include_str!("../../../../models/features/job-w.toml")).unwrap();
    assert_eq!(catalog.name(), "job-w");
    assert_eq!(catalog.features().len(), 6 * 4 + 2);
    assert_eq!(catalog.features()[1].name, "count_10m");
    assert_eq!(catalog.features()[1].window_ms, 600_000);
}

#[test]
fn version_ignores_layout_and_words() {
    let one = Catalog::parse(&feature("aggregate = \"count\"\nwindow = \"60m\"")).unwrap();
    let other = feature("description = \"x\" # why\nwindow = \"1h\"\naggregate = \"count\"");
    let same = Catalog::parse(&other.replace("\"c\"", "\"d\"")).unwrap();
    let differs = Catalog::parse(&feature("aggregate = \"count\"\nwindow = \"2h\"")).unwrap();
    assert_eq!(one.version(), same.version());
    assert_ne!(one.version(), differs.version());
    assert_eq!(one.version().len(), 16);
}

/// Catalogs of one feature with what is said of them.
fn wrong_features() -> [(String, &'static str); 13] {
    [
        (
            feature("agregate = \"count\""),
            "feature `f`: unknown key `agregate`; did you mean `aggregate`?",
        ),
        (
            feature("aggregate = \"sum\"\nwindow = \"1h\"\ncolumn = \"amount\""),
            "feature `f`: column `amount` is not a known column; did you mean `amount_minor`?",
        ),
        (
            feature("aggregate = \"sum\"\nwindow = \"1h\"\ncolumn = \"mcc\""),
            "feature `f`: column `mcc` is Text, `sum` needs an integer, so that sums are exact",
        ),
        (
            feature("aggregate = \"time_since\""),
            "feature `f`: unknown aggregate `time_since`; did you mean `time_since_last`?",
        ),
        (
            feature("aggregate = \"count\""),
            "feature `f`: `count` needs a window such as \"1h\"",
        ),
        (
            feature("aggregate = \"count\"\nwindows = [\"1h\", \"2h\"]"),
            "feature `f`: with several windows the name must contain `{window}`",
        ),
        (
            feature("aggregate = \"value\"\nexpression = \"amount_minor\"\nwindow = \"1h\""),
            "feature `f`: `value` takes no `window`; remove it",
        ),
        (
            feature("aggregate = \"count\"\nwindow = \"500d\""),
            "feature `f`: window: `500d` is longer than 400d",
        ),
        (
            feature("aggregate = \"ratio\"\nwindow = \"1h\""),
            "feature `f`: `ratio` needs a filter or a label: the records that it counts over the base",
        ),
        (
            feature(
                "aggregate = \"quantile\"\nquantile = 0.5\ncolumn = \"amount_minor\"\n\
                 window = \"30d\"\nresolution = \"1d\"",
            ),
            "feature `f`: `quantile` needs every record of its window by itself and takes no \
             `resolution`; remove it and give a `half_life` in place of the window, or a shorter \
             window, or use one of count,",
        ),
        (
            feature(
                "aggregate = \"entropy\"\ncolumn = \"bin\"\nwindow = \"30d\"\nresolution = \"1d\"",
            ),
            "feature `f`: `entropy` needs every record of its window by itself and takes no \
             `resolution`; remove it and give a shorter window, or use one of count,",
        ),
        (
            feature("aggregate = \"value\"\nexpression = \"amount_minor\"\nresolution = \"1d\""),
            "feature `f`: `value` takes no `resolution`; remove it, or use one of count, sum, mean, stddev,",
        ),
        (
            feature(
                "aggregate = \"max\"\ncolumn = \"amount_minor\"\nwindow = \"30d\"\n\
                 resolution = \"1d\"\nlast = 3",
            ),
            "feature `f`: `last` looks at single records, which a `resolution` does not keep; \
             remove one of them",
        ),
    ]
}

#[test]
fn errors_name_the_feature_and_the_nearest_name() {
    for (text, expected) in wrong_features() {
        let error = error(&text);
        assert!(error.starts_with(expected), "{error}\nis not\n{expected}");
    }
    let all = error(&feature(
        "aggregate = \"value\"\nexpression = \"amount_minor\"\nresolution = \"1d\"",
    ));
    assert!(all.ends_with(", max, ratio, distinct, id_reuses"), "{all}");
    assert!(error("naem = \"c\"").contains("did you mean `name`?"));
    let twice = feature(
        "aggregate = \"time_since_last\"\n[[feature]]\nname = \"f\"\naggregate = \"time_since_last\"",
    );
    assert!(error(&twice).contains("used twice"));
    let filter = feature("aggregate = \"count\"\nwindow = \"1h\"\nfilter = \"amout_minor > 3\"");
    assert!(
        error(&filter).contains("amount_minor"),
        "{}",
        error(&filter)
    );
}
