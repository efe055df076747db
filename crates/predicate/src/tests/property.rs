//! Random expressions over random rows, against an evaluator that works on one row at a time and
//! shares nothing with the product but the language.

use super::expressions::{boolean, number};
use super::naive::*;
use super::*;

/// Expressions tried, and rows for each: more than two blocks, the last one partial.
pub(super) const EXPRESSIONS: u64 = 3_000;
pub(super) const ROWS: usize = 150;

#[test]
fn predicates_equal_the_naive_evaluator() {
    let scope = scope();
    let mut checked = 0;
    for seed in 0..EXPRESSIONS {
        let mut random = Random(seed);
        let rows: Vec<Row> = (0..ROWS).map(|_| row(&mut random)).collect();
        let (sql, naive) = boolean(&mut random, 4);
        let predicate = match Predicate::parse(&sql, &scope) {
            Err(PredicateError::TooManyOperators { .. } | PredicateError::TooDeep { .. }) => {
                continue;
            }
            other => other.unwrap(),
        };
        // A slice shifts values and validity bits.
        let shift = random.below(70);
        let columns: Vec<ArrayRef> = arrays(predicate.inputs(), &rows)
            .iter()
            .map(|array| array.slice(shift, ROWS - shift))
            .collect();
        let found: Vec<bool> = predicate.evaluate(&columns, ROWS - shift).iter().collect();
        let again = Predicate::parse(&sql, &scope).unwrap();
        assert_eq!(predicate.canonical(), again.canonical());
        checked += 1;
        for (row, found) in rows[shift..].iter().zip(found) {
            assert_eq!(
                found,
                naive(row) == Some(true),
                "seed {seed}: {sql} on {row:?}"
            );
        }
    }
    assert!(checked > EXPRESSIONS * 9 / 10, "{checked}");
}

#[test]
fn expressions_equal_the_naive_evaluator() {
    let scope = scope();
    let mut checked = 0;
    for seed in 0..EXPRESSIONS {
        let mut random = Random(seed ^ 0xABCD);
        let rows: Vec<Row> = (0..ROWS).map(|_| row(&mut random)).collect();
        let (sql, _, naive) = number(&mut random, 4);
        let expression = match Expression::parse(&sql, &scope) {
            Err(PredicateError::TooManyOperators { .. } | PredicateError::TooDeep { .. }) => {
                continue;
            }
            other => other.unwrap(),
        };
        let found = expression.evaluate(&arrays(expression.inputs(), &rows), ROWS);
        checked += 1;
        for (row, found) in rows.iter().zip(found.iter()) {
            let wanted = naive(row).map(as_float);
            let same = found == wanted || found.map(f64::to_bits) == wanted.map(f64::to_bits);
            assert!(
                same,
                "seed {seed}: {sql} on {row:?}: {found:?}, wanted {wanted:?}"
            );
        }
    }
    assert!(checked > EXPRESSIONS * 9 / 10, "{checked}");
}
