//! What the consumer of the input sees of the transactions.

use std::sync::Arc;
use std::time::Duration;

use tillwatch_kafka::{GroupIdentity, Waker};
use tillwatch_records::TopicPartition;

use super::flight::Flight;
use super::intake::Intake;
use crate::transactions::Transactions;

/// The seam of a [`super::OnceSink`].
pub(super) struct Seam {
    pub(super) intake: Arc<Intake>,
    pub(super) flight: Arc<Flight>,
}

impl Transactions for Seam {
    fn attach(&self, group: GroupIdentity, waker: Arc<Waker>) {
        self.intake.attach(group, waker);
    }

    fn detach(&self) {
        self.intake.detach();
    }

    fn request(&self, offsets: &[(TopicPartition, i64)]) {
        self.intake.request(offsets);
    }

    fn has_stored(&self) -> bool {
        self.intake.has_answers()
    }

    fn stored(&self, timeout: Duration) -> Vec<(TopicPartition, i64)> {
        self.intake.answers(timeout).into_iter().collect()
    }

    fn outstanding(&self) -> usize {
        self.intake.outstanding()
    }

    fn abandon(&self, sources: &[TopicPartition]) {
        let left = self.intake.abandon(sources);
        let bytes = left.iter().map(|parcel| parcel.weight()).sum();
        left.into_iter()
            .for_each(|parcel| self.flight.give_up(parcel));
        self.intake.released(bytes);
    }
}
