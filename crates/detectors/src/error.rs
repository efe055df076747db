//! Why a detector is refused, or its state.

/// Why settings or a state are refused. Messages say what is wrong; the caller knows which file or
/// lane it came from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DetectorError {
    /// A number outside its range.
    #[error("{what} = {found}; use {least} to {most}")]
    Setting {
        /// Name of the setting.
        what: &'static str,
        /// What it is.
        found: f64,
        /// The least that is taken.
        least: f64,
        /// The most that is taken.
        most: f64,
    },
    /// An input whose scaling makes no sense.
    #[error("input {name}: {fault}")]
    Input {
        /// Name of the input.
        name: String,
        /// What is wrong, and what to do.
        fault: &'static str,
    },
    /// Settings that would make the detector too large.
    #[error("the detector would keep {found} {what}, at most {most}; use fewer trees")]
    TooLarge {
        /// What there would be too much of.
        what: &'static str,
        /// How much there would be.
        found: usize,
        /// How much may be.
        most: usize,
    },
    /// State that another detector wrote: of another kind, format, or with other settings.
    #[error("state of another detector ({difference}); let this one learn anew")]
    Foreign {
        /// What differs.
        difference: &'static str,
    },
    /// State that was cut short or changed. The detector is as it was.
    #[error("state is damaged ({reason}); let the detector learn anew")]
    Damaged {
        /// What is wrong.
        reason: &'static str,
    },
}

/// Refuses a number outside its range.
pub(crate) fn within(
    what: &'static str,
    found: f64,
    least: f64,
    most: f64,
) -> Result<(), DetectorError> {
    // A NaN is in no range.
    if found >= least && found <= most {
        return Ok(());
    }
    Err(DetectorError::Setting {
        what,
        found,
        least,
        most,
    })
}

/// Refuses what would take too many bytes.
pub(crate) fn at_most(what: &'static str, found: usize, most: usize) -> Result<(), DetectorError> {
    if found <= most {
        return Ok(());
    }
    Err(DetectorError::TooLarge { what, found, most })
}
