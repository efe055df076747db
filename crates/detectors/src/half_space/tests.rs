use serde_json::Value;

use super::planes::{Plane, Planes};
use super::*;
use crate::random::SplitMix64;
use crate::tests::{golden, inputs, positions, random_row};

fn settings(trees: usize, height: usize, window: usize, dimensions: usize) -> HalfSpaceSettings {
    HalfSpaceSettings {
        seed: 1,
        trees,
        height,
        window,
        inputs: inputs(dimensions),
    }
}

/// The definition: masses are counted anew, from the rows of the window before, for every node on the way.
struct Naive<'a> {
    planes: &'a Planes,
    window: usize,
    rows: Vec<Vec<f64>>,
}

impl Naive<'_> {
    /// Node that `row` is at in `tree` after `depth` splits.
    fn node(&self, tree: usize, row: &[f64], depth: usize) -> usize {
        let mut node = 1;
        for _ in 0..depth {
            let plane = self.planes.plane(tree, node);
            let is_left = row[plane.feature as usize] < plane.threshold;
            node = 2 * node + usize::from(!is_left);
        }
        node
    }

    fn reference(&self) -> &[Vec<f64>] {
        let turned = self.rows.len() / self.window * self.window;
        &self.rows[turned.saturating_sub(self.window)..turned]
    }

    fn mass(&self, tree: usize, row: &[f64], depth: usize) -> usize {
        let node = self.node(tree, row, depth);
        let rows = self.reference().iter();
        rows.filter(|other| self.node(tree, other, depth) == node)
            .count()
    }

    fn score(&self, row: &[f64]) -> f64 {
        if self.reference().is_empty() {
            return 0.0;
        }
        let mut score = 0.0;
        for tree in 0..self.planes.trees() {
            for depth in 0..=self.planes.height() {
                let mass = self.mass(tree, row, depth);
                score += (mass << depth) as f64;
                if (mass as f64) < 0.1 * self.window as f64 {
                    break;
                }
            }
        }
        let most = self.planes.trees() * self.window * ((2 << self.planes.height()) - 1);
        1.0 - score / most as f64
    }

    /// Excess bits of the ways of `row`, over all features.
    fn bits(&self, row: &[f64]) -> f64 {
        let mut bits = 0.0;
        for tree in 0..self.planes.trees() {
            for depth in 0..self.planes.height() {
                let mass = self.mass(tree, row, depth) as f64;
                if mass < 0.1 * self.window as f64 {
                    break;
                }
                let share = (self.mass(tree, row, depth + 1) as f64 + 0.5) / (mass + 1.0);
                let entropy = -share * share.log2() - (1.0 - share) * (1.0 - share).log2();
                bits += -share.log2() - entropy;
            }
        }
        bits / self.planes.trees() as f64
    }
}

#[test]
fn masses_are_those_of_the_definition() {
    // More and fewer trees than are walked in step, and windows whose tenth is no whole number.
    for (trees, height, window, dimensions) in [(11, 4, 25, 3), (8, 1, 10, 1), (3, 6, 64, 5)] {
        let mut detector =
            HalfSpaceTrees::from_settings(&settings(trees, height, window, dimensions)).unwrap();
        let planes = Planes::draw(1, trees, height, dimensions);
        let mut naive = Naive {
            planes: &planes,
            window,
            rows: Vec::new(),
        };
        let mut random = SplitMix64::new(9);
        let mut shares = vec![0.0; dimensions];
        for number in 0..4 * window + 3 {
            let row = random_row(&mut random, dimensions);
            assert_eq!(detector.is_warm(), number >= window);
            let score = detector.score(&row);
            let row = positions(&row);
            assert_eq!(score.to_bits(), naive.score(&row).to_bits(), "row {number}");
            assert!((0.0..=1.0).contains(&score));
            detector.attribution(&mut shares);
            let sum: f64 = shares.iter().sum();
            let wanted = if number < window {
                0.0
            } else {
                naive.bits(&row)
            };
            assert!((sum - wanted).abs() < 1e-9, "row {number}: {sum} {wanted}");
            detector.learn();
            naive.rows.push(row);
        }
    }
}

#[test]
fn steps_of_river_are_reproduced() {
    let Some(golden) = golden("hst_river.json") else {
        return;
    };
    let number = |name: &str| golden[name].as_u64().unwrap() as usize;
    let (height, window) = (number("height"), number("window_size"));
    let trees = golden["trees"].as_array().unwrap();
    let mut planes = Planes::empty(trees.len(), height);
    for (number, tree) in trees.iter().enumerate() {
        place(tree, number, 1, &mut planes);
    }
    let rows: Vec<Vec<f64>> = serde_json::from_value(golden["x"].clone()).unwrap();
    let scores: Vec<f64> = serde_json::from_value(golden["scores"].clone()).unwrap();
    assert_eq!((rows.len(), scores.len()), (3_000, 3_000));
    let scaling = Scaling::new(&inputs(rows[0].len())).unwrap();
    let mut detector = HalfSpaceTrees::of(scaling, planes, window);
    for (step, (row, wanted)) in rows.iter().zip(&scores).enumerate() {
        let found = detector.score_and_learn(row);
        assert_eq!(found.to_bits(), wanted.to_bits(), "step {step}");
    }
}

fn place(node: &Value, tree: usize, at: usize, planes: &mut Planes) {
    let Some(feature) = node["f"].as_u64() else {
        assert!(at >= 1 << planes.height(), "leaves are at the bottom");
        return;
    };
    let plane = Plane {
        threshold: node["t"].as_f64().unwrap(),
        feature: feature as u8,
    };
    planes.place(tree, at, plane);
    place(&node["l"], tree, 2 * at, planes);
    place(&node["r"], tree, 2 * at + 1, planes);
}

#[test]
fn splits_keep_away_from_the_ends() {
    let planes = Planes::draw(3, 40, 5, 4);
    let mut features = [0; 4];
    for tree in 0..40 {
        let root = planes.plane(tree, 1);
        features[usize::from(root.feature)] += 1;
        assert!((0.15..=0.85).contains(&root.threshold));
        // The same feature below is split within what is left of it.
        for (child, is_right) in [(2, false), (3, true)] {
            let child = planes.plane(tree, child);
            if child.feature == root.feature {
                assert_eq!(child.threshold > root.threshold, is_right);
            }
        }
    }
    assert!(features.iter().all(|count| *count > 0), "{features:?}");
    let again = Planes::draw(3, 40, 5, 4);
    let other = Planes::draw(4, 40, 5, 4);
    let thresholds = |planes: &Planes| -> Vec<u64> {
        let trees = (0..40).flat_map(|tree| (1..32).map(move |node| (tree, node)));
        trees
            .map(|(tree, node)| planes.plane(tree, node).threshold.to_bits())
            .collect()
    };
    assert_eq!(thresholds(&planes), thresholds(&again));
    assert_ne!(thresholds(&planes), thresholds(&other));
}

#[test]
fn the_feature_that_sticks_out_is_named() {
    let mut detector = HalfSpaceTrees::from_settings(&settings(50, 8, 200, 4)).unwrap();
    let mut random = SplitMix64::new(2);
    let usual = |random: &mut SplitMix64| -> Vec<f64> {
        (0..4).map(|_| 0.3 + 0.1 * random.unit()).collect()
    };
    for _ in 0..400 {
        let row = usual(&mut random);
        detector.score_and_learn(&row);
    }
    let mut bits = [0.0; 4];
    let mut row = usual(&mut random);
    row[2] = 0.95;
    let unusual = detector.score(&row);
    detector.attribution(&mut bits);
    assert!(bits[2] > 2.0, "{bits:?}");
    let others = [bits[0], bits[1], bits[3]];
    assert!(
        others.iter().all(|other| other.abs() < bits[2] / 4.0),
        "{bits:?}"
    );
    let row = usual(&mut random);
    assert!(detector.score(&row) < unusual);
    detector.attribution(&mut bits);
    assert!(bits.iter().all(|bits| bits.abs() < 1.0), "{bits:?}");
}

#[test]
fn the_largest_masses_fit() {
    let mut detector = HalfSpaceTrees::from_settings(&HalfSpaceSettings {
        inputs: inputs(1),
        ..settings(1, HEIGHT_MAX, WINDOW_MAX, 1)
    })
    .unwrap();
    for _ in 0..WINDOW_MAX {
        detector.score_and_learn(&[0.0]);
    }
    assert!(detector.is_warm());
    assert_eq!(detector.score(&[0.0]), 0.0, "all there is to earn");
    assert!(detector.score(&[1.0]) > 0.99);
}

#[test]
fn settings_have_limits() {
    let refused = |change: fn(&mut HalfSpaceSettings)| {
        let mut settings = settings(2, 3, 10, 2);
        change(&mut settings);
        HalfSpaceTrees::from_settings(&settings)
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(refused(|s| s.trees = 0), "trees = 0; use 1 to 1000");
    assert_eq!(refused(|s| s.trees = 1_001), "trees = 1001; use 1 to 1000");
    assert_eq!(refused(|s| s.height = 0), "height = 0; use 1 to 15");
    assert_eq!(refused(|s| s.height = 64), "height = 64; use 1 to 15");
    assert_eq!(refused(|s| s.window = 0), "window = 0; use 1 to 65535");
    assert_eq!(
        refused(|s| s.inputs.clear()),
        "number of inputs = 0; use 1 to 256"
    );
    assert_eq!(
        refused(|s| (s.trees, s.height) = (129, 15)),
        "the detector would keep 4227072 leaves, at most 4194304; use fewer trees"
    );
}

#[test]
fn settings_are_read_from_a_file() {
    let settings: HalfSpaceSettings = toml::from_str(
        r#"
        seed = 7
        window = 256
        [[inputs]]
        name = "amount"
        scale = "log1p"
        low = 0
        high = 1000.0
        [[inputs]]
        name = "declines"
        low = 0
        high = 1
        missing = 0.0
        "#,
    )
    .unwrap();
    assert_eq!(
        (settings.trees, settings.height, settings.window),
        (25, 8, 256)
    );
    assert_eq!(
        (settings.inputs[0].missing, settings.inputs[1].missing),
        (0.5, 0.0)
    );
    assert!(HalfSpaceTrees::from_settings(&settings).is_ok());
    let unknown = "seed = 1\ntress = 3\ninputs = []";
    let error = toml::from_str::<HalfSpaceSettings>(unknown).unwrap_err();
    assert!(
        error.to_string().contains("unknown field `tress`"),
        "{error}"
    );
}
