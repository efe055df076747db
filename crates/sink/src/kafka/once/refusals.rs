//! What brokers have refused, and what is sent in its place.

use std::sync::Arc;
use std::time::Instant;

use tillwatch_kafka::ClientConfig;

use super::flight::Refused;
use super::held::Held;
use crate::kafka::blame::Blame;
use crate::kafka::clients::TopicNames;
use crate::kafka::forms::{LEARNT_FOR, Learnt};
use crate::kafka::letter;
use crate::status::Cause;

/// Bytes of a batch of records where nobody has said another size: librdkafka's own.
const BATCH_BYTES_USUAL: usize = 1_000_000;

/// The property that says how large a batch may be.
const BATCH_BYTES: &str = "batch.size";

/// What brokers have refused. What follows from it counts for a while, so that a flood of such records costs
/// a few aborted transactions.
pub(crate) struct Refusals {
    /// Of single records.
    pub(crate) learnt: Learnt,
    /// Bytes of a batch as the configuration has it.
    batch_usual: usize,
    /// A smaller size, since larger batches were refused, and when the last one was.
    batch_lowered: Option<(usize, Instant)>,
}

impl Refusals {
    /// None yet, of a client of this configuration.
    pub(crate) fn new(config: &ClientConfig) -> Self {
        let usual = config.get(BATCH_BYTES).and_then(|bytes| bytes.parse().ok());
        Self {
            learnt: Learnt::default(),
            batch_usual: usual.unwrap_or(BATCH_BYTES_USUAL),
            batch_lowered: None,
        }
    }

    /// Bytes that a batch of several records may have at `at`.
    pub(crate) fn batch_bytes(&self, at: Instant) -> usize {
        let lowered = self.batch_lowered;
        let lowered = lowered.filter(|(_, since)| at.duration_since(*since) < LEARNT_FOR);
        lowered.map_or(self.batch_usual, |(bytes, _)| bytes)
    }

    /// Lets a client make batches of at most so many bytes.
    pub(crate) fn limit(&self, config: &mut ClientConfig, batch_bytes: usize) {
        if batch_bytes != self.batch_usual {
            config.set(BATCH_BYTES, &batch_bytes.to_string());
        }
    }

    /// Prepares what was refused for the next attempt. A record that shared its batch with others is sent as
    /// it was made, in a smaller batch: one by one, the records of a few large batches would take longer than
    /// a transaction may. Any other takes its next form.
    pub(crate) fn advance(
        &mut self,
        refused: Vec<Refused>,
        held: &mut [Held],
        names: &TopicNames,
        at: Instant,
    ) {
        let (mut is_any_small, mut is_any_large) = (false, false);
        for refused in refused {
            let mut held = held.iter_mut();
            let held = held.find(|held| Arc::ptr_eq(&held.parcel, &refused.parcel));
            let Some(held) = held else {
                continue;
            };
            let place = (refused.output, refused.index);
            let is_for_size = Blame::of(refused.code).cause() == Cause::TooLarge;
            let bytes = held.bytes_as_made(place);
            if is_for_size && bytes.is_some_and(|bytes| self.may_share(bytes, at)) {
                is_any_small = true;
            } else {
                is_any_large |= is_for_size;
                held.refuse(place, refused.code, names, &mut self.learnt, at);
            }
        }
        // A large record explains why those beside it were refused.
        if is_any_small && !is_any_large {
            self.lower(at);
        }
    }

    /// Whether a record of so many bytes may have shared its batch, and smaller batches can be made.
    fn may_share(&self, bytes: usize, at: Instant) -> bool {
        let most = self.batch_bytes(at);
        bytes <= most / 2 && smaller(most).is_some()
    }

    fn lower(&mut self, at: Instant) {
        if let Some(bytes) = smaller(self.batch_bytes(at)) {
            self.batch_lowered = Some((bytes, at));
            tracing::warn!(
                bytes,
                minutes = LEARNT_FOR.as_secs() / 60,
                "a topic takes no batch of records as large as they are made: smaller ones are made for a \
                 while; max.message.bytes of the topic decides"
            );
        }
    }
}

/// The size of batches that is tried when larger ones are refused.
fn smaller(bytes: usize) -> Option<usize> {
    // The largest is hardly smaller than usual.
    let mut sizes = letter::SIZES.into_iter().skip(1);
    sizes.find(|size| *size < bytes)
}

#[cfg(test)]
mod tests {
    use tillwatch_kafka::{ErrorCode, Properties, now};
    use tillwatch_records::Ticket;

    use super::super::parcel::Encoding;
    use super::*;
    use crate::settings::Output;
    use crate::test_support::batch;
    use crate::{Delivery, SinkKind, SinkSettings};

    const NAMES: TopicNames = [const { None }; 3];

    fn refusals() -> Refusals {
        let properties = Properties::of([("bootstrap.servers", "localhost:1")]);
        Refusals::new(&ClientConfig::new(&properties, &[]).unwrap())
    }

    fn held(rows: usize) -> Held {
        let scores = batch(0, rows);
        let ticket = Ticket::new(|_| {});
        let settings = SinkSettings::new(SinkKind::Kafka);
        let parcel = Encoding::new(&settings, None).parcel(&Delivery {
            letters: &[],
            scores: Some(&scores),
            ticket: &ticket,
            scores_ticket: &ticket,
        });
        Held::new(Arc::new(parcel.unwrap()))
    }

    fn refused(held: &Held, index: usize) -> Refused {
        Refused {
            parcel: Arc::clone(&held.parcel),
            output: Output::Scores,
            index,
            code: ErrorCode::MessageSizeTooLarge,
        }
    }

    #[test]
    fn records_of_a_batch_that_is_too_large_are_sent_in_smaller_ones() {
        let (mut refusals, at) = (refusals(), now());
        let mut held = [held(500)];
        let refuse = |refusals: &mut Refusals, held: &mut [Held], at| {
            let all = (0..500).map(|index| refused(&held[0], index)).collect();
            refusals.advance(all, held, &NAMES, at);
            let special = held[0].special(Output::Scores).len();
            (refusals.batch_bytes(at), special)
        };
        assert_eq!(refusals.batch_bytes(at), BATCH_BYTES_USUAL);
        assert_eq!(refuse(&mut refusals, &mut held, at), (96 * 1024, 0));
        assert_eq!(refuse(&mut refusals, &mut held, at), (12 * 1024, 0));
        assert_eq!(refuse(&mut refusals, &mut held, at), (1536, 0));
        assert_eq!(refusals.batch_bytes(at + LEARNT_FOR), BATCH_BYTES_USUAL);
        // Batches get no smaller: each record is tried alone.
        assert_eq!(refuse(&mut refusals, &mut held, at), (1536, 500));
    }

    #[test]
    fn a_large_record_explains_why_others_were_refused() {
        let (mut refusals, at) = (refusals(), now());
        refusals.batch_lowered = Some((1536, at));
        let mut many = [held(3)];
        // Sent alone, as the first of them was, and refused.
        let first = vec![refused(&many[0], 0)];
        refusals.advance(first, &mut many, &NAMES, at);
        refusals.batch_lowered = None;
        let all = (0..3).map(|index| refused(&many[0], index)).collect();
        refusals.advance(all, &mut many, &NAMES, at);
        assert_eq!(refusals.batch_bytes(at), BATCH_BYTES_USUAL);
        assert_eq!(many[0].special(Output::Scores), [0]);
    }

    #[test]
    fn the_operators_size_is_where_it_begins() {
        let address = ("bootstrap.servers", "localhost:1");
        let properties = Properties::of([address, (BATCH_BYTES, "50000")]);
        let mut config = ClientConfig::new(&properties, &[]).unwrap();
        let (mut refusals, at) = (Refusals::new(&config), now());
        assert_eq!(refusals.batch_bytes(at), 50_000);
        refusals.lower(at);
        refusals.limit(&mut config, refusals.batch_bytes(at));
        assert_eq!(config.get(BATCH_BYTES), Some("12288"));
    }
}
