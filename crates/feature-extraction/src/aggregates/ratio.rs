//! Records that satisfy filter and base over records that satisfy base, drawn to a prior or to the share of a
//! cohort while they are few.
//!
//! Cost: O(1). Space: at most 8 bytes per record; per lane that of the cohorts.

use super::definition::Definition;
use crate::catalog::{Entry, FeatureSpec, HALF_LIFE_MS, Shrinkage, Signature, Span, Takes};
use crate::parts::Parts;
use crate::plan::column::put;
use crate::plan::{BitId, Chunk, CohortSpec, Column, Made, Slot, tuple};
use crate::structures::decay::HalfLife;

#[derive(Debug)]
pub(super) struct Ratio;

static SIGNATURE: Signature = Signature {
    name: "ratio",
    takes: Takes::Nothing,
    span: Span::Window,
    keys: &[
        "base",
        "label",
        "resolution",
        "half_life",
        "strength",
        "prior",
        "cohort",
    ],
    check,
};

#[derive(Debug)]
struct Share {
    part: Slot,
    whole: Slot,
    pull: Option<Pull>,
}

/// What a ratio is drawn to, and how strongly.
#[derive(Debug, Clone, Copy)]
struct Pull {
    strength: f64,
    prior: f64,
    /// Where the prior is taken from a cohort.
    slot: Option<Slot>,
}

fn check(entry: &Entry, spec: &mut FeatureSpec) -> Result<(), String> {
    if spec.filter.is_none() && spec.label.is_none() {
        return Err(
            "`ratio` needs a filter or a label: the records that it counts over the base".into(),
        );
    }
    match (entry.cohort.is_empty(), entry.half_life.is_some()) {
        (true, true) => {
            Err("`half_life` is how a cohort ages; name the cohort's columns in `cohort`".into())
        }
        (false, false) => {
            spec.half_life_ms = HALF_LIFE_MS;
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Definition for Ratio {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let both = parts.bit(spec, &[&spec.filter, &spec.base], &[]);
        let base = parts.bit(spec, &[&spec.base], &[]);
        let (counted, whole) = (parts.count(both), parts.count(base));
        let window = parts.window(spec, whole);
        let part = parts.number_of(spec, window, counted);
        let share = Share {
            part: part.slot,
            whole: parts.count_of(window, whole),
            pull: None,
        };
        let among = parts.plan.counted(whole);
        let mut words = format!("share of {} among {among}", part.subject);
        let Some(shrinkage) = &spec.shrinkage else {
            return parts.made(share, words, part.cost);
        };
        let Shrinkage {
            strength,
            prior,
            cohort,
        } = shrinkage;
        words.push_str(&format!(", drawn to {prior} by {strength} records"));
        let slot = (!cohort.is_empty()).then(|| cohort_of(parts, spec, shrinkage, (both, base)));
        if slot.is_some() {
            words.push_str(&format!(", or to that of its {}", tuple(cohort)));
        }
        let pull = Some(Pull {
            strength: *strength,
            prior: *prior,
            slot,
        });
        parts.made(Share { pull, ..share }, words, part.cost)
    }
}

fn cohort_of(
    parts: &mut Parts,
    spec: &FeatureSpec,
    shrinkage: &Shrinkage,
    (part, base): (BitId, BitId),
) -> Slot {
    let cohort = CohortSpec {
        hash: parts.hash(&shrinkage.cohort),
        part,
        base,
        half_life: HalfLife::new(spec.half_life_ms),
    };
    parts.cohort(cohort, shrinkage.prior)
}

impl Column for Share {
    fn fill(&self, chunk: &Chunk<'_>, run: &mut [f64]) {
        let parts = chunk.integers(self.part).map(|part| part as f64);
        let pairs = parts.zip(chunk.integers(self.whole).map(|whole| whole as f64));
        let Some(pull) = self.pull else {
            return put(run, pairs.map(|(part, whole)| ratio(part, whole, None)));
        };
        let pulled = |part, whole, prior| ratio(part, whole, Some((pull.strength, prior)));
        match pull.slot {
            None => put(run, pairs.map(|(p, w)| pulled(p, w, pull.prior))),
            Some(slot) => {
                let priors = pairs.zip(chunk.floats(slot));
                put(run, priors.map(|((p, w), prior)| pulled(p, w, prior)));
            }
        }
    }
}

/// part / whole, NaN of nothing; with a prior of some strength, (part + strength · prior) / (whole +
/// strength).
#[inline]
fn ratio(part: f64, whole: f64, prior: Option<(f64, f64)>) -> f64 {
    match prior {
        // 0 / 0 is NaN: no value.
        None => part / whole,
        Some((strength, prior)) => (part + strength * prior) / (whole + strength),
    }
}
