//! What becomes of the records of a transaction, as their delivery reports say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tillwatch_kafka::{Deliveries, ErrorCode, Undelivered};

use super::parcel::Parcel;
use crate::counters::{Counters, Outcome};
use crate::kafka::blame::Blame;
use crate::kafka::troubles::Troubles;
use crate::settings::Output;

/// What the client's reports tell, and what the sink counts.
#[derive(Default)]
pub(crate) struct Flight {
    pub(crate) counters: Counters,
    pub(crate) troubles: Troubles,
    /// A record of the transaction was given up, so that it cannot commit.
    has_failed: AtomicBool,
    failure: Mutex<Option<Failure>>,
    /// Records that were refused for their own sake or a neighbour's: at most those of a transaction.
    refused: Mutex<Vec<Refused>>,
}

/// Why a transaction cannot commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) topic: String,
}

/// A record that a broker refused.
pub(crate) struct Refused {
    pub(crate) parcel: Arc<Parcel>,
    pub(crate) output: Output,
    pub(crate) index: usize,
    pub(crate) code: ErrorCode,
}

/// What a record on its way is.
pub(crate) struct Share {
    pub(crate) parcel: Arc<Parcel>,
    pub(crate) output: Output,
    /// Its number, where it was not handed over with others.
    pub(crate) index: Option<usize>,
}

impl Flight {
    /// A new transaction begins.
    pub(crate) fn begin(&self) {
        *self.failure.lock() = None;
        self.refused.lock().clear();
        self.has_failed.store(false, Ordering::SeqCst);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst)
    }

    /// Why the transaction cannot commit, as far as records say.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.lock().clone()
    }

    /// A parcel leaves: its batch counts as given up.
    pub(crate) fn give_up(&self, parcel: Arc<Parcel>) {
        parcel.fail();
        let (records, bytes) = (parcel.len(), parcel.bytes());
        drop(parcel);
        self.counters.unqueue(bytes);
        self.counters.settled(records, Outcome::Failed);
    }

    pub(crate) fn take_refused(&self) -> Vec<Refused> {
        std::mem::take(&mut *self.refused.lock())
    }

    /// Notes that a record cannot be delivered in this transaction.
    pub(crate) fn fail(&self, code: ErrorCode, topic: &str) {
        self.counters.error(Blame::of(code).cause());
        self.failure.lock().get_or_insert_with(|| Failure {
            code,
            topic: topic.to_owned(),
        });
        self.has_failed.store(true, Ordering::SeqCst);
    }
}

impl Deliveries for Flight {
    type Owed = Share;

    fn delivered(&self, _share: Arc<Share>, _bytes: usize) {}

    fn given_up(&self, record: &Undelivered<'_>, share: Arc<Share>) {
        let code = record.code();
        match Blame::of(code) {
            Blame::Record(_) | Blame::Neighbour => {
                let index = share.index.or_else(|| index_of(record, &share));
                self.refused.lock().extend(index.map(|index| Refused {
                    parcel: Arc::clone(&share.parcel),
                    output: share.output,
                    index,
                    code,
                }));
            }
            // What an abort takes back says nothing new.
            Blame::Client if matches!(code, ErrorCode::PurgeQueue | ErrorCode::PurgeInflight) => {
                return;
            }
            Blame::Client | Blame::Cluster(_) | Blame::Full => {}
        }
        self.fail(code, record.topic());
    }

    fn trouble(&self, code: ErrorCode, reason: &str) {
        let blame = Blame::of(code);
        self.counters.error(blame.cause());
        self.troubles.hear(blame, code, reason);
    }
}

/// Which record of its parcel it is that was given up. Of equal ones the first: they are refused alike.
fn index_of(record: &Undelivered<'_>, share: &Share) -> Option<usize> {
    let lines = share.parcel.lines(share.output);
    (0..lines.len()).find(|index| {
        let line = lines.message(*index);
        line.key == record.key() && Some(line.payload) == record.payload()
    })
}
