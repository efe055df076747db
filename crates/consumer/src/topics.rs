//! Asking what the topics are.

use std::time::{Duration, Instant};

use tillwatch_kafka::{Asked, ByTopic, TopicIdentity, TopicQuestions};

/// How often topics are asked about. Partitions that are added are noticed this soon, where a producer needs
/// minutes to learn of them by itself; the question is one small request.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long an answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// How soon it is asked again while partitions wait for the answer, or a topic is not there: it may be made
/// again.
const AGAIN: Duration = Duration::from_millis(500);

/// Asks about the topics that are read, one question at a time. Only the poll thread holds it.
pub(crate) struct Topics {
    questions: TopicQuestions,
    names: Vec<String>,
    /// Who is asked: any broker knows, and the one that has answered is asked again.
    broker: Option<i32>,
    /// Brokers that were looked for.
    tried: usize,
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
            broker: None,
            tried: 0,
            asked: None,
            next: at,
        }
    }

    /// Asks when it is time to; the answer that has come, or why there is none. `find` finds a broker that
    /// knows the topic of this name, each time another for another number.
    pub(crate) fn turn(
        &mut self,
        at: Instant,
        find: impl FnOnce(&str, usize) -> Option<i32>,
    ) -> Option<Asked<ByTopic<TopicIdentity>>> {
        let answer = self.questions.next();
        // The client answers in time, if only by a refusal; nothing depends on that.
        let is_over = self
            .asked
            .is_some_and(|asked| at >= asked + 2 * ANSWER_TIME);
        if is_over || answer.as_ref().is_some_and(Result::is_err) {
            self.broker = None;
        }
        if is_over || answer.is_some() {
            self.asked = None;
        }
        if self.asked.is_none() && at >= self.next {
            self.ask(at, find);
        }
        answer
    }

    /// Asks as soon as possible: partitions have come.
    pub(crate) fn hurry(&mut self, at: Instant) {
        self.next = at;
    }

    /// Asks soon.
    pub(crate) fn ask_again(&mut self, at: Instant) {
        self.next = self.next.min(at + AGAIN);
    }

    /// When to turn again, if nothing wakes the thread before.
    pub(crate) fn next(&self) -> Instant {
        self.asked
            .map_or(self.next, |asked| asked + 2 * ANSWER_TIME)
    }

    fn ask(&mut self, at: Instant, find: impl FnOnce(&str, usize) -> Option<i32>) {
        if self.broker.is_none() {
            let name = self.names.first().map_or("", String::as_str);
            self.broker = find(name, self.tried);
            self.tried = self.tried.wrapping_add(1);
        }
        let Some(broker) = self.broker else {
            self.next = at + AGAIN;
            return;
        };
        self.questions.ask(&self.names, broker, ANSWER_TIME);
        self.asked = Some(at);
        self.next = at + INTERVAL;
    }
}
