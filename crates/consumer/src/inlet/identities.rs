//! Which topics the sources of a lane are of.

use parking_lot::Mutex;
use tillwatch_kafka::TopicIdentity;
use tillwatch_records::TopicId;

/// What is known of the topic of each source.
#[derive(Debug)]
pub(super) struct Identities(Mutex<Vec<Option<TopicIdentity>>>);

/// What a broker's answer says of a source's topic.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// Nothing was known of it before: it has this id, or none.
    First(Option<TopicId>),
    /// It is the topic that it was, as far as anybody can tell.
    Same,
    /// It is another topic of the same name.
    Remade { before: String, after: String },
}

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

    /// Takes note of what the topic of a source is. An id that was told stays: what the lane has taken is of
    /// that topic, and an answer without one is that of a broker which is older than others.
    pub(super) fn note(&self, source: usize, identity: &TopicIdentity) -> Noted {
        let mut all = self.0.lock();
        let Some(known) = &mut all[source] else {
            all[source] = Some(identity.clone());
            return Noted::First(identity.id.as_deref().and_then(TopicId::new));
        };
        known.partitions = identity.partitions;
        match (&known.id, &identity.id) {
            (Some(before), Some(after)) if before != after => Noted::Remade {
                before: before.clone(),
                after: after.clone(),
            },
            (None, Some(_)) => {
                known.id.clone_from(&identity.id);
                Noted::Same
            }
            _ => Noted::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(id: Option<&str>) -> TopicIdentity {
        TopicIdentity {
            partitions: 2,
            id: id.map(str::to_owned),
        }
    }

    #[test]
    fn an_id_that_was_told_stays() {
        let known = Identities::new(1);
        assert_eq!(known.note(0, &identity(None)), Noted::First(None));
        assert_eq!(known.note(0, &identity(Some("a"))), Noted::Same);
        assert_eq!(known.note(0, &identity(None)), Noted::Same);
        assert_eq!(known.ids(), [Some("a".to_owned())]);
        let remade = Noted::Remade {
            before: "a".to_owned(),
            after: "b".to_owned(),
        };
        assert_eq!(known.note(0, &identity(Some("b"))), remade);
        // What was taken is of the first one, and so is what is written of it.
        assert_eq!(known.ids(), [Some("a".to_owned())]);
        assert_eq!(known.note(0, &identity(Some("a"))), Noted::Same);
    }
}
