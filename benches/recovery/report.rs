//! Figures beside what was aimed for.

use crate::case::Case;
use crate::child::Did;
use crate::median::median;

/// Longest time to restore, in seconds.
const SECONDS_MAX: f64 = 10.0;

/// Least speed, against reading and decompressing alone.
const SPEED_MIN: f64 = 0.5;

/// What was measured of a lane.
pub struct Measured {
    pub case: Case,
    /// Whether it is as large as the targets ask for.
    pub is_full: bool,
    /// A restore and the control beside it.
    pub rounds: Vec<[Did; 2]>,
}

/// Prints the medians of all rounds, and of their ratios.
pub fn print(all: &[Measured]) {
    println!(
        "\n| median of rounds | restored | only read and decompressed | target | met |\n\
         |---|---:|---:|---:|---|"
    );
    for measured in all.iter().filter(|measured| !measured.rounds.is_empty()) {
        let name = measured.case.name();
        let of = |side: usize, figure: fn(&Did) -> f64| {
            median(measured.rounds.iter().map(|round| figure(&round[side])))
        };
        let judged = |met: bool| match (measured.is_full, met) {
            (false, _) => "too small to say",
            (true, true) => "yes",
            (true, false) => "no",
        };
        let (restored, read) = (of(0, |did| did.seconds), of(1, |did| did.seconds));
        println!(
            "| {name}, s | {restored:.2} | {read:.2} | ≤ {SECONDS_MAX} | {} |",
            judged(restored <= SECONDS_MAX)
        );
        let (restored, read) = (of(0, |did| did.cpu_seconds), of(1, |did| did.cpu_seconds));
        println!("| {name}, s of CPU | {restored:.2} | {read:.2} | | |");
        let rounds = measured.rounds.iter();
        let speed = median(rounds.map(|[restored, read]| read.seconds / restored.seconds));
        println!(
            "| {name}, speed against the other | {speed:.2} | 1 | ≥ {SPEED_MIN} | {} |",
            judged(speed >= SPEED_MIN)
        );
    }
}
