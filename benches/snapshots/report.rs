//! Figures beside what was aimed for.

use std::time::Duration;

use crate::cuts::Cuts;
use crate::cutting::{PAUSE_MAX, Pauses};
use crate::latencies::Latencies;
use crate::median::median;
use crate::options::Options;
use crate::steady::Steady;

/// Most of one core that cuts may take, in percent.
const SHARE_MAX: f64 = 5.0;

/// Most milliseconds that cuts may add to the p99 of batches.
const ADDED_P99_MAX: f64 = 5.0;

/// Most CPU time per record, against a lane without snapshots.
const RATIO_MAX: f64 = 1.05;

/// What targets speak of.
const KEYS_JUDGED: u64 = 1_000_000;
const TERMINALS_JUDGED: u32 = 50_000;
const INTERVAL_JUDGED: Duration = Duration::from_secs(30);

/// Prints what was measured.
pub fn print(options: &Options, cuts: Option<&Cuts>, steady: Option<&Steady>) {
    println!("\n| figure | measured | target | met |\n|---|---:|---:|---|");
    let is_interval = options.interval() >= INTERVAL_JUDGED;
    if let Some(cuts) = cuts {
        // Nearly all: some terminals may not have sent a record.
        print_cuts(
            options,
            cuts,
            is_interval && cuts.keys >= KEYS_JUDGED / 100 * 99,
        );
    }
    if let Some(steady) = steady {
        let is_full = is_interval && steady.terminals >= TERMINALS_JUDGED;
        print_steady(steady, is_full);
    }
}

fn print_cuts(options: &Options, cuts: &Cuts, is_full: bool) {
    let name = |what: &str| format!("{} keys, 1 % changed: {what}", cuts.keys);
    line(
        &name("CPU of a cut in the lane, ms"),
        ms(cuts.in_lane),
        None,
        is_full,
    );
    let what = name("CPU of storing and merging it, ms");
    line(&what, ms(cuts.beside), None, is_full);
    let share = (cuts.in_lane + cuts.beside).div_duration_f64(options.interval()) * 100.0;
    let every = options.interval;
    let what = name(&format!("share of one core, a cut every {every} s, %"));
    line(&what, share, Some(SHARE_MAX), is_full);
    if !cuts.pairs.is_empty() {
        let of = |figure: &dyn Fn(&[Latencies; 2]) -> f64| median(cuts.pairs.iter().map(figure));
        let what = name("p99 of batches without a cut, ms (median)");
        line(&what, of(&|[without, _]| without.p99), None, is_full);
        let added = of(&|[without, with]| with.p99 - without.p99);
        let what = name("added to it by a cut, ms (median)");
        line(&what, added, Some(ADDED_P99_MAX), is_full);
    }
    let most = Some(ms(PAUSE_MAX));
    let of = format!("{} keys, 1 % changed", cuts.keys);
    pauses(&of, &cuts.pauses, most, is_full);
    let what = "plain memory not read meanwhile: longest step, ms of CPU";
    line(what, ms(cuts.plain), None, is_full);
    let what = format!("{} keys, the first cut", cuts.keys);
    line(
        &format!("{what}: stored after, s"),
        cuts.first.as_secs_f64(),
        None,
        is_full,
    );
    pauses(&what, &cuts.first_pauses, most, is_full);
}

fn print_steady(steady: &Steady, is_full: bool) {
    let us = |time: Duration| time.as_secs_f64() * 1e6 / steady.records as f64;
    let name = |what: &str| format!("job W, {} terminals: {what}", steady.terminals);
    for (what, time) in [
        ("CPU-us per record without snapshots", steady.without),
        ("with snapshots, in the lane", steady.with),
        ("with snapshots, beside it", steady.beside),
    ] {
        line(&name(what), us(time), None, is_full);
    }
    let ratio = (steady.with + steady.beside).div_duration_f64(steady.without);
    let what = name("with against without, ratio");
    line(&what, ratio, Some(RATIO_MAX), is_full && steady.cuts > 0);
    // The target is for many keys.
    let of = format!("job W, {} terminals", steady.terminals);
    pauses(&of, &steady.pauses, None, is_full);
}

/// How long the lane stood still for what `of` names.
fn pauses(of: &str, pauses: &Pauses, most: Option<f64>, is_full: bool) {
    let (longest, used) = (ms(pauses.longest), ms(pauses.longest_cpu));
    let slow = f64::from(pauses.slow) / f64::from(pauses.slices.max(1)) * 100.0;
    let limit = ms(PAUSE_MAX);
    for (what, measured, most) in [
        ("longest pause, ms".to_owned(), longest, most),
        ("longest pause, ms of CPU".to_owned(), used, None),
        (
            format!("pauses of more than {limit} ms of CPU, %"),
            slow,
            None,
        ),
    ] {
        line(&format!("{of}: {what}"), measured, most, is_full);
    }
    if pauses.given_up > 0 {
        let given_up = pauses.given_up;
        println!("| {of}: cuts given up, as the store did not keep up | {given_up} | 0 | no |");
    }
}

/// `most` is the target, which is judged where `is_full`.
fn line(what: &str, measured: f64, most: Option<f64>, is_full: bool) {
    let judged = match (most, is_full) {
        (None, _) => "| |".to_owned(),
        (Some(most), false) => format!("≤ {most} | too small to say |"),
        (Some(most), true) => {
            let met = if measured <= most { "yes" } else { "no" };
            format!("≤ {most} | {met} |")
        }
    };
    println!("| {what} | {measured:.3} | {judged}");
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
