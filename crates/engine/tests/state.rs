//! A lane of the shipped models that is stopped and started again at arbitrary places, held against one that
//! never stops.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers as well"
)]

mod shipped;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use tillwatch_engine::{
    Assembly, CatalogText, Input, Lane, LineupFiles, ModelOrigin, Parts, StageText, Workspace,
};
use tillwatch_records::cut::{Entries, Entry, Part, Space};
use tillwatch_records::{KeySpec, RawBatch, ScoreBatch, TopicPartition};
use tillwatch_scoring::ModelKinds;

/// What a card did, and how busy the terminal is at which it is used.
const CARD: &str = r#"
name = "card"

[[feature]]
name = "card_spent_24h"
aggregate = "sum"
column = "amount_minor"
window = "24h"

[[feature]]
name = "card_busiest_1h"
aggregate = "max"
column = "transactions_5m"
window = "1h"
"#;

const FOREST_TOML: &str = r#"
name = "forest"
version = "1"
kind = "random_cut_forest"
artefact = "trees.toml"
inputs = ["transactions_5m", "time_since_last", "card_spent_24h"]
"#;

const FOREST: &str = r#"
seed = 7
trees = 12
sample = 32

[[inputs]]
name = "transactions_5m"
scale = "log1p"
low = 0.0
high = 200.0

[[inputs]]
name = "time_since_last"
scale = "log1p"
low = 0.0
high = 86400.0

[[inputs]]
name = "card_spent_24h"
scale = "log1p"
low = 0.0
high = 1000000.0
"#;

/// Models that change at these batches.
const SWAPS: [usize; 2] = [60, 130];
const BATCHES: usize = 190;

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }
}

/// The shipped ensemble with the shipped rules as a challenger and two shadows, of which one learns.
fn models(version: &str) -> LineupFiles {
    let mut files = shipped::lineup(version);
    let member = |path: &str| ModelOrigin {
        origin: path.to_owned(),
        files: files.champion.files.members[path].clone(),
    };
    let (rules, detector) = (member("../terminal-rules"), member("../terminal-hst"));
    files.challenger = Some((rules, 0.4));
    let forest = shipped::model(FOREST_TOML, &[("trees.toml", FOREST)]);
    // One learner is in the ensemble and in a shadow, each with what it has learnt itself.
    files.shadows = match version {
        "1" => vec![forest],
        _ => vec![detector, forest],
    };
    files
}

fn assembly() -> Assembly {
    let card = StageText {
        name: "card".to_owned(),
        key: KeySpec::from_names(&["card_token"]).unwrap(),
        catalog: CatalogText {
            origin: "card.toml".to_owned(),
            text: CARD.to_owned(),
        },
    };
    let stages = vec![shipped::stage(), card];
    let mut parts = Parts::new(stages, models("1"), ModelKinds::standard());
    // Keys are evicted all the time.
    parts.engine.state.max_bytes.0 = 150_000;
    Assembly::new(parts).expect("the shipped files fit together")
}

/// Records of some terminals and cards: repeated ids and audit numbers, even distances, declines, late ones.
fn records(range: Range<u64>) -> RawBatch {
    let mut raw = RawBatch::new(TopicPartition::new("t", 0));
    for n in range {
        let mut draw = Draw(n);
        let (terminal, card) = (draw.below(9) * draw.below(4), draw.below(300));
        let late = if draw.below(17) == 0 { 1_000_000 } else { 0 };
        let json = format!(
            r#"{{"event_id":"e{}","event_time":{},"acquirer_id":"400001","merchant_id":"M{}","terminal_id":"T{terminal}",
               "card_token":"card-{card}","bin":"4{:05}","amount_minor":{},"currency":"EUR","stan":{},
               "response_code":"{}","mcc":"5411","hardware_serial":"S{}"}}"#,
            n - draw.below(40) / 39,
            1_700_000_000_000 + n * 20_000 - late,
            terminal % 3,
            card % 4,
            (draw.below(50) + 1) * 1_000,
            n % 700,
            if draw.below(3) == 0 { "05" } else { "00" },
            draw.below(30) / 29,
        );
        raw.push(n as i64, None, None, Some(json.as_bytes()), []);
    }
    raw
}

/// Everything that is told of a batch.
fn told(lane: &mut Lane, raw: &RawBatch, workspace: &mut Workspace) -> String {
    let processed = lane.process(Input::Raw(raw), workspace, &mut ());
    let scores: ScoreBatch = processed.unwrap().scores;
    let rows = scores.score_ids().enumerate().map(|(row, id)| {
        format!(
            "{id} {:x} {:?} {:?} {:?}\n",
            scores.probabilities[row].to_bits(),
            scores.flags[row],
            scores.reasons.row(row),
            scores.versions_of(row).model,
        )
    });
    let rows: String = rows.collect();
    let features = scores.features;
    format!("{rows}{:?}{:?}{features:?}", scores.alerts, scores.shadows)
}

/// What a store has of a lane.
#[derive(Clone, Default)]
struct Stored {
    images: BTreeMap<(Space, u64, Vec<u8>), Vec<u8>>,
    parts: Vec<Part>,
}

impl Stored {
    fn take(&mut self, entries: &mut Entries) {
        for entry in entries.iter() {
            let key = (entry.space, entry.hash, entry.key.to_vec());
            match entry.image {
                Some(image) => drop(self.images.insert(key, image.to_vec())),
                None => drop(self.images.remove(&key)),
            }
        }
        entries.clear();
    }

    fn lane(&self, assembly: &Assembly) -> Lane {
        let mut lane = assembly.lane(1);
        lane.begin_restore(&self.parts).unwrap();
        for ((space, hash, key), image) in &self.images {
            let entry = Entry {
                space: *space,
                hash: *hash,
                key,
                image: Some(image),
            };
            lane.restore(&entry).unwrap();
        }
        lane.end_restore().unwrap();
        lane
    }
}

/// Batches of all sizes.
fn batches(draw: &mut Draw) -> Vec<RawBatch> {
    let mut first = 1;
    let mut next = || {
        let batch = first..first + 1 + draw.below(16);
        first = batch.end;
        records(batch)
    };
    (0..BATCHES).map(|_| next()).collect()
}

/// Goes on with a cut until it is whole.
fn finish(lane: &mut Lane, entries: &mut Entries) -> Vec<Part> {
    loop {
        if let Some(parts) = lane.continue_cut(entries, 7) {
            return parts;
        }
    }
}

/// Gives the models of the swap at `batch` to the lanes of `assembly`, where there is one.
fn swap(assembly: &Assembly, batch: usize) -> bool {
    let Some(version) = SWAPS.iter().position(|at| *at == batch) else {
        return false;
    };
    let next = assembly.fit_models(&models(&format!("{}", 2 - version)));
    assembly.models().exchange(Arc::new(next.unwrap()));
    true
}

#[test]
fn a_lane_that_stops_anywhere_says_what_one_says_that_never_stops() {
    let mut draw = Draw(14);
    let batches = batches(&mut draw);
    let mut workspace = Workspace::default();
    let reference = assembly();
    let mut lane = reference.lane(0);
    let mut expected = Vec::new();
    for (at, raw) in batches.iter().enumerate() {
        swap(&reference, at);
        expected.push(told(&mut lane, raw, &mut workspace));
    }
    let evicted = lane.stats().evicted_keys;
    assert!(evicted > 30, "{evicted} keys were evicted");
    let suppressed = expected.iter().filter(|told| {
        told.contains("suppressed_count: ") && !told.contains("suppressed_count: 0")
    });
    let suppressed = suppressed.count();
    assert!(
        suppressed > 3,
        "{suppressed} batches tell of alerts held back"
    );

    let assembly = assembly();
    let mut lane = assembly.lane(0);
    lane.track();
    let (mut stored, mut entries) = (Stored::default(), Entries::default());
    let (mut begun, mut restarts) = (None, 0);
    for (at, raw) in batches.iter().enumerate() {
        if SWAPS.contains(&at) {
            // A cut of the very position at which the models change; the lane starts again with the others.
            if begun.take().is_some() {
                stored.parts = finish(&mut lane, &mut entries);
            }
            assert!(lane.begin_cut());
            stored.parts = finish(&mut lane, &mut entries);
            stored.take(&mut entries);
            swap(&assembly, at);
            lane = stored.lane(&assembly);
        } else if begun.is_none() && draw.below(5) == 0 {
            assert!(lane.begin_cut());
            begun = Some(at);
        }
        assert!(
            told(&mut lane, raw, &mut workspace) == expected[at],
            "batch {at}"
        );
        let Some(from) = begun else { continue };
        let keys_max = draw.below(200) as usize;
        let Some(parts) = lane.continue_cut(&mut entries, keys_max) else {
            continue;
        };
        stored.take(&mut entries);
        stored.parts = parts;
        begun = None;
        if draw.below(2) == 0 {
            // It is killed; another one replays what came since, and goes on.
            lane = stored.lane(&assembly);
            restarts += 1;
            for (raw, expected) in batches[from..=at].iter().zip(&expected[from..]) {
                assert!(
                    told(&mut lane, raw, &mut workspace) == *expected,
                    "from {from}"
                );
            }
        }
    }
    assert!(restarts > 4, "{restarts} restarts");
}
