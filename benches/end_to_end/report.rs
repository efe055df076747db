//! Figures, and on a real broker their ratios and what was aimed for.

use crate::backlog::Run;
use crate::figures::Pair;
use crate::latencies::Latencies;
use crate::median::median;

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Report {
    pub throughput: Vec<Pair<Run>>,
    /// By rate in records/s.
    pub latency: Vec<(u64, Vec<Pair<Latencies>>)>,
    /// Pairs of phases without and with changes of models.
    pub swaps: Vec<[Latencies; 2]>,
}

/// What a figure's ratio should be.
#[derive(Debug, Clone, Copy)]
enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Report {
    /// Both contenders' figures and nothing else: the mock cluster answers unlike a broker, so a ratio of
    /// the two says nothing of either.
    pub fn print_figures(&self) {
        println!("\n| figure (median) | forward | tillwatch |\n|---|---:|---:|");
        let runs = &self.throughput;
        if !runs.is_empty() {
            figures("CPU-us per record", runs, |run| run.cpu_us_per_record);
            figures("records/s", runs, |run| run.records_per_second);
            figures("resident memory, MiB", runs, |run| run.memory_mib);
        }
        for (rate, rounds) in &self.latency {
            let name = |which: &str| format!("{which} ms at {rate} records/s");
            figures(&name("p50"), rounds, |l| l.p50);
            figures(&name("p99"), rounds, |l| l.p99);
            figures(&name("max"), rounds, |l| l.max);
        }
        if !self.swaps.is_empty() {
            println!("\n| figure (median) | as they are | models change |\n|---|---:|---:|");
            for (name, figure) in [
                ("p50 ms", (|l| l.p50) as fn(&Latencies) -> f64),
                ("p99 ms", |l| l.p99),
                ("max ms", |l| l.max),
            ] {
                let [without, with] = sides(&self.swaps, figure);
                println!("| {name} | {without:.2} | {with:.2} |");
            }
        }
    }

    /// Figures with their ratios, beside what was aimed for.
    pub fn print_judged(&self) {
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
            "\n| figure (median of {} pairs of phases) | as they are | models change | \
             ratio | target | met |\n\
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
    let [without, with] = sides(pairs, &figure);
    let ratios = (pairs.iter()).map(|[without, with]| figure(with) / figure(without));
    let ratio = median(ratios);
    let judged = match ratio_max {
        Some(max) => format!("≤ {max} | {}", is_met(ratio <= max)),
        None => "|".to_owned(),
    };
    println!("| {name} | {without:.2} | {with:.2} | {ratio:.2} | {judged} |");
}

/// The medians of both sides.
fn sides(pairs: &[[Latencies; 2]], figure: impl Fn(&Latencies) -> f64) -> [f64; 2] {
    [0, 1].map(|side| median(pairs.iter().map(|pair| figure(&pair[side]))))
}

fn figures<T>(name: &str, rounds: &[Pair<T>], figure: impl Fn(&T) -> f64) {
    let forward = median(rounds.iter().map(|pair| figure(&pair.forward)));
    let ours = median(rounds.iter().map(|pair| figure(&pair.tillwatch)));
    let digits = if forward < 1_000.0 { 2 } else { 0 };
    println!("| {name} | {forward:.digits$} | {ours:.digits$} |");
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
