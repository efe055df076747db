//! Runs: a function of a seed, and of which of its steps are left out.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tillwatch_engine::Assembly;

use crate::dice::Dice;
use crate::mutant::Mutant;
use crate::oracle::Oracle;
use crate::place;
use crate::setting::Setting;
use crate::shrink::shrink;
use crate::step::Step;
use crate::violation::Violation;
use crate::world::World;

/// Steps of a run.
const STEPS: usize = 600;

/// How long a run that failed is shortened.
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// Makes runs.
#[derive(Debug, Clone)]
pub struct Simulator {
    assembly: Arc<Assembly>,
}

/// What a run that found nothing has come through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// What has happened, and how often.
    pub counts: BTreeMap<&'static str, u64>,
}

/// A run that found something.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What was found.
    pub violation: Violation,
    seed: u64,
    setting: Setting,
    /// The steps that are left, by number.
    steps: Vec<usize>,
    all: Vec<Step>,
}

/// A run before it begins.
struct Plan {
    setting: Setting,
    steps: Vec<Step>,
}

impl Simulator {
    /// # Errors
    /// What the lanes are made of does not fit together.
    pub fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self {
            assembly: Arc::new(place::assembly()?),
        })
    }

    /// Runs all steps of `seed`, or those of these numbers, with a bug on purpose or without.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn run(
        &self,
        seed: u64,
        steps: Option<&[usize]>,
        mutant: Option<Mutant>,
    ) -> Result<Summary, Box<Failure>> {
        let plan = Plan::of(seed);
        let all: Vec<usize> = (0..plan.steps.len()).collect();
        let steps = steps.unwrap_or(&all);
        self.follow(seed, &plan, steps, mutant)
            .map_err(|violation| {
                Box::new(Failure {
                    violation,
                    seed,
                    setting: plan.setting.clone(),
                    steps: steps.to_vec(),
                    all: plan.steps.clone(),
                })
            })
    }

    /// Leaves out of a run that failed what it does not need to fail, for some seconds.
    pub fn shrink(&self, failure: Failure, mutant: Option<Mutant>) -> Failure {
        let plan = Plan::of(failure.seed);
        let end = now() + SHRINK_TIME;
        let mut violation = failure.violation.clone();
        let kind = violation.kind();
        let steps = shrink(
            failure.steps.clone(),
            |steps| match self.follow(failure.seed, &plan, steps, mutant) {
                Err(found) if found.kind() == kind => {
                    violation = found;
                    true
                }
                _ => false,
            },
            || now() < end,
        );
        Failure {
            violation,
            steps,
            ..failure
        }
    }

    fn follow(
        &self,
        seed: u64,
        plan: &Plan,
        steps: &[usize],
        mutant: Option<Mutant>,
    ) -> Result<Summary, Violation> {
        let run = || {
            let mut world = World::new(&self.assembly, seed, plan.setting.clone(), mutant)?;
            for step in steps.iter().filter_map(|step| plan.steps.get(*step)) {
                world.apply(*step)?;
            }
            world.rest()?;
            let evicted = world.oracles.iter().map(Oracle::evicted_keys).sum();
            let mut shared = world.common.shared.lock();
            shared.counts.insert("keys evicted", evicted);
            shared.counts.retain(|_, times| *times > 0);
            Ok(Summary {
                counts: shared.counts(),
            })
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Violation::Failed {
                what: format!("panic: {}", text.unwrap_or_default()),
            })
        })
    }
}

impl Plan {
    fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let setting = Setting::of(&mut dice);
        let steps = (0..STEPS)
            .map(|_| Step::draw(&mut dice, &setting))
            .collect();
        Self { setting, steps }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.violation)?;
        writeln!(f, "  {:?}", self.setting)?;
        for step in &self.steps {
            if let Some(what) = self.all.get(*step) {
                writeln!(f, "  {step:3} {what}")?;
            }
        }
        let steps = ranges(&self.steps);
        write!(
            f,
            "run it again: TILLWATCH_SEED={} TILLWATCH_CASES=1 TILLWATCH_STEPS={steps} \
             cargo test -p tillwatch-dst --test seeds",
            self.seed
        )
    }
}

/// Numbers as text, such as `1,4-9`.
fn ranges(numbers: &[usize]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while let Some(first) = numbers.get(at) {
        let mut last = *first;
        while numbers.get(at + 1) == Some(&(last + 1)) {
            last += 1;
            at += 1;
        }
        at += 1;
        let comma = if text.is_empty() { "" } else { "," };
        match last == *first {
            true => text.push_str(&format!("{comma}{first}")),
            false => text.push_str(&format!("{comma}{first}-{last}")),
        }
    }
    text
}

/// The steps that such a text names.
///
/// # Errors
/// The first piece that is no number.
pub fn steps_of(text: &str) -> Result<Vec<usize>, std::num::ParseIntError> {
    let mut steps = Vec::new();
    for piece in text.split(',').filter(|piece| !piece.is_empty()) {
        match piece.split_once('-') {
            Some((first, last)) => {
                let (first, last): (usize, usize) = (first.parse()?, last.parse()?);
                steps.extend(first..=last);
            }
            None => steps.push(piece.parse()?),
        }
    }
    Ok(steps)
}

#[expect(
    clippy::disallowed_methods,
    reason = "shortening a run ends after a time; the run itself has a clock of its own"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_written_and_read() {
        for steps in [vec![], vec![3], vec![0, 1, 2, 7, 9, 10]] {
            assert_eq!(steps_of(&ranges(&steps)).unwrap(), steps);
        }
        assert_eq!(ranges(&[0, 1, 2, 7, 9, 10]), "0-2,7,9-10");
        assert!(steps_of("1-x").is_err());
    }
}
