//! A scorer that is cut, restored, and goes on.

use super::learning::{rows, strange, with_rules};
use super::*;

/// All that a store would have after some cuts: the newest image of each key, and the parts of the last cut.
#[derive(Default)]
struct Stored {
    images: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    parts: Vec<Part>,
}

impl Stored {
    fn take(&mut self, entries: &Entries) {
        for entry in entries.iter() {
            match entry.image {
                Some(image) => {
                    let image = (entry.hash, image.to_vec());
                    self.images.insert(entry.key.to_vec(), image);
                }
                None => drop(self.images.remove(entry.key)),
            }
        }
    }

    fn restored(&self, lineup: &Arc<Lineup>) -> (Scorer, RestoredLearners) {
        let mut scorer = Scorer::new(lineup);
        let learners = scorer.begin_restore(&self.parts).unwrap();
        let mut entries = Entries::default();
        for (key, (hash, image)) in &self.images {
            entries.push(Space::ALERTS, *hash, key, |out| {
                out.extend_from_slice(image);
            });
        }
        for entry in entries.iter() {
            scorer.restore(&entry).unwrap();
        }
        scorer.end_restore().unwrap();
        (scorer, learners)
    }
}

/// A cut of all that a scorer remembers.
pub(super) fn cut_of(scorer: &mut Scorer) -> (Vec<Part>, Entries) {
    scorer.track();
    assert!(scorer.begin_cut());
    let mut entries = Entries::default();
    loop {
        if let Some(parts) = scorer.continue_cut(&mut entries, 3) {
            // Copied in their order, so that two of the same content are the same.
            entries.sort();
            let mut sorted = Entries::default();
            entries.iter().for_each(|entry| sorted.push_entry(&entry));
            return (parts, sorted);
        }
    }
}

/// Rows of several terminals, out of order, of which many raise an alert.
pub(super) fn given(count: usize) -> Vec<Given<'static>> {
    const KEYS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
    let row = |(n, row): (usize, Given<'static>)| {
        let minute = (n * 37 % 90) as i64 + n as i64;
        (KEYS[n * 3 % 7], minute * 60_000, row.2, row.3, row.4)
    };
    rows(count).into_iter().enumerate().map(row).collect()
}

#[test]
fn a_scorer_that_is_restored_from_any_cut_goes_on_bit_for_bit() {
    let (lineup, given) = (with_rules("1"), given(600));
    let mut uninterrupted = Scorer::new(&lineup);
    let mut lines: Vec<String> = Vec::new();
    for row in &given {
        lines.push(show(&uninterrupted.score(batch(0, &[*row]), &FULL)));
    }
    let alerts = lines.iter().filter(|line| line.contains("alert")).count();
    assert!(alerts > 20, "{alerts}");
    let end = cut_of(&mut uninterrupted);

    let mut scorer = Scorer::new(&lineup);
    scorer.track();
    let (mut stored, mut entries) = (Stored::default(), Entries::default());
    let (mut cuts, mut begun_at) = (0, None);
    for (position, row) in given.iter().enumerate() {
        // Cuts begin at all kinds of places, and take long enough to be overtaken.
        if begun_at.is_none() && position % 17 == 5 {
            assert!(scorer.begin_cut());
            assert!(!scorer.begin_cut(), "one at a time");
            begun_at = Some(position);
        }
        let line = show(&scorer.score(batch(0, &[*row]), &FULL));
        assert_eq!(line, lines[position]);
        if let Some(at) = begun_at
            && let Some(parts) = scorer.continue_cut(&mut entries, position % 3)
        {
            stored.take(&entries);
            stored.parts = parts;
            entries.clear();
            begun_at = None;
            cuts += 1;
            let (mut restored, learners) = stored.restored(&lineup);
            assert_eq!(learners, RestoredLearners::default());
            for (row, line) in given[at..].iter().zip(&lines[at..]) {
                assert_eq!(show(&restored.score(batch(0, &[*row]), &FULL)), *line);
            }
            assert_eq!(cut_of(&mut restored), end);
        }
    }
    assert!(cuts > 15, "{cuts} cuts");
}

#[test]
fn a_cut_holds_what_has_changed_and_nothing_else() {
    let mut scorer = Scorer::new(&with_rules("1"));
    assert!(!scorer.begin_cut(), "nobody has asked for it");
    scorer.track();
    scorer.score(batch(0, &given(200)), &FULL);
    let mut entries = Entries::default();
    let whole = |scorer: &mut Scorer, entries: &mut Entries| {
        assert!(scorer.begin_cut());
        while scorer.continue_cut(entries, 100).is_none() {}
    };
    whole(&mut scorer, &mut entries);
    assert_eq!(entries.len(), 7);
    entries.clear();
    whole(&mut scorer, &mut entries);
    assert!(entries.is_empty());
    // The rule fires: the alert is held back and counted.
    scorer.score(batch(0, &[("c", 0, Some(95.0), Some(0.95), 1000)]), &FULL);
    whole(&mut scorer, &mut entries);
    let keys: Vec<&[u8]> = entries.iter().map(|entry| entry.key).collect();
    assert_eq!(keys, [b"c"]);
}

#[test]
fn learners_go_on_where_their_model_still_scores() {
    let strange = || ModelKinds::standard().load(&strange(), &scope()).unwrap();
    let both = lineup(strange()).with_shadow(strange()).unwrap();
    let (both, one) = (Arc::new(both), with_rules("2"));
    // The shadow is put to work later than the champion.
    let mut later = Scorer::new(&Arc::new(lineup(strange())));
    later.score(batch(0, &rows(40)), &FULL);
    later.set_lineup(&both, &mut Learners::default());
    later.score(batch(40, &rows(25)), &FULL);
    let known = later.learned();
    assert_ne!(known[0], known[1]);
    let (parts, _) = cut_of(&mut later);
    let restored = |lineup: &Arc<Lineup>| {
        let mut scorer = Scorer::new(lineup);
        let learners = scorer.begin_restore(&parts).unwrap();
        (scorer.learned(), learners)
    };
    // Each entrant goes on with its own.
    assert_eq!(
        restored(&both),
        (known.clone(), RestoredLearners::default())
    );
    // With one learner less, the first one goes on.
    let (learned, learners) = restored(&one);
    assert_eq!(learned, known[..1]);
    let named = format!("{}+{}", known[0].0, known[0].1);
    assert_eq!(learners.dropped, [named.as_str()]);
    assert!(learners.fresh.is_empty());
    // And the other way round.
    let mut rules = Scorer::new(&Arc::new(lineup(
        load(RULES_TOML, &[("rules.toml", RULES)]).unwrap(),
    )));
    let (parts, _) = cut_of(&mut rules);
    let mut scorer = Scorer::new(&one);
    let learners = scorer.begin_restore(&parts).unwrap();
    assert_eq!(learners.fresh, [named.as_str()]);
    assert!(learners.dropped.is_empty());
}

#[test]
fn what_is_written_of_a_learner_does_not_wait_for_anybody() {
    let mut scorer = Scorer::new(&with_rules("1"));
    scorer.track();
    scorer.score(batch(0, &given(100)), &FULL);
    assert!(scorer.begin_cut());
    let mut entries = Entries::default();
    let before = scorer.state_bytes();
    // The learner alone: no key has had its turn.
    assert!(scorer.continue_cut(&mut entries, 1).is_none());
    assert!(entries.is_empty() && scorer.state_bytes() > before);
    assert_eq!(scorer.waiting_bytes(), 0);
    scorer.score(batch(100, &given(130)[100..]), &FULL);
    assert!(scorer.waiting_bytes() > 0, "keys changed before their turn");
}

#[test]
fn a_cut_that_is_under_way_survives_a_change_of_models() {
    let mut scorer = Scorer::new(&with_rules("1"));
    scorer.track();
    scorer.score(batch(0, &given(100)), &FULL);
    let before = scorer.learned();
    assert!(scorer.begin_cut());
    let rules = load(RULES_TOML, &[("rules.toml", RULES)]).unwrap();
    let mut learners = Learners::default();
    scorer.set_lineup(&Arc::new(lineup(rules)), &mut learners);
    drop(learners);
    scorer.score(batch(100, &given(200)[100..]), &FULL);
    let mut stored = Stored::default();
    let mut entries = Entries::default();
    while stored.parts.is_empty() {
        stored.parts = scorer.continue_cut(&mut entries, 1).unwrap_or_default();
    }
    stored.take(&entries);
    let (restored, _) = stored.restored(&with_rules("1"));
    assert_eq!(restored.learned(), before);
}

#[test]
fn what_a_cut_that_is_given_up_was_to_say_is_in_the_next_one() {
    let lineup = with_rules("1");
    let mut scorer = Scorer::new(&lineup);
    scorer.track();
    scorer.score(batch(0, &given(100)), &FULL);
    assert!(scorer.begin_cut());
    let (mut stored, mut entries) = (Stored::default(), Entries::default());
    assert!(scorer.continue_cut(&mut entries, 3).is_none());
    // Some of it has left, some is saved, some waits.
    stored.take(&entries);
    entries.clear();
    scorer.score(batch(100, &given(130)[100..]), &FULL);
    scorer.abandon_cut();
    assert!(scorer.is_cutting() && !scorer.begin_cut());
    while scorer.is_cutting() {
        assert!(scorer.continue_cut(&mut entries, 1).is_none());
        assert!(entries.is_empty());
    }
    assert_eq!(scorer.waiting_bytes(), 0);
    assert!(scorer.begin_cut());
    while stored.parts.is_empty() {
        stored.parts = scorer.continue_cut(&mut entries, 2).unwrap_or_default();
    }
    stored.take(&entries);
    let (mut restored, _) = stored.restored(&lineup);
    assert_eq!(cut_of(&mut restored), cut_of(&mut scorer));
}
