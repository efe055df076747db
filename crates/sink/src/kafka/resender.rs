//! The thread that sends again what came back, and looks whether what was wrong is mended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tillwatch_kafka::{ErrorCode, KafkaError, OutRecord, now};

use super::blame::Blame;
use super::clients::{Client, Clients, Lot};
use super::forms::next_form;
use super::kept::{Due, Kept, OUTPUTS};
use super::owed::{Owed, Stage, What};
use super::reduced_score;
use super::silence::{Heard, Silence};
use super::state::{SPACE_WAIT, State};
use crate::counters::Outcome;
use crate::settings::Output;
use crate::status::Cause;

/// How often the thread looks at what it is not told of.
const TICK: Duration = Duration::from_millis(500);

/// A trouble of a topic is over when it was not met again for so long: longer than between two attempts.
const QUIET: Duration = Duration::from_secs(3);

/// The least time between two replacements of a client.
const REPLACE_AGAIN: Duration = Duration::from_secs(5);

/// The thread, ended by [`Resender::stop`].
pub(crate) struct Resender {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct Run {
    clients: Arc<Clients>,
    state: Arc<State>,
    silence: Silence,
    replaced_at: Option<Instant>,
}

impl Resender {
    /// `silence` is what the brokers have kept so far.
    pub(crate) fn start(
        clients: &Arc<Clients>,
        state: &Arc<State>,
        silence: Silence,
    ) -> Result<Self, KafkaError> {
        let run = Run {
            clients: Arc::clone(clients),
            state: Arc::clone(state),
            silence,
            replaced_at: None,
        };
        let thread = std::thread::Builder::new()
            .name("sink-resend".to_owned())
            .spawn(move || run.run())
            .map_err(|error| KafkaError::Thread(error.to_string()))?;
        Ok(Self {
            state: Arc::clone(state),
            thread: Some(thread),
        })
    }

    /// Ends the thread; what it still held fails.
    pub(crate) fn stop(&mut self) {
        self.state.keep.end();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been reported by its own hook.
            let _ = thread.join();
        }
        for kept in self.state.keep.take_all() {
            self.state.fail(kept);
        }
    }
}

impl Run {
    fn run(mut self) {
        while self.state.keep.wait_for_work(TICK) {
            self.replace_broken_clients();
            while let Some(kept) = self.state.keep.take_refused() {
                self.send_next_form(kept);
            }
            for output in OUTPUTS {
                if let Some(topic) = self.clients.name(output) {
                    self.serve_gate(output, topic);
                }
            }
            self.watch();
        }
    }

    /// Sends what waits before a topic's gate, if its time has come.
    fn serve_gate(&self, output: Output, topic: &str) {
        let keep = &self.state.keep;
        match keep.due(output) {
            Due::Nothing => {}
            Due::Trial => match self.clients.bulk().look_up(topic) {
                Ok(()) => {
                    if let Some((place, kept)) = keep.take_trial(output) {
                        self.send(kept, Some(place));
                    }
                }
                Err(code) => {
                    self.state.hold_up(output, topic, code);
                }
            },
            Due::All => {
                while let Some((place, kept)) = keep.take(output) {
                    self.send(kept, Some(place));
                }
            }
        }
    }

    /// Sends a record that was refused for its own sake in its next form; drops it when there is none.
    fn send_next_form(&self, refused: Kept) {
        let Some(next) = next_form(&refused) else {
            return self.drop_for_good(refused);
        };
        let counters = &self.state.counters;
        counters.queue(next.parts.bytes_len());
        counters.unqueue(refused.parts.bytes_len());
        if let Stage::Reduced(0) | Stage::Alone = refused.stage {
            self.say(
                "sent in a reduced form, since the whole one is refused",
                &refused,
            );
        }
        self.send(next, None);
    }

    /// Sends a record in its form. Waits for room; puts it back when it is refused at once.
    fn send(&self, kept: Kept, place: Option<u64>) {
        let owed = Arc::new(Owed {
            ticket: kept.ticket.clone(),
            what: kept.what.clone(),
            stage: kept.stage,
            place,
        });
        loop {
            let Err(code) = self.hand_over(&kept, &owed) else {
                return;
            };
            if Blame::of(code) == Blame::Full && !self.state.keep.is_over() {
                self.state.wait(SPACE_WAIT);
                continue;
            }
            self.state.counters.error(Blame::of(code).cause());
            self.state.keep.answered(&owed, false);
            return self.state.keep_again(Kept { code, ..kept }, place);
        }
    }

    fn hand_over(&self, kept: &Kept, owed: &Arc<Owed>) -> Result<(), ErrorCode> {
        let lot = match kept.stage {
            Stage::Whole => Lot::Bulk,
            Stage::Alone | Stage::Reduced(_) => Lot::Alone,
        };
        let client = self.clients.of(lot).map_err(|error| {
            tracing::error!(%error, "no client to send refused records alone");
            ErrorCode::Fail
        })?;
        // Outputs have the time of sending; a plain record has what its sender chose.
        let (partition, timestamp_ms) = match kept.what {
            What::Plain(plain) => (plain.partition, plain.timestamp_ms),
            What::Score | What::Alert | What::Letter { .. } => (None, None),
        };
        let record = OutRecord {
            topic: &kept.topic,
            partition,
            key: kept.parts.key.as_deref(),
            payload: kept.parts.payload.as_deref(),
            timestamp_ms,
        };
        client.send(&record, &kept.parts.headers(), owed)
    }

    /// Counts an output that is refused in every form, and goes on as if it were delivered. A plain record is
    /// given up: its sender is told.
    fn drop_for_good(&self, kept: Kept) {
        if let What::Plain(_) = kept.what {
            self.state.report(&kept.topic, kept.code);
            return self.state.fail(kept);
        }
        self.say("dropped, since it is refused in every form", &kept);
        let bytes = kept.parts.bytes_len();
        let Kept { ticket, what, .. } = kept;
        drop(ticket);
        self.state.settle(&what, bytes, Outcome::Dropped);
    }

    /// Says what becomes of a refused output, each cause once per interval.
    fn say(&self, outcome: &str, kept: &Kept) {
        let position = match &kept.what {
            What::Letter { note, .. } => note.position(),
            What::Score | What::Alert => reduced_score::position(&kept.parts),
            What::Plain(_) => return,
        };
        let cause = format!("{outcome} {} {:?}", kept.topic, kept.code);
        if let Some(held_back) = self.state.troubles.admit(&cause) {
            tracing::warn!(
                topic = &*kept.topic,
                cause = %kept.code,
                record = position,
                held_back,
                "an output is {outcome}"
            );
        }
    }

    /// Replaces clients that said that they cannot go on.
    fn replace_broken_clients(&mut self) {
        let is_early = |at| now().duration_since(at) < REPLACE_AGAIN;
        if !self.state.broke_down.load(Ordering::SeqCst) || self.replaced_at.is_some_and(is_early) {
            return;
        }
        self.state.broke_down.store(false, Ordering::SeqCst);
        if !self.replace_clients(Client::fatal_error) {
            self.state.broke_down.store(true, Ordering::SeqCst);
        }
    }

    /// Replaces clients that `fault` finds at fault, and says so. Whether new ones could be made.
    fn replace_clients(&mut self, fault: impl Fn(&Client) -> Option<String>) -> bool {
        let state = &self.state;
        self.replaced_at = Some(now());
        state.keep.set_replacing(true);
        let replaced = self.clients.replace(fault);
        state.keep.set_replacing(false);
        let faults = match replaced {
            Ok(faults) => faults,
            Err(error) => {
                tracing::error!(%error, "the producer cannot go on, and no new one can be made");
                return false;
            }
        };
        for words in faults {
            state.troubles.meet(None, Cause::Fatal, &words);
            tracing::error!(
                cause = words,
                "the producer cannot go on and was replaced; nothing is lost, outputs may come \
                 twice; if this repeats, look at the brokers' logs for lost data and at the rights \
                 of our user"
            );
        }
        true
    }

    /// Looks for silence, and whether troubles are over.
    fn watch(&mut self) {
        let unreachable = |cause| matches!(cause, Cause::BrokersDown | Cause::Authentication);
        if self.state.troubles.cause(None).is_some_and(unreachable) {
            self.silence.excuse(now());
        }
        let clients = &self.clients;
        let alone = clients.alone_if_any();
        let is_idle = clients.bulk().is_idle() && alone.is_none_or(|alone| alone.is_idle());
        let heard = self
            .silence
            .hear(self.state.counters.done(), is_idle, now());
        let moves = heard == Heard::Something;
        match heard {
            Heard::Something | Heard::Idle => {
                let is_over = |cause, _| cause == Cause::Unacknowledged;
                self.state.troubles.end(None, is_over);
            }
            Heard::LittleYet => {}
            Heard::Silence => self.say_silence(),
            Heard::LongSilence(silent) => {
                self.say_silence();
                // Brokers that are away are waited for. One that answers this client, but whose
                // acknowledgements never come, may answer a new one.
                if self.brokers_answer() {
                    self.silence.note_replaced(now());
                    let silent_s = silent.as_secs();
                    self.replace_clients(|client| {
                        let fault =
                            || format!("brokers answer, but acknowledge nothing for {silent_s} s");
                        (!client.is_idle()).then(fault)
                    });
                } else {
                    self.silence.excuse(now());
                }
            }
        }
        let (state, clients) = (&self.state, &self.clients);
        if state.troubles.cause(None).is_some_and(unreachable) && (moves || self.brokers_answer()) {
            state.troubles.end(None, |cause, _| unreachable(cause));
        }
        let is_quiet = |quiet| quiet > QUIET;
        state.troubles.end(None, |cause, quiet| {
            cause == Cause::Fatal && is_quiet(quiet)
        });
        for output in OUTPUTS {
            if let Some(topic) = clients.name(output)
                && !state.keep.is_closed(output)
            {
                state.troubles.end(Some(topic), |_, quiet| quiet > QUIET);
            }
        }
    }

    /// Notes that nothing is acknowledged, unless a cause is known.
    fn say_silence(&self) {
        let state = &self.state;
        match state.troubles.cause(None) {
            None => state.counters.error(Cause::Unacknowledged),
            Some(Cause::Unacknowledged) => {}
            Some(_) => return,
        }
        state.troubles.meet(None, Cause::Unacknowledged, "");
    }

    /// Whether a broker says anything, be it that a topic is missing.
    fn brokers_answer(&self) -> bool {
        let Some(topic) = self.clients.any_name() else {
            return false;
        };
        let answer = self.clients.bulk().look_up(topic);
        answer.is_ok_and(|()| true)
            || answer.is_err_and(|code| {
                let cause = Blame::of(code).cause();
                matches!(cause, Cause::TopicMissing | Cause::NotAuthorized)
            })
    }
}
