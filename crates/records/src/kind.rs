//! The kinds of record, and sets of them.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::suggest::did_you_mean;

/// The three kinds of record that a topic may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RecordKind {
    /// A card-present authorisation; the only kind that is scored unless configured otherwise.
    Transaction,
    /// What a terminal reports of itself.
    TerminalEvent,
    /// Later knowledge about a transaction: fraud or not.
    Label,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Transaction, Self::TerminalEvent, Self::Label];

    /// The name in configuration, catalogs and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::TerminalEvent => "terminal_event",
            Self::Label => "label",
        }
    }

    /// The kind called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of record kinds, written as a list of their names: `["transaction", "terminal_event"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordKinds {
    /// One bit per kind, by its position in [`RecordKind::ALL`]; not 0.
    bits: u8,
}

impl RecordKinds {
    /// Transactions alone.
    pub const TRANSACTIONS: Self = Self {
        bits: bit(RecordKind::Transaction),
    };

    /// The set of `kinds`; `None` where there is none.
    pub fn new(kinds: impl IntoIterator<Item = RecordKind>) -> Option<Self> {
        let bits = kinds.into_iter().fold(0, |bits, kind| bits | bit(kind));
        (bits != 0).then_some(Self { bits })
    }

    /// Whether `kind` is among them.
    #[inline]
    pub const fn contains(self, kind: RecordKind) -> bool {
        self.bits & bit(kind) != 0
    }

    /// Those among them, in the order of [`RecordKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = RecordKind> {
        let all = RecordKind::ALL.into_iter();
        all.filter(move |kind| self.contains(*kind))
    }

    /// The first among them, in the order of [`RecordKind::ALL`]: transactions where they are.
    pub fn first(self) -> RecordKind {
        self.iter().next().unwrap_or(RecordKind::Transaction)
    }
}

impl Default for RecordKinds {
    fn default() -> Self {
        Self::TRANSACTIONS
    }
}

impl fmt::Display for RecordKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, kind) in self.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{kind}")?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for RecordKinds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let known = || RecordKind::ALL.map(RecordKind::as_str);
        let mut kinds = Vec::new();
        for name in Vec::<String>::deserialize(deserializer)? {
            let Some(kind) = RecordKind::from_name(&name) else {
                return Err(D::Error::custom(format!(
                    "`{name}` is no record type{}; known are {}",
                    did_you_mean(&name, known()),
                    known().join(", ")
                )));
            };
            kinds.push(kind);
        }
        Self::new(kinds).ok_or_else(|| {
            D::Error::custom(format!(
                "no record type is named; name at least one of {}",
                known().join(", ")
            ))
        })
    }
}

const fn bit(kind: RecordKind) -> u8 {
    1 << kind as u8
}

#[cfg(test)]
mod tests {
    use serde::de::value::{Error, SeqDeserializer};

    use super::*;

    fn read(names: &[&str]) -> Result<RecordKinds, String> {
        let list = SeqDeserializer::<_, Error>::new(names.iter().copied());
        RecordKinds::deserialize(list).map_err(|error| error.to_string())
    }

    #[test]
    fn a_set_is_a_list_of_names() {
        assert_eq!(read(&["transaction"]), Ok(RecordKinds::default()));
        let both = read(&["terminal_event", "transaction", "terminal_event"]).unwrap();
        assert_eq!(both.to_string(), "transaction, terminal_event");
        assert_eq!(both.first(), RecordKind::Transaction);
        assert!(both.contains(RecordKind::TerminalEvent) && !both.contains(RecordKind::Label));
        let late = RecordKinds::new([RecordKind::Label, RecordKind::TerminalEvent]).unwrap();
        assert_eq!(late.first(), RecordKind::TerminalEvent);
    }

    #[test]
    fn strangers_and_the_empty_set_are_refused() {
        assert_eq!(
            read(&["transactions"]).unwrap_err(),
            "`transactions` is no record type; did you mean `transaction`?; \
             known are transaction, terminal_event, label"
        );
        assert_eq!(
            read(&[]).unwrap_err(),
            "no record type is named; name at least one of transaction, terminal_event, label"
        );
        assert_eq!(RecordKinds::new([]), None);
    }
}
