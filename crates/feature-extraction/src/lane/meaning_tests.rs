//! What a feature says is what its state means: a word of it that changes makes it new, its name does not.

use tillwatch_testkit::stream::Event;

use super::edit_tests::{edit, hours};
use super::tests::{fold_part, sale};

/// Features in words that stand for themselves, and one of these words as it may be changed.
const CHANGES: [(&str, &str, &str); 24] = [
    (
        "aggregate = 'count'\nfilter = \"entry_mode = '05'\"\nwindow = '1h'",
        "05",
        "07",
    ),
    (
        "aggregate = 'sum'\ncolumn = 'amount_minor'\nwindow = '1h'",
        "amount_minor",
        "stan",
    ),
    (
        "aggregate = 'ewma_mean'\nexpression = 'amount_minor + 1'\nhalf_life = '1d'",
        "+",
        "*",
    ),
    (
        "aggregate = 'stddev'\ncolumn = 'amount_minor'\nwindow = '1h'",
        "amount_minor",
        "stan",
    ),
    (
        "aggregate = 'slope'\ncolumn = 'amount_minor'\nwindow = '1h'",
        "amount_minor",
        "stan",
    ),
    (
        "aggregate = 'max'\ncolumn = 'amount_minor'\nwindow = '1h'",
        "amount_minor",
        "stan",
    ),
    (
        "aggregate = 'max'\nexpression = 'ln(amount_minor)'\nwindow = '1h'",
        "ln",
        "abs",
    ),
    (
        "aggregate = 'distinct'\ncolumn = 'card_token'\nwindow = '1h'",
        "card_token",
        "currency",
    ),
    (
        "aggregate = 'distinct'\ncolumns = ['card_token', 'mcc']\nwindow = '1h'",
        "mcc",
        "currency",
    ),
    (
        "aggregate = 'quantile'\nquantile = 0.5\ncolumn = 'amount_minor'\nwindow = '1h'",
        "amount_minor",
        "stan",
    ),
    (
        "aggregate = 'robust_z'\nscale = 'linear'\ncolumn = 'amount_minor'\nwindow = '1h'",
        "linear",
        "log",
    ),
    (
        "aggregate = 'ratio'\nfilter = \"entry_mode = '05'\"\nbase = \"currency = 'EUR'\"\nwindow = '1h'",
        "EUR",
        "USD",
    ),
    (
        "aggregate = 'ratio'\nfilter = \"entry_mode = '05'\"\nwindow = '1h'\nstrength = 2\nprior = 0.5\n\
         cohort = ['mcc', 'currency']",
        "currency",
        "entry_mode",
    ),
    (
        "aggregate = 'ratio'\nfilter = \"entry_mode = '05'\"\nwindow = '1h'\nstrength = 2\nprior = 0.5\n\
         cohort = ['mcc', 'currency']\nhalf_life = '1d'",
        "1d",
        "2d",
    ),
    (
        "aggregate = 'inter_arrival_mean'\nfilter = \"entry_mode = '05'\"\nwindow = '1h'",
        "05",
        "07",
    ),
    (
        "aggregate = 'time_since_last'\nfilter = \"entry_mode = '05'\"",
        "05",
        "07",
    ),
    (
        "aggregate = 'changed'\ncolumn = 'card_token'",
        "card_token",
        "currency",
    ),
    (
        "aggregate = 'changes'\ncolumn = 'card_token'\nwindow = '1h'",
        "card_token",
        "currency",
    ),
    (
        "aggregate = 'ewma_mean'\ncolumn = 'amount_minor'\nhalf_life = '1d'",
        "amount_minor",
        "stan",
    ),
    (
        "aggregate = 'ewma_mean'\ncolumn = 'amount_minor'\nhalf_life = '1d'",
        "1d",
        "2d",
    ),
    (
        "aggregate = 'hour_of_week_rate'\nhalf_life = '7d'",
        "7d",
        "8d",
    ),
    (
        "aggregate = 'quantile'\nquantile = 0.5\ncolumn = 'amount_minor'\nhalf_life = '7d'",
        "7d",
        "8d",
    ),
    (
        "aggregate = 'sequence_gap'\ncolumn = 'stan'\nwrap = 1000",
        "1000",
        "2000",
    ),
    (
        "aggregate = 'count'\nlabel = \"label_kind = 'TC40'\"\nwindow = '1h'",
        "TC40",
        "SAFE",
    ),
];

/// A record that most of them count.
fn events() -> [Event; 2] {
    [sale("a", 0, hours(0.0)), sale("a", 1, hours(0.2))]
}

#[test]
fn a_word_that_changes_makes_a_feature_new() {
    for (words, from, to) in CHANGES {
        let before = format!("name = \"f\"\n{words}");
        let after = before.replace(from, to);
        assert_ne!(before, after);
        let (_, edited) = edit(&[&before], &[&after], &events());
        assert_eq!(edited.kept, [""; 0], "{after}");
        let rebuilt = edited.rebuilt.iter().map(|rebuilt| &*rebuilt.feature);
        assert_eq!(rebuilt.collect::<Vec<_>>(), ["f"], "{after}");
    }
}

#[test]
fn a_name_that_changes_makes_nothing_new() {
    for (words, ..) in CHANGES {
        let [before, after] = ["f", "g"].map(|name| format!("name = \"{name}\"\n{words}"));
        let (_, edited) = edit(&[&before], &[&after], &events());
        assert_eq!(edited.kept, ["g"], "{after}");
        assert!(edited.rebuilt.is_empty(), "{after}");
    }
}

/// Rows are their own count where each is one record; where compaction leaves some, each has a count.
#[test]
fn rows_that_were_their_own_count_get_one() {
    let count = "name = \"n\"\naggregate = \"count\"\nwindow = \"1h\"";
    let largest = "name = \"max\"\naggregate = \"max\"\ncolumn = \"amount_minor\"\n\
                   window = \"24h\"\nresolution = \"1h\"";
    let (mut new, edited) = edit(&[count], &[count, largest], &events());
    assert_eq!(edited.kept, ["n"]);
    let rows = fold_part(
        &mut new,
        &[sale("a", 2, hours(1.1)), sale("a", 3, hours(2.0))],
        2,
    );
    let counts = rows.iter().map(|row| row.values[0]);
    assert_eq!(counts.collect::<Vec<_>>(), [Some(2.0), Some(2.0)]);
}
