//! Contributions are Shapley values by definition, and do not depend on batches or instruction sets.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; the lint only knows functions marked as tests"
)]

mod support;

use support::golden::cases;
use support::random::{Growth, Rng, Shape, rows};
use tillwatch_trees::{
    Child, ExplainScratch, Explainer, Forest, InstructionSet, Leaf, Link, Node, PathExplainer,
    Precision, Sum, Test, Tree, TreeError,
};

/// What a tree is expected to say of a row of which only the features in `known` are known.
fn expectation(tree: &Tree, at: Child, value: &dyn Fn(u32) -> f64, known: u32) -> f64 {
    let node = match at {
        Child::Leaf(leaf) => return tree.leaves()[leaf as usize].value,
        Child::Node(node) => &tree.nodes()[node as usize],
    };
    if known >> node.feature & 1 == 1 {
        let left = tree.goes_left(node, value(node.feature));
        let child = if left { node.left } else { node.right };
        return expectation(tree, child, value, known);
    }
    let cover = |child| match child {
        Child::Leaf(leaf) => tree.leaves()[leaf as usize].cover,
        Child::Node(node) => tree.nodes()[node as usize].cover,
    };
    let share = |child| match node.cover {
        0.0 => 0.5,
        all => cover(child) / all,
    };
    let part = |child| share(child) * expectation(tree, child, value, known);
    part(node.left) + part(node.right)
}

/// Contributions and, last, the bias by the definition of Shapley values: the mean, over all orders in
/// which features become known, of the change of the expectation when a feature does.
fn by_definition(forest: &Forest, row: &[f64]) -> Vec<f64> {
    let features = forest.features().len();
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    let weight =
        |size: usize| factorial(size) * factorial(features - size - 1) / factorial(features);
    let value = |feature: u32| forest.input().round(row[feature as usize]);
    let mut contributions = vec![0.0; features + 1];
    contributions[features] = forest.sum().start;
    for tree in forest.trees() {
        let root = match tree.nodes() {
            [] => Child::Leaf(0),
            _ => Child::Node(0),
        };
        let of: Vec<f64> = (0..1_u32 << features)
            .map(|known| expectation(tree, root, &value, known))
            .collect();
        contributions[features] += of[0];
        for (feature, contribution) in contributions[..features].iter_mut().enumerate() {
            for known in (0..1_usize << features).filter(|known| known >> feature & 1 == 0) {
                let change = of[known | 1 << feature] - of[known];
                *contribution += weight(known.count_ones() as usize) * change;
            }
        }
    }
    let divisor = forest.sum().divisor.unwrap_or(1.0);
    contributions.iter().map(|of| of / divisor).collect()
}

/// The same forest with other covers: `weigh` gives them, from what they were.
fn with_covers(forest: &Forest, mut weigh: impl FnMut(f64) -> f64) -> Forest {
    let mut tree = |tree: &Tree| {
        let node = |node: &Node| Node {
            cover: weigh(node.cover),
            ..*node
        };
        let nodes = tree.nodes().iter().map(node).collect();
        let leaf = |leaf: &Leaf| Leaf {
            cover: weigh(leaf.cover),
            ..*leaf
        };
        let leaves = tree.leaves().iter().map(leaf).collect();
        Tree::new(nodes, leaves, tree.sets().to_vec()).unwrap()
    };
    Forest::new(
        forest.features().to_vec(),
        forest.trees().iter().map(&mut tree).collect(),
        forest.input(),
        forest.sum(),
        forest.link(),
    )
    .unwrap()
}

/// Covers from the leaves up, a third of the leaves being without any.
fn with_empty_leaves(rng: &mut Rng, forest: &Forest) -> Forest {
    let tree = |tree: &Tree| {
        let mut leaves = tree.leaves().to_vec();
        for leaf in &mut leaves {
            if rng.chance(0.4) {
                leaf.cover = 0.0;
            }
        }
        leaves[0].cover = 5.0;
        let mut nodes = tree.nodes().to_vec();
        for at in (0..nodes.len()).rev() {
            let cover = |child| match child {
                Child::Leaf(leaf) => leaves[leaf as usize].cover,
                Child::Node(node) => nodes[node as usize].cover,
            };
            nodes[at].cover = cover(nodes[at].left) + cover(nodes[at].right);
        }
        Tree::new(nodes, leaves, tree.sets().to_vec()).unwrap()
    };
    Forest::new(
        forest.features().to_vec(),
        forest.trees().iter().map(tree).collect(),
        forest.input(),
        forest.sum(),
        forest.link(),
    )
    .unwrap()
}

fn columns(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let features = rows.first().map_or(0, Vec::len);
    (0..features)
        .map(|feature| rows.iter().map(|row| row[feature]).collect())
        .collect()
}

fn explain(explainer: &Explainer, rows: &[Vec<f64>], scratch: &mut ExplainScratch) -> Vec<f64> {
    let columns = columns(rows);
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let mut out = vec![f64::NAN; rows.len() * columns.len()];
    explainer.contributions(&columns, rows.len(), &mut out, scratch);
    out
}

fn is_near(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= 1e-9 * scale
}

fn largest_leaf(forest: &Forest) -> f64 {
    let leaves = forest.trees().iter().flat_map(Tree::leaves);
    leaves.map(|leaf| leaf.value.abs()).fold(1e-12, f64::max)
}

fn check_by_definition(forest: &Forest, rng: &mut Rng, case: &str) {
    let explainer = Explainer::new(forest).unwrap();
    let rows = rows(rng, forest, 10);
    let got = explain(&explainer, &rows, &mut ExplainScratch::default());
    let scale = largest_leaf(forest);
    for (row, got) in rows.iter().zip(got.chunks(forest.features().len())) {
        let expected = by_definition(forest, row);
        let (bias, expected) = expected.split_last().unwrap();
        assert!(
            is_near(explainer.bias(), *bias, scale),
            "{case}: bias {} is not {bias}",
            explainer.bias()
        );
        for (feature, (got, expected)) in got.iter().zip(expected).enumerate() {
            assert!(
                is_near(*got, *expected, scale),
                "{case}, feature {feature}: {got} is not {expected}"
            );
        }
    }
}

fn small(rng: &mut Rng) -> Shape {
    Shape {
        features: rng.pick(&[1, 2, 3, 5, 8]),
        trees: rng.pick(&[1, 2, 5]),
        leaves_max: rng.pick(&[1, 2, 3, 4, 5, 8, 20, 40]),
        categories: rng.pick(&[0.0, 0.5]),
        categories_end: 10,
        ..Shape::any(rng)
    }
}

#[test]
fn contributions_are_shapley_values() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let forest = small(&mut rng).forest(&mut rng);
        check_by_definition(&forest, &mut rng, &format!("seed {seed}"));
    }
}

#[test]
fn contributions_are_those_of_the_reference_libraries() {
    let mut explained = 0;
    let mut scratch = ExplainScratch::default();
    for case in cases() {
        if case.rows.iter().all(|row| row.contributions.is_empty()) {
            continue;
        }
        explained += 1;
        let forest = &case.model.forest;
        let explainer = Explainer::new(forest).unwrap();
        let rows: Vec<_> = case.rows.iter().map(|row| row.inputs.clone()).collect();
        let got = explain(&explainer, &rows, &mut scratch);
        let got = got.chunks(forest.features().len());
        for (position, (row, got)) in case.rows.iter().zip(got).enumerate() {
            // XGBoost computes in singles: its error is of the size of what it adds up.
            let all = row.contributions.iter().map(|of| of.abs());
            let tolerance = match case.is_single {
                true => 1e-6 * all.fold(1.0, f64::max),
                false => 1e-11 * all.fold(1.0, f64::max),
            };
            let got = got.iter().copied().chain([explainer.bias()]);
            for (feature, (got, expected)) in got.zip(&row.contributions).enumerate() {
                assert!(
                    (got - expected).abs() <= tolerance,
                    "{}, row {position}, feature {feature}: {got} is not {expected}",
                    case.name
                );
            }
        }
    }
    assert!(explained > 10, "{explained} cases");
}

#[test]
fn a_feature_may_return_on_a_way() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let shape = Shape {
            features: 1 + rng.below(3),
            leaves_max: 30,
            growth: Growth::Chain,
            ..small(&mut rng)
        };
        let forest = shape.forest(&mut rng);
        check_by_definition(&forest, &mut rng, &format!("seed {seed}"));
    }
}

#[test]
fn branches_may_be_without_cover() {
    for seed in 0..80 {
        let mut rng = Rng::new(seed);
        let forest = small(&mut rng).forest(&mut rng);
        let forest = with_empty_leaves(&mut rng, &forest);
        check_by_definition(&forest, &mut rng, &format!("seed {seed}"));
    }
}

#[test]
fn covers_of_children_may_be_off_their_parents() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let forest = small(&mut rng).forest(&mut rng);
        let forest = with_covers(&forest, |cover| cover * (1.0 - 0.05 * rng.unit()));
        check_by_definition(&forest, &mut rng, &format!("seed {seed}"));
    }
}

#[test]
fn contributions_and_bias_add_up_to_the_raw_score() {
    for seed in 0..120 {
        let mut rng = Rng::new(1000 + seed);
        let forest = Shape::any(&mut rng).forest(&mut rng);
        let explainer = Explainer::new(&forest).unwrap();
        let rows = rows(&mut rng, &forest, 12);
        let got = explain(&explainer, &rows, &mut ExplainScratch::default());
        let scale = match forest.sum().precision {
            Precision::Double => 1e-11,
            Precision::Single => 1e-6,
        } * (forest.trees().len() as f64 * largest_leaf(&forest))
            .max(forest.sum().start.abs());
        let cheap = PathExplainer::new(&forest).unwrap();
        let columns = columns(&rows);
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut along = vec![f64::NAN; got.len()];
        cheap.contributions(&columns, rows.len(), &mut along);
        for (explanation, bias, of) in [
            ("exact", explainer.bias(), got),
            ("cheap", cheap.bias(), along),
        ] {
            for (row, of) in rows.iter().zip(of.chunks(forest.features().len())) {
                let sum = bias + of.iter().sum::<f64>();
                let raw = forest.raw_score(row);
                assert!(
                    (sum - raw).abs() <= scale,
                    "seed {seed}, {explanation}: {sum} is not {raw}"
                );
            }
        }
    }
}

#[test]
fn one_split_is_explained_alike_by_both() {
    let mut rng = Rng::new(5);
    let forest = Shape::of(4, 30, 2).forest(&mut rng);
    let rows = rows(&mut rng, &forest, 20);
    let exact = explain(
        &Explainer::new(&forest).unwrap(),
        &rows,
        &mut ExplainScratch::default(),
    );
    let columns = columns(&rows);
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let mut cheap = vec![f64::NAN; exact.len()];
    PathExplainer::new(&forest)
        .unwrap()
        .contributions(&columns, rows.len(), &mut cheap);
    let scale = 30.0 * largest_leaf(&forest);
    let mut pairs = exact.iter().zip(&cheap);
    assert!(pairs.all(|(exact, cheap)| is_near(*exact, *cheap, scale)));
}

#[test]
fn along_the_way_a_split_is_credited_with_the_change_of_the_expectation() {
    // f0 parts 100 records into 60 and 40; f1 parts the 40 into 10 and 30.
    let below = |feature, left, right, cover| Node {
        feature,
        test: Test::AtMost {
            bound: 0.0,
            missing_left: false,
            zero_is_missing: false,
        },
        left,
        right,
        cover,
    };
    let nodes = vec![
        below(0, Child::Leaf(0), Child::Node(1), 100.0),
        below(1, Child::Leaf(1), Child::Leaf(2), 40.0),
    ];
    let leaf = |value, cover| Leaf { value, cover };
    let leaves = vec![leaf(1.0, 60.0), leaf(2.0, 10.0), leaf(6.0, 30.0)];
    let forest = Forest::new(
        vec!["f0".to_owned(), "f1".to_owned()],
        vec![Tree::new(nodes, leaves, Vec::new()).unwrap()],
        Precision::Double,
        Sum {
            precision: Precision::Double,
            start: 0.0,
            divisor: None,
        },
        Link::Identity,
    )
    .unwrap();
    let mut out = [f64::NAN; 4];
    let explainer = PathExplainer::new(&forest).unwrap();
    explainer.contributions(&[&[1.0, -1.0], &[1.0, 1.0]], 2, &mut out);
    // The expectation is 2.6 at the root and 5 at the second node.
    assert!(is_near(explainer.bias(), 2.6, 1.0));
    for (got, expected) in out.iter().zip([2.4, 1.0, -1.6, 0.0]) {
        assert!(is_near(*got, expected, 1.0), "{out:?}");
    }
}

#[test]
fn neither_batches_nor_instruction_sets_change_a_bit() {
    for seed in 0..30 {
        let mut rng = Rng::new(2000 + seed);
        let forest = Shape::any(&mut rng).forest(&mut rng);
        let all = rows(&mut rng, &forest, 257);
        let features = forest.features().len();
        let mut expected: Option<Vec<u64>> = None;
        for set in InstructionSet::all() {
            let explainer = Explainer::with_instruction_set(&forest, set).unwrap();
            let mut scratch = ExplainScratch::default();
            for size in [1, 2, 7, 8, 9, 64, 257] {
                let batches = all.chunks(size);
                let got: Vec<u64> = batches
                    .flat_map(|batch| explain(&explainer, batch, &mut scratch))
                    .map(f64::to_bits)
                    .collect();
                assert!(got.len() == 257 * features);
                let expected = expected.get_or_insert_with(|| got.clone());
                assert!(got == *expected, "seed {seed}, {set}, batches of {size}");
            }
        }
    }
}

#[test]
fn scratch_serves_any_forest() {
    let mut scratch = ExplainScratch::default();
    for seed in 0..40 {
        let mut rng = Rng::new(3000 + seed);
        let forest = Shape::any(&mut rng).forest(&mut rng);
        let explainer = Explainer::new(&forest).unwrap();
        let rows = rows(&mut rng, &forest, 9);
        let used = explain(&explainer, &rows, &mut scratch);
        let fresh = explain(&explainer, &rows, &mut ExplainScratch::default());
        assert!(used == fresh, "seed {seed}");
    }
}

#[test]
fn a_forest_without_covers_is_refused() {
    let mut rng = Rng::new(1);
    let forest = Shape::of(3, 4, 8).forest(&mut rng);
    let bare = with_covers(&forest, |_| 0.0);
    let refusal = Explainer::new(&bare).unwrap_err();
    assert!(matches!(refusal, TreeError::Unsupported { .. }));
    assert!(refusal.to_string().contains("no cover"), "says {refusal}");
}

#[test]
fn covers_that_no_records_could_leave_are_refused() {
    let mut rng = Rng::new(1);
    let forest = Shape::of(3, 1, 8).forest(&mut rng);
    let mut first = true;
    let forest = with_covers(&forest, |cover| {
        let root = std::mem::take(&mut first);
        if root { 1e-300 } else { cover }
    });
    let refusal = Explainer::new(&forest).unwrap_err();
    assert!(matches!(refusal, TreeError::Structure { tree: 0, .. }));
}
