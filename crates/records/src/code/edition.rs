//! Editions of ISO 8583.

use super::word::whole;

/// Which edition of ISO 8583 a message follows, as far as code lists differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Edition {
    /// Nothing says so.
    #[default]
    Unknown,
    /// 1987.
    First,
    /// 1993 or 2003.
    Later,
}

impl Edition {
    /// The edition that `text`, a value of `spec_version`, names.
    pub fn of(text: &[u8]) -> Self {
        match whole(text) {
            b"1987" => Self::First,
            b"1993" | b"2003" => Self::Later,
            _ => Self::Unknown,
        }
    }
}
