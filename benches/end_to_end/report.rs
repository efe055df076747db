//! Medians, ratios and what was aimed for.

use crate::latency::Latencies;
use crate::process::Contender;
use crate::throughput::Run;

/// Both contenders in one round.
#[derive(Debug, Clone, Copy)]
pub struct Pair<T> {
    pub forward: T,
    pub tillwatch: T,
}

/// A pair that is being measured.
#[derive(Debug)]
pub struct Round<T> {
    forward: Option<T>,
    tillwatch: Option<T>,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Report {
    pub throughput: Vec<Pair<Run>>,
    /// By rate in records/s.
    pub latency: Vec<(u64, Vec<Pair<Latencies>>)>,
    /// Pairs of phases without and with changes of models.
    pub swaps: Vec<[Latencies; 2]>,
}

impl<T> Default for Round<T> {
    fn default() -> Self {
        Self {
            forward: None,
            tillwatch: None,
        }
    }
}

impl<T> Round<T> {
    pub fn set(&mut self, contender: Contender, value: T) {
        match contender {
            Contender::Forward => self.forward = Some(value),
            Contender::Tillwatch => self.tillwatch = Some(value),
        }
    }

    pub fn finish(self) -> Pair<T> {
        Pair {
            forward: self.forward.unwrap(),
            tillwatch: self.tillwatch.unwrap(),
        }
    }
}

/// Whether a figure should be small or large.
#[derive(Debug, Clone, Copy)]
enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Report {
    pub fn print(&self) {
        println!(
            "\n| figure (median) | forward | tillwatch | ratio | target | met |\n\
             |---|---:|---:|---:|---:|---|"
        );
        let runs = &self.throughput;
        if !runs.is_empty() {
            line("CPU-us per record", runs, Aim::AtMost(2.4), |run| {
                run.cpu_us_per_record
            });
            line("records/s", runs, Aim::AtLeast(0.5), |run| {
                run.records_per_second
            });
            let used = |pair: &Pair<Run>| pair.tillwatch.memory_mib;
            let (forward, ours) = (
                median(runs.iter().map(|pair| pair.forward.memory_mib)),
                median(runs.iter().map(used)),
            );
            // Kafka's own figures are in 10^6 bytes.
            let met = is_met(ours * 1.048_576 <= 300.0);
            println!("| resident memory, MiB | {forward:.0} | {ours:.0} | | ≤ 300 MB | {met} |");
        }
        for (rate, rounds) in &self.latency {
            let name = |which: &str| format!("{which} ms at {rate} records/s");
            line(&name("p50"), rounds, Aim::AtMost(1.3), |l| l.p50);
            line(&name("p99"), rounds, Aim::AtMost(1.5), |l| l.p99);
            let (forward, ours) = (
                median(rounds.iter().map(|pair| pair.forward.max)),
                median(rounds.iter().map(|pair| pair.tillwatch.max)),
            );
            println!("| {} | {forward:.1} | {ours:.1} | | | |", name("max"));
        }
        self.print_swaps();
    }

    fn print_swaps(&self) {
        if self.swaps.is_empty() {
            return;
        }
        println!(
            "\n| figure (median of {} pairs of phases) | as they are | models change | ratio | target | met |\n\
             |---|---:|---:|---:|---:|---|",
            self.swaps.len()
        );
        let swaps = &self.swaps;
        swaps_line("p50 ms", swaps, None, |l| l.p50);
        swaps_line("p99 ms", swaps, Some(1.5), |l| l.p99);
        swaps_line("max ms", swaps, None, |l| l.max);
    }
}

fn swaps_line(
    name: &str,
    pairs: &[[Latencies; 2]],
    ratio_max: Option<f64>,
    figure: impl Fn(&Latencies) -> f64,
) {
    let [without, with] = [0, 1].map(|side| median(pairs.iter().map(|pair| figure(&pair[side]))));
    let ratios = (pairs.iter()).map(|[without, with]| figure(with) / figure(without));
    let ratio = median(ratios);
    let judged = match ratio_max {
        Some(max) => format!("≤ {max} | {}", is_met(ratio <= max)),
        None => "|".to_owned(),
    };
    println!("| {name} | {without:.2} | {with:.2} | {ratio:.2} | {judged} |");
}

fn line<T>(name: &str, rounds: &[Pair<T>], aim: Aim, figure: impl Fn(&T) -> f64) {
    let forward = median(rounds.iter().map(|pair| figure(&pair.forward)));
    let ours = median(rounds.iter().map(|pair| figure(&pair.tillwatch)));
    let ratio = median(
        rounds
            .iter()
            .map(|pair| figure(&pair.tillwatch) / figure(&pair.forward)),
    );
    let (sign, target, met) = match aim {
        Aim::AtMost(target) => ("≤", target, ratio <= target),
        Aim::AtLeast(target) => ("≥", target, ratio >= target),
    };
    let digits = if forward < 1_000.0 { 2 } else { 0 };
    println!(
        "| {name} | {forward:.digits$} | {ours:.digits$} | {ratio:.2} | {sign} {target} | {} |",
        is_met(met)
    );
}

fn is_met(met: bool) -> &'static str {
    if met { "yes" } else { "no" }
}

/// The middle one; of an even number the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}
