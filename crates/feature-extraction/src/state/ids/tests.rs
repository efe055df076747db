use super::*;
use crate::times::NEVER_MS;

/// Spreads small numbers over the hashes, as the engine's hash does.
fn hash(id: u64) -> u64 {
    (id + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn named(id: u64, now_ms: i64, horizon_ms: i64) -> Named {
    Named {
        id: hash(id),
        content: 1,
        is_repeat: false,
        now_ms,
        newest_ms: now_ms,
        oldest_ms: now_ms - horizon_ms,
    }
}

fn hasher() -> IdHasher {
    IdHasher::new(None)
}

/// What is known of a record, which is then accepted unless it is known in full.
fn send(ids: &mut Ids, named: &Named, ids_max: usize) -> (Seen, Forgotten) {
    let hasher = hasher();
    let seen = ids.find(named, &hasher);
    let forgotten = match seen {
        Seen::Same => Forgotten::NONE,
        _ => ids.remember(named, seen, (&hasher, ids_max)),
    };
    (seen, forgotten)
}

#[track_caller]
fn check_restored(ids: &Ids) {
    let mut written = vec![9];
    ids.write(&mut written);
    written.push(9);
    let mut rest = &written[1..];
    let restored = Ids::read_from(&mut rest).expect("what was written is read");
    assert_eq!(rest, [9]);
    assert_eq!(restored.bytes(), ids.bytes());
    let mut again = vec![9];
    restored.write(&mut again);
    again.push(9);
    assert_eq!(again, written);
}

#[test]
fn an_id_is_known_within_the_horizon_of_its_newest_record() {
    let mut ids = Ids::default();
    let mut sent = |named: Named| send(&mut ids, &named, IDS_MAX).0;
    assert_eq!(sent(named(7, 1_000, 100)), Seen::Never);
    assert_eq!(sent(named(7, 1_000, 100)), Seen::Same);
    assert_eq!(sent(named(8, 1_000, 100)), Seen::Never);
    // It comes again beyond the horizon, and is remembered once.
    assert_eq!(sent(named(7, 2_000, 100)), Seen::Past);
    assert_eq!(sent(named(7, 2_000, 100)), Seen::Same);
    // Within its second it is the same.
    assert_eq!(sent(named(7, 2_100, 100)), Seen::Same);
    assert_eq!(sent(named(7, 2_999, 1_000)), Seen::Same);
    assert_eq!(sent(named(7, 3_000, 1_000)), Seen::Other);
    assert_eq!(sent(named(7, 1_999, 1_000)), Seen::Other);
    assert_eq!(sent(named(7, 4_001, 1_000)), Seen::Past);
    let nameless = Named {
        id: 0,
        ..named(9, 4_001, 100)
    };
    assert_eq!(sent(nameless), Seen::Never);
    assert_eq!(sent(nameless), Seen::Never);
}

#[test]
fn every_content_of_an_id_is_known_again() {
    for records in [5, 40, 3_000] {
        let mut ids = Ids::default();
        let of = |number: u32| Named {
            content: number / 2,
            newest_ms: 2_000,
            oldest_ms: 0,
            ..named(7, 1_000 + i64::from(number % 2) * 1_000, 0)
        };
        // Newer and older ones in turn.
        for number in 0..records {
            let expected = if number == 0 {
                Seen::Never
            } else {
                Seen::Other
            };
            assert_eq!(send(&mut ids, &of(number), IDS_MAX).0, expected);
            check_restored(&ids);
        }
        for number in 0..records {
            assert_eq!(
                send(&mut ids, &of(number), IDS_MAX).0,
                Seen::Same,
                "{number}"
            );
        }
        let kept = match &ids {
            Ids::Listed(list) => list.len(),
            Ids::Tabled(table) => table.kept.len(),
        };
        assert_eq!(kept, records as usize, "one place for each");
    }
}

#[test]
fn a_message_that_is_sent_again_may_have_another_time() {
    let mut ids = Ids::default();
    let again = |content: u32, now_ms: i64| Named {
        content,
        is_repeat: true,
        ..named(7, now_ms, 90_000)
    };
    send(&mut ids, &named(7, 1_000, 90_000), IDS_MAX);
    assert_eq!(send(&mut ids, &again(1, 31_000), IDS_MAX).0, Seen::Same);
    assert_eq!(send(&mut ids, &again(2, 31_000), IDS_MAX).0, Seen::Other);
    // It repeats what came last under its id.
    assert_eq!(send(&mut ids, &again(1, 61_000), IDS_MAX).0, Seen::Other);
}

#[test]
fn nothing_within_the_horizon_is_forgotten() {
    // Bursts and silences, so that a list becomes a table and a list again.
    let horizon_ms = 1_000;
    let mut ids = Ids::default();
    let mut seen: Vec<i64> = Vec::new();
    let (mut was_table, mut was_list_again) = (false, false);
    let mut now_ms = 0;
    for id in 0..4_000u64 {
        now_ms += [1, 1, 2, 400, 700][(id / 190 % 5) as usize];
        let (_, forgotten) = send(&mut ids, &named(id, now_ms, horizon_ms), IDS_MAX);
        assert_eq!(forgotten, Forgotten::NONE);
        seen.push(now_ms);
        let is_list = matches!(ids, Ids::Listed(_));
        was_table |= !is_list;
        was_list_again |= was_table && is_list;
        let oldest_ms = now_ms - horizon_ms;
        for (known, time_ms) in seen.iter().enumerate().rev().take(1_100) {
            if *time_ms >= oldest_ms {
                let again = Named {
                    oldest_ms,
                    ..named(known as u64, *time_ms, 0)
                };
                let found = ids.find(&again, &hasher());
                assert_eq!(found, Seen::Same, "{known} at {id}");
            }
        }
        if id % 7 == 0 {
            check_restored(&ids);
        }
    }
    assert!(was_table && was_list_again);
}

#[test]
fn a_flood_stays_within_its_limit_and_tells_what_it_forgot() {
    let (mut ids, ids_max) = (Ids::default(), 1_000);
    let (mut count, mut newest_ms) = (0, NEVER_MS);
    for id in 1..50_000u64 {
        let (_, forgotten) = send(&mut ids, &named(id, id as i64, i64::MAX / 4), ids_max);
        count += forgotten.count;
        newest_ms = newest_ms.max(forgotten.newest_ms);
        let Ids::Tabled(table) = &ids else { continue };
        assert!(table.kept.len() <= ids_max);
    }
    assert!(count > 40_000 && ids.bytes() <= 80 * 1_024, "{count}");
    // What is not older than the newest that was forgotten is known, and that one is not.
    let find = |id: u64| {
        let again = Named {
            oldest_ms: 0,
            ..named(id, id as i64, 0)
        };
        ids.find(&again, &hasher())
    };
    assert_eq!(find(newest_ms as u64), Seen::Never);
    for id in newest_ms as u64 + 1..50_000 {
        assert_eq!(find(id), Seen::Same, "{id}");
    }
    // Ids of one time have no older half.
    let mut ids = Ids::default();
    let forgotten: u64 = (1..3_000u64)
        .map(|id| send(&mut ids, &named(id, 5, 0), ids_max).1.count)
        .sum();
    assert!(forgotten > 1_000, "{forgotten}");
    check_restored(&ids);
}

#[test]
fn a_flood_under_one_id_stays_within_its_limit() {
    let (mut ids, ids_max) = (Ids::default(), 1_000);
    let mut count = 0;
    for number in 1..50_000i64 {
        let reuse = named(7, number * 1_000, i64::MAX / 4);
        let (seen, forgotten) = send(&mut ids, &reuse, ids_max);
        assert_eq!(
            seen,
            if number == 1 {
                Seen::Never
            } else {
                Seen::Other
            }
        );
        count += forgotten.count;
        let Ids::Tabled(table) = &ids else { continue };
        assert!(table.kept.len() <= ids_max + 1);
    }
    assert!(count > 40_000 && ids.bytes() <= 80 * 1_024, "{count}");
}

#[test]
fn what_cannot_have_been_written_is_refused() {
    let read = |words: &[u32]| Ids::read_from(&mut &*words);
    assert!(read(&[LIST, 2, 0]).is_some());
    assert!(read(&[LIST, LISTED_MIN as u32, 0]).is_some());
    assert!(read(&[LIST, LISTED_MIN as u32 + 1, 0]).is_none());
    assert!(read(&[LIST, 1, 2]).is_none());
    assert!(read(&[LIST, 64, 32]).is_none());
    assert!(read(&[LIST, 2, 1, 1, 0, 9, 9, 7]).is_some());
    assert!(read(&[LIST, 2, 1, 0, 0, 9, 9, 7]).is_none());
    assert!(read(&[TABLE, 1, 0]).is_none());
    assert!(read(&[2]).is_none());
}
