//! Records that are missing in the middle of a log.

use tillwatch_records::{Entries, Flags, RecordKind};
use tillwatch_testkit::stream::{Event, START_MS};

use super::tests::{COUNT_1H, fold_part, lane, sale};
use crate::settings::EngineSettings;

const HOUR_MS: i64 = 3_600_000;

fn hours(hours: f64) -> i64 {
    START_MS + (hours * HOUR_MS as f64) as i64
}

const WARMING: Flags = Flags::WARMING;
const NONE: Flags = Flags::empty();

#[test]
fn a_label_that_is_missing_may_be_one_of_the_newest_transaction() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"labelled\"\naggregate = \"count\"\n\
         label = \"label_kind = 'TC40'\"\nwindow = \"1h\"\n";
    let settings = EngineSettings::default();
    let sold = sale("a", 1, hours(5.0));
    let label = Event {
        label_kind: Some("TC40"),
        // Its producer's clock is hours behind.
        timestamp_ms: START_MS,
        ..Event::bare(RecordKind::Label, "a", &sold.event_id, hours(0.0))
    };
    let next = sale("a", 2, hours(5.5));
    let mut whole = lane(catalog, &settings, 0);
    let rows = fold_part(&mut whole, &[sold.clone(), label, next.clone()], 0);
    assert_eq!(rows[1].values, [Some(1.0)], "the label is found");
    let mut torn = lane(catalog, &settings, 0);
    fold_part(&mut torn, &[sold], 0);
    torn.missed(START_MS);
    assert_eq!(fold_part(&mut torn, &[next], 2)[0].flags, WARMING);
}

#[test]
fn keys_that_are_there_and_those_that_come_are_flagged_until_windows_begin_after_the_gap() {
    let settings = EngineSettings::default();
    let mut torn = lane(COUNT_1H, &settings, 0);
    let before = fold_part(&mut torn, &[sale("a", 0, hours(0.1))], 0);
    assert_eq!(before[0].flags, NONE);
    assert_eq!(torn.stats().warm_at_ms, None);
    torn.missed(hours(0.5));
    // The window, the horizon of event ids and the skew.
    let warm_ms = hours(2.5) + 300_000;
    assert_eq!(torn.stats().warm_at_ms, Some(warm_ms));
    let events = [
        sale("a", 1, hours(1.0)),
        sale("new", 2, hours(1.0)),
        sale("a", 3, warm_ms - 1),
        sale("new", 4, warm_ms - 1),
        sale("a", 5, warm_ms),
        sale("new", 6, warm_ms),
        sale("third", 7, warm_ms),
    ];
    let rows = fold_part(&mut torn, &events, 2);
    let flags: Vec<Flags> = rows.iter().map(|row| row.flags).collect();
    assert_eq!(
        flags,
        [WARMING, WARMING, WARMING, WARMING, NONE, NONE, NONE]
    );
    assert_eq!(torn.stats().warm_at_ms, None);
    // What is missing later counts as well, what was missing earlier does not count less.
    torn.missed(hours(0.0));
    torn.missed(hours(9.0));
    torn.missed(hours(8.0));
    let later = [sale("a", 8, hours(10.9)), sale("other", 9, hours(11.05))];
    let rows = fold_part(&mut torn, &later, 9);
    assert!(rows.iter().all(|row| row.flags == WARMING), "{rows:?}");
}

#[test]
fn cohorts_are_flagged_until_what_is_missing_weighs_nothing() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"declined\"\naggregate = \"ratio\"\n\
         filter = \"response_code <> '00'\"\nwindow = \"1m\"\nstrength = 10\nprior = 0.05\n\
         cohort = [\"mcc\"]\nhalf_life = \"1m\"\n";
    let of_mcc = |terminal: &str, number: usize, event_time_ms: i64| Event {
        mcc: Some("5411"),
        ..sale(terminal, number, event_time_ms)
    };
    let mut settings = EngineSettings::default();
    settings.time.dedup_horizon = tillwatch_records::units::DurationMs::from_ms(0);
    let mut torn = lane(catalog, &settings, 0);
    fold_part(&mut torn, &[of_mcc("a", 0, hours(0.0))], 0);
    torn.missed(hours(0.0));
    // Windows are whole after six minutes, cohorts after 64 half-lives and the skew.
    let cohort_ms = START_MS + 69 * 60_000;
    let events = [
        of_mcc("a", 1, hours(0.2)),
        of_mcc("b", 2, cohort_ms),
        of_mcc("a", 3, cohort_ms + 1),
    ];
    let rows = fold_part(&mut torn, &events, 1);
    let flags: Vec<Flags> = rows.iter().map(|row| row.flags).collect();
    assert_eq!(flags, [WARMING, WARMING, NONE]);
}

#[test]
fn what_is_missing_is_in_the_next_cut() {
    let mut torn = lane(COUNT_1H, &EngineSettings::default(), 0);
    torn.track(0);
    let sales: Vec<Event> = (0..20)
        .map(|n| sale(&format!("t{n}"), n, hours(0.1)))
        .collect();
    fold_part(&mut torn, &sales, 0);
    let mut entries = Entries::default();
    assert!(torn.begin_cut(&mut Vec::new()));
    assert!(!torn.continue_cut(&mut entries, 5));
    let before = entries.len();
    torn.missed(hours(0.5));
    assert!(torn.continue_cut(&mut entries, 100));
    assert_eq!((before, entries.len()), (5, 20), "as they were");
    entries.clear();
    assert!(torn.begin_cut(&mut Vec::new()));
    assert!(torn.continue_cut(&mut entries, 100));
    assert_eq!(entries.len(), 20, "as they are");
}
