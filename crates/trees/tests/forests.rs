//! Random forests are what the generator says they are.

mod support;

use support::random::{Rng, Shape, rows};

#[test]
fn the_same_seed_gives_the_same_forest_and_rows() {
    let make = |seed| {
        let mut rng = Rng::new(seed);
        let forest = Shape::any(&mut rng).forest(&mut rng);
        let rows = rows(&mut rng, &forest, 20);
        let scores: Vec<u64> = rows.iter().map(|r| forest.raw_score(r).to_bits()).collect();
        (format!("{forest:?}"), scores)
    };
    for seed in 0..50 {
        assert!(make(seed) == make(seed), "seed {seed}");
    }
    assert!(make(1) != make(2));
}

#[test]
fn rows_reach_most_leaves() {
    let mut rng = Rng::new(7);
    let shape = Shape {
        categories: 0.3,
        categories_end: 100,
        ..Shape::of(10, 8, 31)
    };
    let forest = shape.forest(&mut rng);
    let rows = rows(&mut rng, &forest, 2000);
    let mut reached = 0;
    for tree in forest.trees() {
        let mut leaves = vec![false; tree.leaves().len()];
        for row in &rows {
            leaves[tree.leaf_of(|feature| row[feature as usize]) as usize] = true;
        }
        reached += leaves.iter().filter(|reached| **reached).count();
    }
    assert!(reached > 120, "reached {reached} of 248 leaves");
}
