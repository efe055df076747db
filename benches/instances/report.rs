//! Figures beside what was aimed for.

use crate::backlog::Run;
use crate::median::median;
use crate::moves::{Moment, SESSION, What};
use crate::place::Place;

/// Most CPU time per record of exactly once, against at least once.
const ONCE_RATIO_MAX: f64 = 1.3;

/// Longest silence of a lane that moves in order, in milliseconds.
const MOVED_MS_MAX: f64 = 1_000.0;

/// Longest wait on a lane that stays.
const STAYED_MS_MAX: f64 = 100.0;

/// Longest time to a new score after a session is over.
const AFTER_SESSION_MS_MAX: f64 = 2_000.0;

/// Keys of each partition that the targets speak of.
const KEYS_JUDGED: u64 = 100_000;

/// Records that ratios are judged of.
const BACKLOG_JUDGED: u64 = 1_000_000;

/// Prints what was measured.
pub fn print(place: &Place, once: Option<&[[Run; 2]]>, moves: Option<&[Moment]>) {
    if let Some(rounds) = once.filter(|rounds| !rounds.is_empty()) {
        print_once(rounds, place.options.backlog >= BACKLOG_JUDGED);
    }
    if let Some(moments) = moves.filter(|moments| !moments.is_empty()) {
        print_moves(moments);
    }
}

fn print_once(rounds: &[[Run; 2]], is_full: bool) {
    println!(
        "\n| median of rounds | at least once | exactly once | ratio | target | met |\n\
         |---|---:|---:|---:|---:|---|"
    );
    let figure = |name: &str, most: Option<f64>, figure: fn(&Run) -> f64| {
        let [least, once] =
            [0, 1].map(|side| median(rounds.iter().map(|pair| figure(&pair[side]))));
        let ratio = median(
            rounds
                .iter()
                .map(|[least, once]| figure(once) / figure(least)),
        );
        let judged = judged(ratio, most, is_full);
        println!("| {name} | {least:.2} | {once:.2} | {ratio:.2} | {judged}");
    };
    figure("CPU-us per record", Some(ONCE_RATIO_MAX), |run| {
        run.cpu_us_per_record
    });
    figure("records/s", None, |run| run.records_per_second);
    figure("resident memory, MiB", None, |run| run.memory_mib);
}

fn print_moves(moments: &[Moment]) {
    let keys = moments.iter().flat_map(|moment| &moment.moved);
    let keys = keys.map(|lane| lane.entries).min().unwrap_or(0);
    println!(
        "\nlanes that moved had {keys} keys or more; a session lasts {} s\n\n\
         | longest wait for a score, ms | median | worst | target | met (worst) |\n\
         |---|---:|---:|---:|---|",
        SESSION.as_secs()
    );
    let is_full = keys >= KEYS_JUDGED;
    let line = |name: &str, what: What, most: Option<f64>, figure: fn(&Moment) -> f64| {
        let of = || {
            moments
                .iter()
                .filter(|moment| moment.what == what)
                .map(figure)
        };
        let worst = of().fold(0.0, f64::max);
        let judged = judged(worst, most, is_full);
        println!("| {name} | {:.0} | {worst:.0} | {judged}", median(of()));
    };
    let (moved, stayed) = (Some(MOVED_MS_MAX), Some(STAYED_MS_MAX));
    line(
        "nothing happens, all lanes",
        What::Nothing,
        None,
        |moment| moment.stayed_ms,
    );
    line(
        "an instance joins: lanes that move",
        What::Join,
        moved,
        |moment| moment.moved_ms,
    );
    line("lanes that stay", What::Join, stayed, |moment| {
        moment.stayed_ms
    });
    line(
        "it leaves in order: lanes that move",
        What::Leave,
        moved,
        |moment| moment.moved_ms,
    );
    line("lanes that stay", What::Leave, stayed, |moment| {
        moment.stayed_ms
    });
    line(
        "it is killed: lanes that stay",
        What::Kill,
        stayed,
        |moment| moment.stayed_ms,
    );
    let session_ms = SESSION.as_secs_f64() * 1e3;
    let most = Some(session_ms + AFTER_SESSION_MS_MAX);
    let what = "from kill -9 to the first new score of each of its lanes";
    line(what, What::Kill, most, |moment| moment.first_score_ms);
}

/// `most` is the target, which is judged where `is_full`.
fn judged(measured: f64, most: Option<f64>, is_full: bool) -> String {
    match (most, is_full) {
        (None, _) => "| |".to_owned(),
        (Some(most), false) => format!("≤ {most} | too small to say |"),
        (Some(most), true) => {
            let met = if measured <= most { "yes" } else { "no" };
            format!("≤ {most} | {met} |")
        }
    }
}
