use expect_test::expect;

use crate::{Catalog, EngineSettings, Plan};

/// A feature of each kind that is kept differently.
const CATALOG: &str = r#"
name = "small"

[[feature]]
name = "declines_{window}"
aggregate = "count"
filter = "response_code <> '00'"
windows = ["10m", "1h"]

[[feature]]
name = "amount_mean_90d"
aggregate = "mean"
column = "amount_minor"
window = "90d"
resolution = "1d"

[[feature]]
name = "decline_ratio_1h"
aggregate = "ratio"
filter = "response_code <> '00'"
window = "1h"
strength = 20.0
prior = 0.05
cohort = ["mcc"]

[[feature]]
name = "amount_max_1h"
aggregate = "max"
column = "amount_minor"
window = "1h"
exclude_current = true

[[feature]]
name = "distinct_cards_1h"
aggregate = "distinct"
columns = ["card_token", "bin"]
window = "1h"

[[feature]]
name = "amount_max_30d"
aggregate = "max"
column = "amount_minor"
window = "30d"
resolution = "1d"

[[feature]]
name = "distinct_cards_30d"
aggregate = "distinct"
columns = ["card_token", "bin"]
window = "30d"
resolution = "1d"

[[feature]]
name = "amount_median_1h"
aggregate = "quantile"
quantile = 0.5
column = "amount_minor"
window = "1h"
last = 5

[[feature]]
name = "fraud_1d"
aggregate = "ratio"
label = "label_kind = 'fraud'"
window = "1d"
delay = "7d"

[[feature]]
name = "rhythm_1h"
aggregate = "inter_arrival_cv"
window = "1h"

[[feature]]
name = "stan_gap"
aggregate = "sequence_gap"
column = "stan"

[[feature]]
name = "forks_1h"
aggregate = "sequence_forks"
column = "stan"
window = "1h"

[[feature]]
name = "amount_z"
aggregate = "robust_z"
column = "amount_minor"
scale = "log"
half_life = "28d"

[[feature]]
name = "is_refund"
aggregate = "value"
expression = "left(processing_code, 2) = '20'"
"#;

#[test]
fn explains_a_small_catalog() {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let plan = Plan::compile(&catalog, &EngineSettings::default()).unwrap();
    expect![[r#"
        catalog 6f09241b2c2064e5: 15 features, 80 bytes per record kept, for 8d 10m
        a late record changes every newer row of its key: those of 10m at most
        a late or refused one takes 6 features a look at each row in which its window and the newest differ
        after a start in the middle of a log, windows are whole 91d after its newest record, and 3 memories later (docs/catalog.md)

        row      at  bytes  what
        row       0      8  event time
        row       8      4  number of transactions where ("response_code" <> '00')
        row      12      4  number of transactions where amount_minor is known
        row      16      4  number of transactions
        row      20      4  number of turns of two counters of stan of transactions
        row      24      8  sum of amount_minor of transactions
        row      32     16  sum of squared times between transactions
        row      48      8  hash of (card_token, bin) of transactions
        row      56      8  value of amount_minor of transactions
        row      64      4  bucket of amount_minor of transactions
        row      68      8  identity of the transaction, for labels
        row      76      4  what the latest label says

        window   begin  end  at
        window       0   11  the record itself
        window       1    0  10m before
        window       7    0  1h before
        window       1    0  90d before, rounded down to 1d
        window       2    0  30d before, rounded down to 1d
        window       1    0  8d before
        window       0    1  7d before

        filter   features  of       predicate
        filter          3  records  ("response_code" <> '00')
        filter          1  labels   ("label_kind" = 'fraud')

        keep     per   features  bytes  besides                                               what
        keep     key         12     24                                                        6 places in the rows, one per window bound
        keep     key          1     16                                                        time of the last of transactions
        keep     key          1     16                                                        running number of transactions, whose label says ("label_kind" = 'fraud')
        keep     key          1      4                                                        row where the next label is looked for
        keep     key          2     16                                                        last numbers of stan of transactions
        keep     key          1     32  16 per entry, about ln n                              queue of largest amount_minor of transactions, of 1h
        keep     key          1     32  16 per entry, about ln n                              queue of largest amount_minor of transactions, of 31d
        keep     key          1      8  16 to 64 per value beyond 48 records, at most 96 KiB  distinct values of (card_token, bin) of transactions, of 1h
        keep     key          1      8  16 to 64 per value beyond 48 records, at most 96 KiB  distinct values of (card_token, bin) of transactions, of 30d
        keep     key          1      8                                                        histogram of amount_minor of transactions, of 1h
        keep     key          1      0  about ln n rows, at most one per pane                 old rows with the largest amount_minor of transactions, from 30d before, rounded down to 1d
        keep     key          1      0  a row per value, 1024 per doubling beyond 2048        newest old row of each (card_token, bin) of transactions, from 30d before, rounded down to 1d
        keep     key          1     72  12 to 18 per bucket, at most 96 KiB                   histogram of the logarithm of amount_minor of transactions, half-life 28d
        keep     lane         1      0  56 to 112 per cohort, at most 65536 of them           share of transactions where ("response_code" <> '00') among transactions, per mcc, half-life 28d

        feature  name                window           cost                                                formula
        feature  declines_10m        10m              difference of two rows                              number of transactions where ("response_code" <> '00')
        feature  declines_1h         1h               difference of two rows                              number of transactions where ("response_code" <> '00')
        feature  amount_mean_90d     90d, by 1d       difference of two rows                              mean of amount_minor of transactions
        feature  decline_ratio_1h    1h               difference of two rows                              share of transactions where ("response_code" <> '00') among transactions, drawn to 0.05 by 20 records, or to that of its mcc
        feature  amount_max_1h       1h before it     queue                                               largest amount_minor of transactions
        feature  distinct_cards_1h   1h               holds values beyond 48 records, else looks at each  distinct values of (card_token, bin) of transactions
        feature  amount_max_30d      30d, by 1d       queue                                               largest amount_minor of transactions
        feature  distinct_cards_30d  30d, by 1d       holds values beyond 48 records, else looks at each  distinct values of (card_token, bin) of transactions
        feature  amount_median_1h    1h, newest 5     looks at each of 5 records                          quantile 0.5 of amount_minor of transactions
        feature  fraud_1d            1d until 7d ago  running total that labels change                    share of transactions, whose label says ("label_kind" = 'fraud') among transactions
        feature  rhythm_1h           1h               search among the rows                               variation of the times between transactions
        feature  stan_gap                             16 bytes of memory per key                          numbers skipped: stan of transactions
        feature  forks_1h            1h               difference of two rows                              number of turns of two counters of stan of transactions
        feature  amount_z                             histogram per key, at most 96 KiB                   robust deviation of its own from the logarithm of amount_minor of transactions, half-life 28d
        feature  is_refund                            the record alone                                    double((substr("processing_code", 1, 2) = '20'))
    "#]].assert_eq(&plan.explain().to_string());
}

#[test]
fn the_fields_of_a_row_follow_each_other() {
    let catalog = Catalog::parse(CATALOG).unwrap();
    let explained = Plan::compile(&catalog, &EngineSettings::default())
        .unwrap()
        .explain();
    let mut at = 0;
    for field in &explained.row {
        assert_eq!(field.at, at, "{}", field.what);
        at += field.bytes;
    }
    assert_eq!(at, explained.bytes_per_record);
}
