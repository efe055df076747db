//! What the topics are, and what it means for their lanes when that changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tillwatch_kafka::TopicIdentity;

use crate::inlet::Inlet;
use crate::notice::Moved;

/// What is known of the topics that are read. At most as many as the settings name.
#[derive(Debug, Default)]
pub(crate) struct Roster(BTreeMap<String, Known>);

#[derive(Debug)]
struct Known {
    identity: TopicIdentity,
    /// Its partitions were others when this process began to read.
    moved: Option<Moved>,
}

impl Roster {
    /// Takes note at the time `unix_ms` that `topic` is `identity`, and tells `inlets`, which are all lanes.
    pub(crate) fn note(
        &mut self,
        topic: &str,
        identity: TopicIdentity,
        unix_ms: i64,
        inlets: &[Arc<Inlet>],
    ) {
        let moved = self.replace(topic, &identity, unix_ms);
        for inlet in inlets {
            // In this order: see `Inlet::partitions_told`.
            if let Some(moved) = &moved {
                tell(inlet, moved);
            }
            inlet.note_identity(topic, &identity);
        }
    }

    /// Tells a lane that comes what its topics were when brokers answered last.
    pub(crate) fn introduce(&self, inlet: &Inlet) {
        for (topic, known) in &self.0 {
            inlet.note_identity(topic, &known.identity);
        }
    }

    /// Tells a lane that comes what its topics have become since this process began to read. Keys that are in
    /// a new partition were in another one before; and telling a lane twice changes nothing.
    pub(crate) fn welcome(&self, inlet: &Inlet) {
        for moved in self.0.values().filter_map(|known| known.moved.as_ref()) {
            tell(inlet, moved);
        }
    }

    /// What `topic` has become, if it has other partitions than before.
    fn replace(&mut self, topic: &str, identity: &TopicIdentity, unix_ms: i64) -> Option<Moved> {
        let identity = identity.clone();
        let Some(known) = self.0.get_mut(topic) else {
            let moved = None;
            let known = Known { identity, moved };
            self.0.insert(topic.to_owned(), known);
            return None;
        };
        let before = std::mem::replace(&mut known.identity, identity).partitions;
        let after = known.identity.partitions;
        if before == after {
            return None;
        }
        tracing::error!(
            topic,
            before,
            after,
            "the topic has another number of partitions: keys may be in other partitions from here on, \
             without what is known of them; scores are flagged WARMING until that is whole again"
        );
        let moved = Moved {
            topic: topic.into(),
            before: known.moved.as_ref().map_or(before, |moved| moved.before),
            after,
            newest_ms: unix_ms,
        };
        known.moved = Some(moved.clone());
        Some(moved)
    }
}

fn tell(inlet: &Inlet, moved: &Moved) {
    let mut sources = inlet.sources();
    if sources.any(|source| source.topic == moved.topic) {
        inlet.note_moved(moved.clone());
    }
}
