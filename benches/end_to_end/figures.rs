//! What is measured of a contender, and of both in one round.

use crate::process::Contender;

/// Latencies in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Latencies {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// What a contender needed.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub cpu_us_per_record: f64,
    pub records_per_second: f64,
    pub memory_mib: f64,
}

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

impl Latencies {
    /// Of these in milliseconds, which are some.
    pub fn of(mut ms: Vec<f64>) -> Self {
        ms.sort_by(f64::total_cmp);
        let at = |share: f64| ms[((ms.len() - 1) as f64 * share) as usize];
        Self {
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
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

/// The middle one; of an even number the mean of the two in the middle.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}
