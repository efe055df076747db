//! Which topics the sources of a lane are of.

use parking_lot::Mutex;
use tillwatch_kafka::TopicIdentity;

/// What is known of the topic of each source.
#[derive(Debug)]
pub(super) struct Identities(Mutex<Vec<Option<TopicIdentity>>>);

impl Identities {
    pub(super) fn new(sources: usize) -> Self {
        Self(Mutex::new(vec![None; sources]))
    }

    /// How many partitions each has.
    pub(super) fn partitions(&self) -> Vec<Option<usize>> {
        let known = self.0.lock();
        let counts = known.iter().map(|known| Some(known.as_ref()?.partitions));
        counts.collect()
    }

    /// What tells each from another topic of the same name.
    pub(super) fn ids(&self) -> Vec<Option<String>> {
        let known = self.0.lock();
        known
            .iter()
            .map(|known| known.as_ref()?.id.clone())
            .collect()
    }

    /// Whether something is known of each.
    pub(super) fn are_known(&self) -> bool {
        self.0.lock().iter().all(Option::is_some)
    }

    /// Takes note of what the topic of a source is. The ids before and now, if it is another topic.
    pub(super) fn note(&self, source: usize, identity: &TopicIdentity) -> Option<(String, String)> {
        let before = self.0.lock()[source].replace(identity.clone())?;
        let (before, now) = (before.id?, identity.id.clone()?);
        (before != now).then_some((before, now))
    }
}
