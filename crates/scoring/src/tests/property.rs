//! Random trees over random rows against a recursive evaluator; arbitrary bytes against loaders.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// A tree as written and as meant.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(f64),
    Number {
        feature: usize,
        threshold: f64,
        default_left: bool,
        missing: u8,
        children: Box<(Tree, Tree)>,
    },
    Category {
        feature: usize,
        set: Vec<u32>,
        children: Box<(Tree, Tree)>,
    },
}

const FEATURES: usize = 3;

impl Tree {
    /// `Tree::Predict` of LightGBM, by recursion.
    fn predict(&self, row: &[f64; FEATURES]) -> f64 {
        match self {
            Self::Leaf(value) => *value,
            Self::Number {
                feature,
                threshold,
                default_left,
                missing,
                children,
            } => {
                let mut value = row[*feature];
                if value.is_nan() && *missing != 2 {
                    value = 0.0;
                }
                let absent = match missing {
                    1 => value.abs() <= f64::from(1e-35_f32),
                    2 => value.is_nan(),
                    _ => false,
                };
                let left = if absent {
                    *default_left
                } else {
                    value <= *threshold
                };
                if left {
                    children.0.predict(row)
                } else {
                    children.1.predict(row)
                }
            }
            Self::Category {
                feature,
                set,
                children,
            } => {
                let value = row[*feature];
                let whole = value.trunc();
                let left = (0.0..64.0).contains(&whole)
                    && set[whole as usize / 32] >> (whole as u32 % 32) & 1 == 1;
                if left {
                    children.0.predict(row)
                } else {
                    children.1.predict(row)
                }
            }
        }
    }
}

/// The arrays of LightGBM's text, filled in preorder so that children come after parents.
#[derive(Default)]
struct Written {
    feature: Vec<usize>,
    threshold: Vec<f64>,
    decision: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    leaves: Vec<f64>,
    boundaries: Vec<usize>,
    bits: Vec<u32>,
}

impl Written {
    fn add(&mut self, tree: &Tree) -> i64 {
        let (feature, threshold, decision, children) = match tree {
            Tree::Leaf(value) => {
                self.leaves.push(*value);
                return -(self.leaves.len() as i64);
            }
            Tree::Number {
                feature,
                threshold,
                default_left,
                missing,
                children,
            } => {
                let decision = u8::from(*default_left) << 1 | missing << 2;
                (*feature, *threshold, decision, children)
            }
            Tree::Category {
                feature,
                set,
                children,
            } => {
                self.bits.extend(set);
                self.boundaries.push(self.bits.len());
                (*feature, (self.boundaries.len() - 1) as f64, 1, children)
            }
        };
        let at = self.feature.len();
        self.feature.push(feature);
        self.threshold.push(threshold);
        self.decision.push(decision);
        self.left.push(0);
        self.right.push(0);
        self.left[at] = self.add(&children.0);
        self.right[at] = self.add(&children.1);
        at as i64
    }

    fn section(&self, number: usize) -> String {
        fn join<T: std::fmt::Display>(items: &[T]) -> String {
            items.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
        }
        let zeros = join(&vec![0; self.feature.len()]);
        let mut out = format!("Tree={number}\nnum_leaves={}\n", self.leaves.len());
        out += &format!(
            "num_cat={}\nsplit_feature={}\n",
            self.boundaries.len(),
            join(&self.feature)
        );
        out += &format!(
            "threshold={}\ndecision_type={}\n",
            join(&self.threshold),
            join(&self.decision)
        );
        out += &format!(
            "left_child={}\nright_child={}\n",
            join(&self.left),
            join(&self.right)
        );
        out += &format!(
            "leaf_value={}\ninternal_value={zeros}\n",
            join(&self.leaves)
        );
        if !self.boundaries.is_empty() {
            out += &format!("cat_boundaries=0 {}\n", join(&self.boundaries));
            out += &format!("cat_threshold={}\n", join(&self.bits));
        }
        out + "is_linear=0\nshrinkage=1\n\n\n"
    }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(1e-35),
        Just(-1e-36),
        Just(-0.5),
        Just(1e300),
        -2.0..40.0_f64,
        (0..70_i32).prop_map(f64::from),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = (-2.0..2.0_f64).prop_map(Tree::Leaf);
    leaf.prop_recursive(6, 40, 2, |inner| {
        let threshold = prop_oneof![
            Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(0.0), Just(1e-35), -2.0..40.0_f64,
        ];
        let children = (inner.clone(), inner);
        prop_oneof![
            4 => (0..FEATURES, threshold, any::<bool>(), 0..3_u8, children.clone()).prop_map(
                |(feature, threshold, default_left, missing, children)| Tree::Number {
                    feature, threshold, default_left, missing, children: Box::new(children),
                }
            ),
            1 => (0..FEATURES, prop::collection::vec(any::<u32>(), 2), children).prop_map(
                |(feature, set, children)| Tree::Category { feature, set, children: Box::new(children) }
            ),
        ]
    })
}

const HEADER: &str = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n\
    max_feature_idx=2\nobjective=binary sigmoid:1\nfeature_names=Column_0 Column_1 Column_2\n\n";

const TREES_TOML: &str = "name = \"t\"\nversion = \"1\"\nkind = \"lightgbm\"\nartefact = \"m\"\n\
    inputs = [\"count_24h\", \"decline_ratio_5m\", \"amount_sum_1h\"]\n";

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_240_501),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn trees_equal_the_naive_evaluator(
        trees in prop::collection::vec(tree(), 1..12),
        rows in prop::collection::vec([value(), value(), value()], 1..150),
    ) {
        let mut text = HEADER.to_owned();
        for (number, tree) in trees.iter().enumerate() {
            let mut written = Written::default();
            written.add(tree);
            text += &written.section(number);
        }
        text += "end of trees\n";
        let model = load(TREES_TOML, &[("m", &text)]).unwrap();
        let column = |slot: usize| -> ArrayRef {
            Arc::new(rows.iter().map(|row| Some(row[slot])).collect::<Float64Array>())
        };
        let columns: Vec<ArrayRef> = (0..FEATURES).map(column).collect();
        let output = run(&*model, &columns, rows.len());
        for (row, raw) in rows.iter().zip(&output.raw) {
            let wanted = trees.iter().fold(0.0, |sum, tree| sum + tree.predict(row));
            prop_assert_eq!(raw.to_bits(), wanted.to_bits(), "{:?}", row);
        }
    }

    #[test]
    fn loaders_survive_a_changed_model(
        trees in prop::collection::vec(tree(), 1..3),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut text = HEADER.to_owned();
        for (number, tree) in trees.iter().enumerate() {
            let mut written = Written::default();
            written.add(tree);
            text += &written.section(number);
        }
        text += "end of trees\n";
        let mut bytes = text.into_bytes();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = b" -=0123456789\nTe."[byte as usize % 17];
        }
        let files = ModelFiles {
            description: TREES_TOML.to_owned(),
            files: [("m".to_owned(), bytes)].into(),
        };
        // What still loads must still score.
        if let Ok(model) = Registry::standard().load(&files, &scope()) {
            let columns: Vec<ArrayRef> = (0..FEATURES)
                .map(|_| -> ArrayRef { Arc::new(Float64Array::from(vec![Some(1.0), None])) })
                .collect();
            prop_assert_eq!(run(&*model, &columns, 2).raw.len(), 2);
        }
    }

    #[test]
    fn loaders_survive_arbitrary_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        kind in prop_oneof![Just("rules"), Just("logistic"), Just("lightgbm")],
        description in "\\PC{0,100}",
    ) {
        let known = TREES_TOML.replace("lightgbm", kind);
        for description in [known, description] {
            let files = ModelFiles {
                description,
                files: [("m".to_owned(), bytes.clone())].into(),
            };
            prop_assert!(Registry::standard().load(&files, &scope()).is_err());
        }
    }
}
