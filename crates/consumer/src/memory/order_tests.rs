//! Records of several sources that arrive anyhow are handed out in the merged order, or marked.

use tillwatch_records::units::DurationMs;

use super::test_support::merged_lane::{Lane, Run, topic};

/// Seeded numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// Offset and timestamp of each record.
type Records = Vec<(i64, Option<i64>)>;

/// Records of one source: mostly in order, with ties, steps back and records without a time.
fn records(random: &mut Random) -> Records {
    let count = random.below(40);
    let (mut offset, mut time_ms) = (random.below(3) as i64, random.below(20) as i64);
    let records = (0..count).map(|_| {
        offset += 1 + i64::from(random.one_in(8));
        time_ms += random.below(6) as i64;
        let stamped_ms = if random.one_in(10) {
            time_ms - 15
        } else {
            time_ms
        };
        (offset, (!random.one_in(12)).then_some(stamped_ms))
    });
    records.collect()
}

/// The merged order, by its definition: source and offset.
fn merged(sources: &[Records]) -> Vec<(usize, i64)> {
    let mut all = Vec::new();
    for (source, records) in sources.iter().enumerate() {
        let mut time_ms = i64::MIN;
        for (offset, timestamp_ms) in records {
            time_ms = time_ms.max(timestamp_ms.unwrap_or(i64::MIN));
            all.push((time_ms, source, *offset));
        }
    }
    all.sort_unstable();
    all.into_iter()
        .map(|(_, source, offset)| (source, offset))
        .collect()
}

/// A source and an offset.
type Place = (usize, i64);

/// A number of records that were handed out, and whether the run that ended there was marked.
type End = (usize, bool);

/// Everything that was handed out, and the ends of the runs with their marks.
fn handed_out(runs: &[Run]) -> (Vec<Place>, Vec<End>) {
    let (mut all, mut ends) = (Vec::new(), Vec::new());
    for run in runs {
        all.extend(run.offsets.iter().map(|offset| (run.source, *offset)));
        ends.push((all.len(), run.is_marked));
    }
    (all, ends)
}

/// What is committed are the first records that were handed out, and nothing else.
fn check_commits(lane: &Lane, sources: usize) {
    let (all, _) = handed_out(&lane.runs);
    let committed: Vec<i64> = (0..sources)
        .map(|source| lane.source.committed(&topic(source)).unwrap_or(0))
        .collect();
    let is_committed = |(source, offset): &(usize, i64)| *offset < committed[*source];
    let first_open = all.iter().position(|record| !is_committed(record));
    let after = &all[first_open.unwrap_or(all.len())..];
    assert!(!after.iter().any(is_committed), "{committed:?} of {all:?}");
}

/// Lets `sources` arrive in any order, with any pauses, while a lane takes what it may.
fn arrive(random: &mut Random, sources: &[Records], lane: &mut Lane) {
    let mut next = vec![0; sources.len()];
    while next
        .iter()
        .zip(sources)
        .any(|(next, records)| *next < records.len())
    {
        let source = random.below(sources.len() as u64) as usize;
        let burst = 1 + random.below(6) as usize;
        let records = &sources[source];
        for (offset, timestamp_ms) in records.iter().skip(next[source]).take(burst) {
            lane.append(source, *offset, *timestamp_ms);
        }
        next[source] = records.len().min(next[source] + burst);
        if random.one_in(4) {
            let held = random.below(sources.len() as u64) as usize;
            let is_held = random.one_in(2);
            lane.source.hold_back(&topic(held), is_held);
        }
        let ms = random.below(15);
        lane.pass(ms);
        lane.take(random.below(4) as usize);
        // Tickets are settled in any order.
        for run in &mut lane.runs {
            if random.one_in(3) {
                run.ticket = None;
            }
        }
        if random.one_in(3) {
            lane.source.commit();
            lane.turn();
            check_commits(lane, sources.len());
        }
    }
    for source in 0..sources.len() {
        lane.source.hold_back(&topic(source), false);
    }
    while lane.runs.iter().map(|run| run.offsets.len()).sum::<usize>()
        < sources.iter().map(Vec::len).sum()
    {
        lane.pass(1_000_000);
        lane.take_all();
    }
}

#[test]
fn what_is_not_marked_has_exactly_what_belongs_before_it() {
    let (mut certain, mut marked) = (0, 0);
    for seed in 0..600 {
        let mut random = Random(seed);
        let sources: Vec<Records> = (0..2 + random.below(3))
            .map(|_| records(&mut random))
            .collect();
        let is_patient = random.one_in(3);
        let batch_records_max = 1 + random.below(7) as usize;
        let mut lane = Lane::new(sources.len(), |settings| {
            settings.batch_records_max = batch_records_max;
            settings.merge_wait = DurationMs::from_ms(if is_patient { 900_000_000 } else { 10 });
            settings.merge_unread_wait =
                DurationMs::from_ms(if is_patient { 900_000_000 } else { 40 });
        });
        lane.assign(sources.len());
        arrive(&mut random, &sources, &mut lane);
        let (all, ends) = handed_out(&lane.runs);
        let expected = merged(&sources);
        for (end, is_marked) in &ends {
            if !is_marked {
                assert_eq!(all[..*end], expected[..*end], "seed {seed}");
                certain += 1;
            } else {
                marked += 1;
            }
        }
        if is_patient {
            assert_eq!(all, expected, "seed {seed}");
        }
        let mut sorted = all.clone();
        sorted.sort_unstable();
        let mut everything = expected.clone();
        everything.sort_unstable();
        assert_eq!(sorted, everything, "each record once, seed {seed}");
        let in_order = |source: usize| all.iter().filter(move |one| one.0 == source);
        for source in 0..sources.len() {
            assert!(in_order(source).is_sorted(), "seed {seed}");
        }
        let topics: Vec<_> = (0..sources.len()).map(topic).collect();
        let runs = std::mem::take(&mut lane.runs);
        lane.source.revoke(&topics, || drop(runs));
        for (topic, records) in topics.iter().zip(&sources) {
            if let Some((last, _)) = records.last() {
                assert_eq!(lane.source.committed(topic), Some(last + 1), "seed {seed}");
            }
        }
    }
    assert!(certain > 2_000 && marked > 2_000, "{certain} {marked}");
}

#[test]
fn in_a_backlog_nothing_is_marked_until_a_topic_ends() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let sources: Vec<Records> = (0..3).map(|_| records(&mut random)).collect();
        let mut lane = Lane::new(3, |_| {});
        for (source, records) in sources.iter().enumerate() {
            for (offset, timestamp_ms) in records {
                lane.append(source, *offset, *timestamp_ms);
            }
        }
        lane.assign(3);
        lane.turn();
        lane.take_all();
        let (before, ends) = handed_out(&lane.runs);
        assert!(ends.iter().all(|(_, is_marked)| !is_marked), "seed {seed}");
        let is_through = |source: usize, records: &Records| {
            let last = records.last().map(|(offset, _)| (source, *offset));
            last.is_none_or(|last| before.contains(&last))
        };
        let mut all = sources.iter().enumerate();
        assert!(all.any(|(source, records)| is_through(source, records)));
        lane.pass(20);
        lane.take_all();
        lane.pass(20);
        lane.take_all();
        assert_eq!(handed_out(&lane.runs).0, merged(&sources), "seed {seed}");
    }
}
