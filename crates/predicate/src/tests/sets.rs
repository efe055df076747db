//! Random sets, whose members have much in common, against each member by itself.

use super::expressions::{boolean, number};
use super::naive::{Random, Row, arrays, row, scope};
use super::property::{EXPRESSIONS, ROWS};
use super::*;
use arrow::array::Array as _;
use arrow::buffer::BooleanBuffer;

/// Texts around the longest that a test by code takes, and such as codes are.
const CODES: [&str; 14] = [
    "",
    "0",
    "01",
    "0100",
    "0120",
    "0200",
    "02",
    "60",
    "601",
    "123456",
    "1234567",
    "12345678",
    "\u{1}\u{7}",
    "0\0",
];

/// Tests that filters are full of.
fn code_test(random: &mut Random) -> String {
    let operand = random.pick(&[
        "s",
        "left(s, 2)",
        "left(s, -1)",
        "left(s, 9223372036854775807)",
        "right(s, 3)",
        "right(s, 0)",
        "substr(s, 2, 7)",
        "substr(s, -1, 3)",
        "substr(s, 3)",
        "upper(s)",
        "coalesce(s, '01')",
        "left(s, i)",
    ]);
    let texts = CODES.iter().chain(&["é", "aé", "ab", "b;;aé"]);
    let texts: Vec<String> = texts.map(|text| format!("'{text}'")).collect();
    match random.below(5) {
        0 => format!("{operand} = {}", random.pick(&texts)),
        1 => format!("{operand} <> {}", random.pick(&texts)),
        2 => format!("({operand} IS NULL OR {operand} < {})", random.pick(&texts)),
        _ => {
            let most = random.pick(&[2, 4, 12]);
            let items: Vec<String> = (0..1 + random.below(most))
                .map(|_| random.pick(&texts))
                .collect();
            let not = random.pick(&["", "NOT "]);
            format!("{operand} {not}IN ({})", items.join(", "))
        }
    }
}

/// Conditions made of a few parts, so that the same parts come again.
fn conditions(random: &mut Random) -> Vec<String> {
    let parts: Vec<String> = (0..6)
        .map(|_| match random.below(2) {
            0 => boolean(random, 2).0,
            _ => code_test(random),
        })
        .collect();
    let all = (0..8).map(|_| {
        let (a, b, c) = (
            random.pick(&parts),
            random.pick(&parts),
            random.pick(&parts),
        );
        match random.below(4) {
            0 => a,
            1 => format!("({a}) AND ({b})"),
            2 => format!("({a}) AND (({b}) OR NOT ({c}))"),
            _ => format!("CASE WHEN ({a}) THEN ({b}) ELSE ({c}) END"),
        }
    });
    all.collect()
}

/// Rows whose text is ASCII in one half of the cases and anything in the other.
fn rows_of(random: &mut Random) -> Vec<Row> {
    let is_ascii = random.below(2) == 0;
    (0..ROWS)
        .map(|_| {
            let mut row = row(random);
            if is_ascii || random.below(2) == 0 {
                row.s = row.s.map(|_| random.pick(&CODES).to_owned());
            }
            row
        })
        .collect()
}

#[test]
fn sets_give_what_their_members_give() {
    let scope = scope();
    let mut shared = 0;
    for seed in 0..EXPRESSIONS / 4 {
        let mut random = Random(seed ^ 0x5E7);
        let rows = rows_of(&mut random);
        let conditions = conditions(&mut random);
        let parsed = conditions
            .iter()
            .filter_map(|sql| Predicate::parse(sql, &scope).ok());
        let predicates: Vec<Predicate> = parsed.collect();
        let inner = number(&mut random, 2).0;
        let cases = conditions.iter().take(4).map(|condition| {
            let other = number(&mut random, 2).0;
            format!("CASE WHEN {condition} THEN {inner} ELSE {other} + ({inner}) END")
        });
        let parsed = cases.filter_map(|sql| Expression::parse(&sql, &scope).ok());
        let expressions: Vec<Expression> = parsed.collect();
        let members: Vec<&Predicate> = predicates.iter().collect();
        let set = PredicateSet::new(&members, &expressions.iter().collect::<Vec<_>>());
        shared += usize::from(format!("{set:?}").contains("Shared(Shared"));
        let shift = random.below(70);
        let columns = |names: &[String]| -> Vec<ArrayRef> {
            let arrays = arrays(names, &rows);
            let slices = arrays.iter().map(|array| array.slice(shift, ROWS - shift));
            slices.collect()
        };
        let found = set.evaluate(&columns(set.inputs()), ROWS - shift);
        assert_eq!(found.predicates.len(), predicates.len());
        let mut words = vec![vec![7]; 3];
        set.evaluate_words(&columns(set.inputs()), ROWS - shift, &mut words);
        assert_eq!(words.len(), predicates.len());
        for (words, found) in words.into_iter().zip(&found.predicates) {
            assert_eq!(BooleanBuffer::new(words.into(), 0, ROWS - shift), *found);
        }
        for (predicate, found) in predicates.iter().zip(&found.predicates) {
            let wanted = predicate.evaluate(&columns(predicate.inputs()), ROWS - shift);
            assert_eq!(*found, wanted, "seed {seed}: {}", predicate.canonical());
        }
        assert_eq!(found.expressions.len(), expressions.len());
        for (expression, found) in expressions.iter().zip(&found.expressions) {
            let wanted = expression.evaluate(&columns(expression.inputs()), ROWS - shift);
            let bits = |array: &Float64Array| -> Vec<Option<u64>> {
                array.iter().map(|v| v.map(f64::to_bits)).collect()
            };
            let text = expression.canonical();
            assert_eq!(bits(found), bits(&wanted), "seed {seed}: {text}");
            assert_eq!(found.nulls().is_some(), wanted.nulls().is_some());
        }
    }
    assert!(shared > 700, "{shared} sets share nodes");
}

#[test]
fn a_set_asks_once() {
    let parse = |sql: &str| Predicate::parse(sql, &schema()).unwrap();
    let members = [
        parse("left(mcc, 2) IN ('60', '54') AND amount_minor % 7 > 1"),
        parse("flagged AND left(mcc, 2) IN ('54', '60')"),
        parse("left(mcc, 2) = '60' OR amount_minor % 7 = 3"),
    ];
    let set = PredicateSet::new(&members.each_ref(), &[]);
    assert_eq!(set.inputs(), ["amount_minor", "flagged", "mcc"]);
    let shown = format!("{set:?}");
    expect!["slots: Slots { inputs: 3, logics: 1, ints: 1, floats: 0, codes: 1 }"]
        .assert_eq(&shown[shown.find("slots: ").unwrap()..shown.len() - 2]);
    let found = set.evaluate(&columns(set.inputs()), 4);
    let bits = |bits: &BooleanBuffer| -> String {
        bits.iter().map(|bit| if bit { '1' } else { '0' }).collect()
    };
    let found: Vec<String> = found.predicates.iter().map(bits).collect();
    assert_eq!(found, ["1000", "1001", "1001"]);
    let none = PredicateSet::new(&[], &[]).evaluate(&[], 4);
    assert!(none.predicates.is_empty() && none.expressions.is_empty());
}
