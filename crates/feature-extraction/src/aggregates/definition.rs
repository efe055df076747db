//! What an aggregate is.

use crate::catalog::{Entry, FeatureSpec, Signature};
use crate::parts::Parts;
use crate::plan::Made;

/// An aggregate. Asked when a catalog is read and compiled, never while records are folded.
pub(crate) trait Definition: Sync {
    /// What a catalog may say of it. The catalog has checked a feature against this before it is compiled.
    fn signature(&self) -> &'static Signature;

    /// Asks for the parts that the feature is made of, and says how it is made of them.
    ///
    /// Called twice for every feature. The first round collects the fields of a row, since a field's place
    /// depends on how many there are; what it gives is dropped. So the same parts must be asked for each
    /// time.
    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made;
}

/// Refuses a feature without a half-life: the check of an aggregate that is weighted by age.
pub(super) fn needs_half_life(_: &Entry, spec: &mut FeatureSpec) -> Result<(), String> {
    if spec.half_life_ms > 0 {
        return Ok(());
    }
    Err(format!(
        "`{}` needs a half_life such as \"7d\": the age at which a record counts half",
        spec.aggregate.as_str()
    ))
}
