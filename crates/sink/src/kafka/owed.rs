//! What a record on its way owes, and what is known of it when it comes back.

use std::sync::Arc;

use tillwatch_records::Ticket;

use super::letter::Note;
use crate::settings::Output;

/// What records on their way owe. The records made from one input batch share it.
pub(crate) struct Owed {
    /// Dropped when the record is acknowledged; `None` when nobody waits.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) what: What,
    pub(crate) stage: Stage,
    /// The record's place before its topic's gate, when it was sent again from there.
    pub(crate) place: Option<u64>,
}

/// What a record is.
#[derive(Clone)]
pub(crate) enum What {
    Score,
    Alert,
    Letter {
        note: Arc<Note>,
        /// Bytes that it takes of the room for dead letters.
        weight: usize,
    },
    /// A record of somebody who feeds topics.
    Plain(Plain),
}

/// What the sender of a plain record chose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain {
    pub(crate) partition: Option<i32>,
    /// Kept here, since a delivery report does not have it.
    pub(crate) timestamp_ms: Option<i64>,
}

/// In which form a record is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// As it was made, together with others.
    Whole,
    /// As it was made, in a batch of its own.
    Alone,
    /// Reduced, in a batch of its own: which form, from 0 for the largest.
    Reduced(u8),
}

/// The records made from one input batch: they share one ticket clone, or nobody waits for them.
pub(crate) struct Group(pub(crate) Arc<Owed>);

impl Group {
    pub(crate) fn of(ticket: &Ticket, what: What) -> Self {
        Self::new(Some(ticket.clone()), what)
    }

    /// A record of somebody who feeds topics, and who may wait for it.
    pub(crate) fn plain(ticket: Option<&Ticket>, plain: Plain) -> Self {
        Self::new(ticket.cloned(), What::Plain(plain))
    }

    pub(crate) fn fail(&self) {
        self.0.fail();
    }

    fn new(ticket: Option<Ticket>, what: What) -> Self {
        Self(Arc::new(Owed {
            ticket,
            what,
            stage: Stage::Whole,
            place: None,
        }))
    }
}

impl Owed {
    pub(crate) fn fail(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.fail();
        }
    }
}

impl What {
    /// The output that it belongs to; `None` for a plain record.
    pub(crate) fn output(&self) -> Option<Output> {
        match self {
            Self::Score => Some(Output::Scores),
            Self::Alert => Some(Output::Alerts),
            Self::Letter { .. } => Some(Output::DeadLetters),
            Self::Plain(_) => None,
        }
    }

    /// Bytes that it takes of the room for dead letters.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Letter { weight, .. } => *weight,
            Self::Score | Self::Alert | Self::Plain(_) => 0,
        }
    }
}
