//! Asking what the topics are.

use std::time::{Duration, Instant};

use tillwatch_kafka::{ByTopic, TopicIdentity, TopicQuestions};

/// How often topics are asked about. Partitions that are added are noticed this soon, where a producer needs
/// minutes to learn of them by itself; the question is one small request.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long an answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Asks about the topics that are read, one question at a time. Only the poll thread holds it.
pub(crate) struct Topics {
    questions: TopicQuestions,
    names: Vec<String>,
    /// When the question was asked that is not answered yet.
    asked: Option<Instant>,
    next: Instant,
}

impl Topics {
    /// Asks about `names` from `at` on.
    pub(crate) fn new(questions: TopicQuestions, names: Vec<String>, at: Instant) -> Self {
        Self {
            questions,
            names,
            asked: None,
            next: at,
        }
    }

    /// Asks when it is time to; the answer that has come.
    pub(crate) fn turn(&mut self, at: Instant) -> Option<ByTopic<TopicIdentity>> {
        let answer = self.questions.next();
        // The client answers in time, if only by a refusal; nothing depends on that.
        let is_over = |asked: Instant| at >= asked + 2 * ANSWER_TIME;
        if answer.is_some() || self.asked.is_some_and(is_over) {
            self.asked = None;
        }
        if self.asked.is_none() && at >= self.next {
            self.questions.ask(&self.names, ANSWER_TIME);
            self.asked = Some(at);
            self.next = at + INTERVAL;
        }
        answer?.ok()
    }

    /// Asks as soon as possible: partitions have come.
    pub(crate) fn hurry(&mut self, at: Instant) {
        self.next = at;
    }

    /// When to turn again, if nothing wakes the thread before.
    pub(crate) fn next(&self) -> Instant {
        self.asked
            .map_or(self.next, |asked| asked + 2 * ANSWER_TIME)
    }
}
