use super::*;

/// Spreads small numbers over the hashes, as the engine's hash does.
fn hash(id: u64) -> u64 {
    (id + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn accepted(id: u64, now_ms: i64, horizon_ms: i64) -> Accepted {
    Accepted {
        hash: hash(id),
        is_new: false,
        now_ms,
        newest_ms: now_ms,
        oldest_ms: now_ms - horizon_ms,
    }
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
fn an_id_is_known_with_the_time_of_its_last_record() {
    let mut ids = Ids::default();
    assert_eq!(ids.time_of(hash(7)), None);
    ids.remember(accepted(7, 1_000, 100), IDS_MAX);
    assert_eq!(ids.time_of(hash(7)), Some(1_000));
    assert_eq!(ids.time_of(hash(8)), None);
    // It comes again beyond the horizon, and is remembered once.
    ids.remember(accepted(7, 2_000, 100), IDS_MAX);
    assert_eq!(ids.time_of(hash(7)), Some(2_000));
    let Ids::Listed(list) = &ids else { panic!() };
    assert_eq!(list.len(), 1);
    let nameless = Accepted {
        hash: 0,
        ..accepted(9, 2_000, 100)
    };
    ids.remember(nameless, IDS_MAX);
    assert_eq!(ids.time_of(0), None);
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
        let early = ids.remember(
            Accepted {
                is_new: id % 2 == 0,
                ..accepted(id, now_ms, horizon_ms)
            },
            IDS_MAX,
        );
        assert_eq!(early, 0);
        seen.push(now_ms);
        let is_list = matches!(ids, Ids::Listed(_));
        was_table |= !is_list;
        was_list_again |= was_table && is_list;
        let oldest_ms = now_ms - horizon_ms;
        for (known, time_ms) in seen.iter().enumerate().rev().take(1_100) {
            if *time_ms >= oldest_ms {
                let found = ids.time_of(hash(known as u64));
                assert_eq!(found, Some(*time_ms), "{known} at {id}");
            }
        }
        if id % 7 == 0 {
            check_restored(&ids);
        }
    }
    assert!(was_table && was_list_again);
}

#[test]
fn a_flood_stays_within_its_limit_and_is_counted() {
    let (mut ids, ids_max) = (Ids::default(), 1_000);
    let mut early = 0;
    for id in 1..50_000u64 {
        early += ids.remember(accepted(id, id as i64, i64::MAX / 4), ids_max);
        let Ids::Tabled(table) = &ids else { continue };
        assert!(table.times_ms.len() <= ids_max);
    }
    assert!(early > 40_000 && ids.bytes() <= 64 * 1_024, "{early}");
    assert_eq!(ids.time_of(hash(49_999)), Some(49_999));
    // Ids of one time have no older half.
    let mut ids = Ids::default();
    let forgotten: u64 = (1..3_000u64)
        .map(|id| ids.remember(accepted(id, 5, 0), ids_max))
        .sum();
    assert!(forgotten > 1_000, "{forgotten}");
    check_restored(&ids);
}

#[test]
fn what_cannot_have_been_written_is_refused() {
    let read = |words: &[u32]| Ids::read_from(&mut &*words);
    assert!(read(&[LIST, 2, 0]).is_some());
    assert!(read(&[LIST, 3, 0]).is_none());
    assert!(read(&[LIST, 1, 2]).is_none());
    assert!(read(&[LIST, 64, 32]).is_none());
    assert!(read(&[TABLE, 1, 0]).is_none());
    assert!(read(&[2]).is_none());
}
