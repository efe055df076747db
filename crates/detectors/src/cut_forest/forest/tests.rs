use serde_json::Value;

use super::*;
use crate::cut_forest::boxes::range;
use crate::cut_forest::sampler::{Sampler, weight};
use crate::cut_forest::tree::{Link, Place, Tree};
use crate::random::SplitMix64;
use crate::snapshot::Reader;
use crate::tests::{golden, inputs, positions, random_row};

fn settings(trees: usize, sample: usize, dimensions: usize) -> CutForestSettings {
    CutForestSettings {
        seed: 1,
        trees,
        sample,
        time_decay: None,
        inputs: inputs(dimensions),
    }
}

fn point(row: &[f64]) -> Vec<f32> {
    let mut point: Vec<f32> = row.iter().map(|value| *value as f32).collect();
    point.resize(row.len().next_multiple_of(LANES), 0.0);
    point
}

/// A tree recomputed from its rows alone.
impl Tree {
    /// Rows below a link, each as often as it is held, and how far below it is.
    fn rows(&self, link: Link) -> Vec<(Vec<f32>, usize)> {
        match link.place() {
            Place::Leaf(leaf) => {
                let row = (self.corners(link).0.to_vec(), 0);
                vec![row; usize::from(self.copies(leaf))]
            }
            Place::Node(number) => {
                let node = self.node(number);
                let mut rows = self.rows(node.left);
                rows.extend(self.rows(node.right));
                rows.iter_mut().for_each(|(_, depth)| *depth += 1);
                rows
            }
        }
    }

    fn naive_box(&self, link: Link) -> (Vec<f32>, Vec<f32>) {
        let rows = self.rows(link);
        let fold = |pick: fn(f32, f32) -> f32| {
            let rows = rows.iter().map(|(row, _)| row.clone());
            rows.reduce(|a, b| a.iter().zip(b).map(|(a, b)| pick(*a, b)).collect())
        };
        (fold(f32::min).unwrap(), fold(f32::max).unwrap())
    }

    /// Checks every invariant below a link.
    fn validate(&self, link: Link) {
        let Place::Node(number) = link.place() else {
            assert!(self.mass(link) > 0);
            return;
        };
        let node = self.node(number);
        let (low, high) = self.naive_box(link);
        assert_eq!(self.corners(link), (low.as_slice(), high.as_slice()));
        assert_eq!(node.range, range(&low, &high));
        assert_eq!(usize::from(node.mass), self.rows(link).len());
        let dimension = usize::from(node.dimension);
        assert!(self.naive_box(node.left).1[dimension] <= node.cut);
        assert!(self.naive_box(node.right).0[dimension] > node.cut);
        self.validate(node.left);
        self.validate(node.right);
    }

    /// The score by its recursive definition.
    fn naive_score(&self, link: Link, depth: usize, point: &[f32]) -> f64 {
        let Place::Node(number) = link.place() else {
            let copies = f64::from(self.mass(link));
            let rows = self.rows(self.root()).len() as f64;
            return if self.corners(link).0 == point {
                (1.0 - copies / (2.0 * rows)) / (depth as f64 + (copies + 1.0).log2())
            } else {
                1.0 / (depth as f64 + 1.0)
            };
        };
        let (low, high) = self.naive_box(link);
        let ends = low
            .iter()
            .zip(&high)
            .map(|(l, h)| (f64::from(*l), f64::from(*h)));
        let mut growth = 0.0;
        let mut range = 0.0;
        for ((low, high), position) in ends.zip(point) {
            let position = f64::from(*position);
            growth += (low - position).max(position - high).max(0.0);
            range += high - low;
        }
        let chance = growth / (growth + range);
        let below = self.naive_score(self.node(number).side(point), depth + 1, point);
        chance / (depth as f64 + 1.0) + (1.0 - chance) * below
    }

    /// By how much the depths of all other rows add up to less without this one, and the most that
    /// a group of rows around it displaces per row of the group.
    fn displacements(&self, point: &[f32]) -> (f64, f64) {
        let mut path = Vec::new();
        let leaf = self.descend(point, &mut path).unwrap();
        let mut below = Link::leaf(leaf);
        let mut all = Vec::new();
        for number in path.iter().rev() {
            let node = self.node(*number);
            let sibling = if node.left == below {
                node.right
            } else {
                node.left
            };
            all.push(f64::from(self.mass(sibling)) / f64::from(self.mass(below)));
            below = Link::node(*number);
        }
        let collusive = all.iter().copied().fold(0.0, f64::max);
        let first = all.first().copied().unwrap_or(0.0);
        (first * f64::from(self.copies(leaf)), collusive)
    }
}

#[test]
fn a_tree_is_what_its_rows_make_it() {
    for dimensions in [1, 3, 6] {
        let mut forest = RandomCutForest::from_settings(&settings(3, 24, dimensions)).unwrap();
        let mut random = SplitMix64::new(3);
        for number in 0..250 {
            let row = random_row(&mut random, dimensions);
            let score = forest.score(&row);
            let mut sum = 0.0;
            for tree in forest.trees.iter().map(Sampled::tree) {
                if number > 0 {
                    sum += tree.naive_score(tree.root(), 0, &forest.row.point);
                }
            }
            let rows = forest.rows_held() as f64;
            let wanted = 1.0 - (-sum / 3.0 * (rows + 1.0).log2()).exp2();
            assert!(
                (score - wanted).abs() < 1e-6,
                "row {number}: {score} {wanted}"
            );
            forest.learn();
            for sampled in &forest.trees {
                let (tree, sampler) = (sampled.tree(), sampled.sampler());
                tree.validate(tree.root());
                let mut kept = vec![0; tree.leaves_ever()];
                sampler
                    .leaves()
                    .for_each(|leaf| kept[usize::from(leaf)] += 1);
                let copies = (0..tree.leaves_ever()).map(|leaf| tree.copies(leaf as u16));
                assert_eq!(copies.collect::<Vec<_>>(), kept);
            }
        }
    }
}

#[test]
fn without_a_row_others_rise_by_its_displacement() {
    let mut random = SplitMix64::new(11);
    for round in 0..40 {
        let mut tree = Tree::new(3, 40);
        let mut path = Vec::new();
        for _ in 0..40 {
            let point = point(&positions(&random_row(&mut random, 3)));
            tree.insert(&point, &mut random, &mut path);
        }
        let rows = tree.rows(tree.root());
        let (gone, depth) = rows[round].clone();
        let copies = rows.iter().filter(|(row, _)| *row == gone).count();
        let (displacement, _) = tree.displacements(&gone);
        let before: usize = rows.iter().map(|(_, depth)| depth).sum();
        let leaf = tree.descend(&gone, &mut path).unwrap();
        for _ in 0..copies {
            tree.remove(leaf, &mut path);
        }
        tree.validate(tree.root());
        let after: usize = tree.rows(tree.root()).iter().map(|(_, depth)| depth).sum();
        assert_eq!((before - after - copies * depth) as f64, displacement);
    }
}

#[test]
fn displacements_of_rrcf_are_reproduced() {
    let Some(golden) = golden("rrcf_tree.json") else {
        return;
    };
    // The given structure as written state, leaves in the order in which they come.
    let mut bytes = Vec::new();
    let mut leaves = Vec::new();
    write(&golden["tree"], &mut bytes, &mut leaves);
    assert_eq!(leaves.len(), 256);
    let mut reader = Reader::of(&bytes);
    let tree = Tree::read(&mut reader, 15, 256, &[1; 256]).unwrap();
    reader.end().unwrap();
    tree.validate(tree.root());
    for (number, point) in &leaves {
        let number = number.to_string();
        let found = tree.displacements(point);
        let wanted = (
            golden["disp"][&number].as_f64().unwrap(),
            golden["codisp"][&number].as_f64().unwrap(),
        );
        assert_eq!(found, wanted, "row {number}");
    }
}

fn write(node: &Value, bytes: &mut Vec<u8>, leaves: &mut Vec<(u64, Vec<f32>)>) {
    if node["type"] == "Leaf" {
        let row: Vec<f64> = serde_json::from_value(node["x"].clone()).unwrap();
        let point = point(&row);
        bytes.extend(u16::MAX.to_le_bytes());
        point[..15]
            .iter()
            .for_each(|x| bytes.extend(x.to_le_bytes()));
        leaves.push((node["i"].as_u64().unwrap(), point));
        return;
    }
    let number = |name: &str| node[name].as_f64().unwrap();
    bytes.extend((number("q") as u16).to_le_bytes());
    bytes.extend((number("p") as f32).to_le_bytes());
    write(&node["l"], bytes, leaves);
    write(&node["r"], bytes, leaves);
}

#[test]
fn cuts_are_as_likely_as_gaps_are_wide() {
    const ROUNDS: u64 = 8_000;
    // Whatever came and went before.
    let orders: [&[f64]; 3] = [
        &[0.0, 0.2, 0.5, 1.0],
        &[0.5, 0.7, 1.0, 0.0, 0.2],
        &[0.7, 0.2, 1.0, 0.5, 0.0],
    ];
    for order in orders {
        let mut counts = [0_u64; 3];
        for seed in 0..ROUNDS {
            let mut random = SplitMix64::new(seed);
            let mut tree = Tree::new(1, 8);
            let mut path = Vec::new();
            for position in order {
                tree.insert(&point(&[*position]), &mut random, &mut path);
            }
            if let Some(leaf) = order.iter().find(|position| **position == 0.7) {
                let leaf = tree.descend(&point(&[*leaf]), &mut path).unwrap();
                tree.remove(leaf, &mut path);
            }
            let Place::Node(root) = tree.root().place() else {
                panic!("four rows have a cut");
            };
            let cut = tree.node(root).cut;
            counts[usize::from(cut >= 0.2) + usize::from(cut >= 0.5)] += 1;
        }
        for (count, gap) in counts.iter().zip([0.2, 0.3, 0.5]) {
            let share = *count as f64 / ROUNDS as f64;
            assert!((share - gap).abs() < 0.02, "{order:?}: {counts:?}");
        }
    }
}

#[test]
fn recent_rows_are_preferred() {
    let mut kept = [0_usize; 2];
    for seed in 0..200 {
        let mut random = SplitMix64::new(seed);
        let mut sampler = Sampler::new(20);
        for number in 0..200_u16 {
            let weight = weight(random.unit(), f64::from(number) * 0.02);
            if sampler.takes(weight) {
                sampler.evict();
                sampler.add(weight, number);
            }
        }
        sampler
            .leaves()
            .for_each(|number| kept[usize::from(number >= 150)] += 1);
    }
    assert_eq!(kept[0] + kept[1], 4_000);
    // By the weights e^(0.02 × number), drawn one after the other without putting back, a little under the
    // share of the last quarter in all weight, 0.64.
    let share = kept[1] as f64 / 4_000.0;
    assert!((0.52..0.64).contains(&share), "{share}");
}

#[test]
fn contributions_add_up_to_the_score() {
    let mut forest = RandomCutForest::from_settings(&settings(8, 64, 4)).unwrap();
    let mut random = SplitMix64::new(21);
    for number in 0..600 {
        let row = random_row(&mut random, 4);
        let score = forest.score(&row);
        let mut contributions = [0.0; 4];
        forest.attribution(&mut contributions);
        assert!(contributions.iter().all(|share| *share >= 0.0));
        let sum: f64 = contributions.iter().sum();
        let wanted = -libm::log2(1.0 - score);
        assert!((sum - wanted).abs() < 1e-9, "row {number}: {sum} {wanted}");
        forest.learn();
    }
}

#[test]
fn the_input_that_sticks_out_is_named_with_its_side() {
    let mut forest = RandomCutForest::from_settings(&settings(30, 128, 4)).unwrap();
    let mut random = SplitMix64::new(2);
    let usual = |random: &mut SplitMix64| -> Vec<f64> {
        (0..4).map(|_| 0.4 + 0.1 * random.unit()).collect()
    };
    for _ in 0..300 {
        let row = usual(&mut random);
        forest.score_and_learn(&row);
    }
    let row = usual(&mut random);
    let ordinary = forest.score(&row);
    let (mut below, mut above) = ([0.0; 4], [0.0; 4]);
    for (value, is_above) in [(0.9, true), (0.0, false)] {
        let mut row = usual(&mut random);
        row[1] = value;
        assert!(forest.score(&row) > ordinary + 0.2);
        forest.sides(&mut below, &mut above);
        let (right, wrong) = if is_above {
            (above, below)
        } else {
            (below, above)
        };
        let rest: f64 = (0..4)
            .filter(|input| *input != 1)
            .map(|i| right[i] + wrong[i])
            .sum();
        assert!(right[1] > 4.0 * (wrong[1] + rest), "{below:?} {above:?}");
        // Once it is known it is explained as before, though less unusual.
        forest.score_and_learn(&row);
        forest.score(&row);
        forest.sides(&mut below, &mut above);
        let right = if is_above { above } else { below };
        assert!(
            right.iter().all(|share| *share <= right[1]),
            "{below:?} {above:?}"
        );
    }
}

#[test]
fn settings_have_limits() {
    let refused = |change: fn(&mut CutForestSettings)| {
        let mut settings = settings(2, 10, 2);
        change(&mut settings);
        let refused = RandomCutForest::from_settings(&settings).map(drop);
        refused.unwrap_err().to_string()
    };
    assert_eq!(refused(|s| s.trees = 0), "trees = 0; use 1 to 1000");
    assert_eq!(refused(|s| s.sample = 1), "sample = 1; use 2 to 16384");
    assert_eq!(
        refused(|s| s.sample = 16_385),
        "sample = 16385; use 2 to 16384"
    );
    assert_eq!(
        refused(|s| s.time_decay = Some(f64::NAN)),
        "time_decay = NaN; use 0 to 1"
    );
    assert_eq!(
        refused(|s| s.time_decay = Some(-1.0)),
        "time_decay = -1; use 0 to 1"
    );
    assert_eq!(
        refused(|s| s.inputs.clear()),
        "number of inputs = 0; use 1 to 256"
    );
    assert_eq!(
        refused(|s| (s.trees, s.sample) = (1_000, 16_384)),
        "the detector would keep 65536000 numbers, at most 16777216; use fewer trees"
    );
}

#[test]
fn settings_are_read_from_a_file() {
    let settings: CutForestSettings = toml::from_str(
        "seed = 7\ninputs = [{ name = \"amount\", scale = \"log1p\", low = 0, high = 100 }]",
    )
    .unwrap();
    assert_eq!((settings.trees, settings.sample), (50, 256));
    let forest = RandomCutForest::from_settings(&settings).unwrap();
    assert_eq!(forest.time_decay, 0.1 / 256.0);
    let error = toml::from_str::<CutForestSettings>("samples = 1\ninputs = []").unwrap_err();
    assert!(
        error.to_string().contains("unknown field `samples`"),
        "{error}"
    );
}
