//! Every instruction set gives the bits of the definition.

mod support;

use support::random::{Growth, Rng, Shape, rows};
use tillwatch_trees::{Forest, InstructionSet, Precision, Predictor, Scratch};

const BATCH_SIZES: [usize; 20] = [
    0, 1, 2, 7, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 192, 255, 256, 257, 320, 1000,
];

/// Fails if some instruction set scores `rows` of `forest` otherwise than the definition does.
fn check(forest: &Forest, rows: &[Vec<f64>], sizes: &[usize], context: &str) {
    let expected: Vec<u64> = (rows.iter().map(|row| forest.raw_score(row).to_bits())).collect();
    let columns: Vec<Vec<f64>> = (0..forest.features().len())
        .map(|feature| rows.iter().map(|row| row[feature]).collect())
        .collect();
    let mut scratch = Scratch::default();
    for set in sets() {
        let predictor = Predictor::with_instruction_set(forest, set);
        for size in sizes.iter().filter(|size| **size <= rows.len()) {
            // The last rows, so that batches differ in content too.
            let first = rows.len() - size;
            let columns: Vec<&[f64]> = columns.iter().map(|column| &column[first..]).collect();
            let mut out = vec![f64::NAN; *size];
            predictor.predict(&columns, &mut out, &mut scratch);
            for (row, (out, expected)) in out.iter().zip(&expected[first..]).enumerate() {
                assert_eq!(
                    out.to_bits(),
                    *expected,
                    "{context}, {set}, batch of {size}, row {row}: {out}, not {}; {:?}",
                    f64::from_bits(*expected),
                    rows[first + row],
                );
            }
        }
    }
}

/// All; under Miri, which takes its time, that with most unsafe code.
fn sets() -> Vec<InstructionSet> {
    let mut sets = InstructionSet::all();
    if cfg!(miri) {
        sets.drain(..sets.len() - 1);
    }
    if cfg!(all(miri, target_feature = "avx512vbmi")) {
        assert_eq!(sets[0].to_string(), "avx512", "some other feature is off");
    }
    sets
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri, which has a test of its own")]
fn random_forests_and_odd_rows() {
    for seed in 0..250 {
        let mut rng = Rng::new(seed);
        let shape = Shape::any(&mut rng);
        let forest = shape.forest(&mut rng);
        let rows = rows(&mut rng, &forest, 320);
        let sizes = [1, 17, 40, 320];
        check(&forest, &rows, &sizes, &format!("seed {seed}, {shape:?}"));
    }
}

/// Trees too large for masks, on few columns and on more than a register or a byte can name.
#[test]
#[cfg_attr(miri, ignore = "hours under Miri, which has a test of its own")]
fn walks_of_single_rows() {
    let shapes = [(1, 70), (10, 65), (20, 64), (40, 130), (70, 3), (150, 10)];
    for (seed, (features, trees)) in shapes.into_iter().enumerate() {
        for odd in [false, true] {
            let mut rng = Rng::new(seed as u64);
            let shape = Shape {
                odd,
                ..Shape::of(features, trees, 100)
            };
            let forest = shape.forest(&mut rng);
            let rows = rows(&mut rng, &forest, 60);
            let context = format!("{features} features, {trees} trees, odd {odd}");
            check(&forest, &rows, &[1, 60], &context);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri, which has a test of its own")]
fn every_batch_size() {
    for (seed, input) in [(1, Precision::Single), (2, Precision::Double)] {
        let mut rng = Rng::new(seed);
        let shape = Shape {
            categories: 0.3,
            categories_end: 300,
            odd: true,
            input,
            sum: input,
            ..Shape::of(12, 20, 31)
        };
        let forest = shape.forest(&mut rng);
        let rows = rows(&mut rng, &forest, 1000);
        check(&forest, &rows, &BATCH_SIZES, &format!("{input:?}"));
    }
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri, which has a test of its own")]
fn trees_of_every_size() {
    for leaves in [
        1, 2, 31, 32, 33, 64, 65, 128, 129, 256, 257, 600, 1024, 1025, 3000,
    ] {
        for growth in [Growth::Balanced, Growth::Chain, Growth::Random] {
            for sum in [Precision::Single, Precision::Double] {
                let mut rng = Rng::new(leaves as u64);
                let shape = Shape {
                    growth,
                    input: sum,
                    sum,
                    ..Shape::of(5, 2, leaves)
                };
                let forest = shape.forest(&mut rng);
                let rows = rows(&mut rng, &forest, 150);
                check(&forest, &rows, &[3, 20, 150], &format!("{shape:?}"));
            }
        }
    }
}

/// Small enough for an interpreter, and through every loop that instructions have of their own: bounds that
/// are searched at every depth, tables of 64, 128 and 256 leaves of either precision, categories, blocks that
/// are full and not.
#[test]
fn few_rows_through_every_loop() {
    for (leaves, categories) in [(20, 0.0), (40, 0.6), (70, 0.0), (130, 0.0)] {
        for sum in [Precision::Single, Precision::Double] {
            let mut rng = Rng::new(leaves as u64);
            let shape = Shape {
                categories,
                categories_end: 70,
                odd: true,
                input: sum,
                sum,
                ..Shape::of(if categories > 0.0 { 3 } else { 1 }, 1, leaves)
            };
            let forest = shape.forest(&mut rng);
            let rows = rows(&mut rng, &forest, 66);
            check(&forest, &rows, &[66], &format!("{shape:?}"));
        }
    }
}

/// As [`few_rows_through_every_loop`], rows one by one: their bounds are counted and their trees walked in
/// vectors, on few columns and on more than a register names.
#[test]
fn few_walks_of_single_rows() {
    for (features, trees) in [(2, 9), (70, 3)] {
        let mut rng = Rng::new(features as u64);
        let forest = Shape::of(features, trees, 80).forest(&mut rng);
        let rows = rows(&mut rng, &forest, 4);
        check(
            &forest,
            &rows,
            &[1, 4],
            &format!("{features} features, {trees} trees"),
        );
    }
}
