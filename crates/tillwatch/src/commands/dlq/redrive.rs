//! `tillwatch dlq redrive`: sends the records of dead letters again.
//!
//! What was sent is noted in the dead-letter topic after the brokers have acknowledged it. So a crash between
//! the two sends at most [`CHUNK_RECORDS`] records twice, which their event ids tell apart.

mod rules;
mod seen;
mod totals;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tillwatch_sink::{DoneLetters, Entry, Fate, Letter, LetterSender, Outcome};

use super::choice::Choice;
use super::letters::{ANSWER_MAX, LetterTopic};
use crate::cli::RedriveArgs;
use crate::clock;
use crate::commands::pace::Pace;
use crate::config::Config;
use crate::exit;
use crate::log;
use crate::serve::signals::SignalWatch;
use rules::{Decision, Rules};
use seen::Seen;
use totals::{Pending, Totals};

/// Records that are sent before it is noted that they were: few enough that a crash repeats little, enough
/// that waiting for the brokers costs little.
const CHUNK_RECORDS: usize = 500;

/// Bytes of payloads that are held at once; one more record may begin below it.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// Sends what is meant and not done with.
pub fn redrive(args: &RedriveArgs, signals: &SignalWatch) -> Result<ExitCode> {
    let config = Config::load(&args.config.config)?;
    log::install(&config.log, &config.notices);
    let choice = Choice::new(&args.choice, &args.positions, clock::unix_ms());
    let rules = Rules::new(args, &config).map_err(exit::misconfigured)?;
    let mut letters = LetterTopic::open(&config)?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut redrive = Redrive {
        args,
        rules,
        choice,
        to: LetterSender::open(&rules::input_properties(&config, &letters.properties))?,
        notes: LetterSender::open(&letters.properties)?,
        letters_topic: letters.name.clone(),
        partitions: HashMap::new(),
        pace: Pace::new(args.rate),
        stop: Arc::clone(&stop),
        last: HashMap::new(),
        seen: Seen::default(),
        chunk: Vec::new(),
        chunk_bytes: 0,
        totals: Totals::default(),
    };
    signals.on_stop(move || stop.store(true, Ordering::SeqCst));
    let done = redrive.all(&mut letters);
    letters.finish();
    redrive.totals.print(args.json, args.dry_run)?;
    done?;
    Ok(ExitCode::from(if redrive.is_stopped() {
        exit::NOT_DRAINED
    } else if redrive.totals.has_refused() {
        exit::FAILED
    } else {
        0
    }))
}

struct Redrive<'a> {
    args: &'a RedriveArgs,
    rules: Rules,
    choice: Choice,
    /// Writes to the input.
    to: LetterSender,
    /// Writes to the dead-letter topic.
    notes: LetterSender,
    letters_topic: String,
    /// Partitions of the topics that are sent to.
    partitions: HashMap<String, usize>,
    pace: Pace,
    stop: Arc<AtomicBool>,
    /// The last letter of each partition of the dead-letter topic.
    last: HashMap<i32, i64>,
    seen: Seen,
    chunk: Vec<Pending>,
    chunk_bytes: usize,
    totals: Totals,
}

impl Redrive<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn all(&mut self, letters: &mut LetterTopic) -> Result<()> {
        if self.args.dry_run {
            // What is printed takes its place.
            letters.finish();
        }
        while !self.is_stopped()
            && !self.is_enough()
            && let Some((place, entry)) = letters.read_next()?
        {
            match entry {
                Entry::Letter(letter) => {
                    let fate = letters.done.fate(place);
                    self.take(&letter, fate.filter(|_| !self.args.again))?;
                }
                // Of another run, or of this one: it is known already.
                Entry::Note { .. } => {}
                Entry::Other => self.totals.foreign += 1,
            }
        }
        self.send_chunk()
    }

    /// Whether as many are sent as were asked for.
    fn is_enough(&self) -> bool {
        let Some(limit) = self.args.limit else {
            return false;
        };
        let waiting = self.chunk.iter();
        let waiting = waiting.filter(|p| p.resent.is_some() || self.args.discard);
        self.totals.sent + self.totals.discarded + waiting.count() as u64 >= limit
    }

    /// Deals with a letter that is done with by `fate`, or open.
    fn take(&mut self, letter: &Letter, fate: Option<Fate>) -> Result<()> {
        let (partition, last) = letter.place;
        let before = self.last.insert(partition, last);
        if fate.is_some() {
            self.seen.insert(letter);
            self.totals.done += 1;
            return Ok(());
        }
        if !self.choice.takes(letter) {
            self.totals.not_meant += 1;
            return Ok(());
        }
        let mut pending = Pending {
            position: letter.position(),
            partition,
            first: before.map_or(last, |before| before + 1),
            last,
            resent: None,
            fate: Fate::Sent,
        };
        // At least once: a scorer that was ended may have written a letter twice.
        if self.seen.contains(letter) {
            self.totals.repeated += 1;
        } else if self.args.discard {
            pending.fate = Fate::Discarded;
            self.seen.insert(letter);
        } else {
            match self.rules.decide(letter)? {
                Decision::Leave(why) => {
                    self.totals.leave(why, &pending.position);
                    return Ok(());
                }
                Decision::Send(mut resent) => {
                    let partitions = self.partitions_of(&resent.topic)?;
                    let is_there = |partition: &i32| (*partition as usize) < partitions;
                    resent.partition = resent.partition.filter(is_there);
                    self.chunk_bytes += resent.payload.as_ref().map_or(0, Vec::len);
                    pending.resent = Some(resent);
                    self.seen.insert(letter);
                    if !self.args.dry_run {
                        self.pace.wait();
                    }
                }
            }
        }
        self.chunk.push(pending);
        // At a low rate what was waited for goes out soon.
        let rate = self.args.rate.map_or(CHUNK_RECORDS, |rate| rate as usize);
        if self.chunk.len() >= rate.min(CHUNK_RECORDS) || self.chunk_bytes >= CHUNK_BYTES {
            self.send_chunk()?;
        }
        Ok(())
    }

    fn partitions_of(&mut self, topic: &str) -> Result<usize> {
        if let Some(partitions) = self.partitions.get(topic) {
            return Ok(*partitions);
        }
        let partitions = self.to.partitions(topic, ANSWER_MAX).map_err(|code| {
            anyhow::anyhow!(
                "cannot send to topic `{topic}`: {code}; make it, or name another with --to"
            )
        })?;
        self.partitions.insert(topic.to_owned(), partitions);
        Ok(partitions)
    }

    /// Sends what was collected, and notes what was acknowledged.
    fn send_chunk(&mut self) -> Result<()> {
        let mut chunk = std::mem::take(&mut self.chunk);
        self.chunk_bytes = 0;
        if self.args.dry_run {
            return self.say_chunk(&chunk);
        }
        let mut resent = Vec::new();
        let mut indices = Vec::new();
        for (index, pending) in chunk.iter_mut().enumerate() {
            if let Some(record) = pending.resent.take() {
                resent.push(record);
                indices.push(index);
            }
        }
        let stop = Arc::clone(&self.stop);
        let go_on = move || !stop.load(Ordering::SeqCst);
        // Where there was nothing to send, nothing can go wrong.
        let mut outcomes = vec![None; chunk.len()];
        for (index, outcome) in indices.into_iter().zip(self.to.send(&resent, &go_on)) {
            outcomes[index] = Some(outcome);
        }
        let (done, failed) = self.totals.count(&chunk, &outcomes);
        self.note(&done, &go_on)?;
        if let Some(code) = failed {
            anyhow::bail!(
                "records could not be sent: {code}; mend that and start again: what was sent is noted"
            );
        }
        Ok(())
    }

    /// Prints what would be sent.
    fn say_chunk(&mut self, chunk: &[Pending]) -> Result<()> {
        for pending in chunk {
            match (&pending.resent, pending.fate) {
                (Some(resent), _) => {
                    self.totals.sent += 1;
                    rules::say(&pending.position, resent)?;
                }
                (None, Fate::Discarded) => self.totals.discarded += 1,
                (None, Fate::Sent) => {}
            }
        }
        Ok(())
    }

    /// Writes to the dead-letter topic which letters are done with.
    fn note(&self, done: &DoneLetters, go_on: &dyn Fn() -> bool) -> Result<()> {
        let notes = done.notes(&self.letters_topic);
        let outcomes = self.notes.send(&notes, go_on);
        for outcome in outcomes {
            let why = match outcome {
                Outcome::Delivered => continue,
                Outcome::Refused(code) | Outcome::Failed(code) => code.to_string(),
                Outcome::Unknown => "no answer".to_owned(),
            };
            anyhow::bail!(
                "what was sent last could not be noted in {} ({why}): the next redrive sends up to \
                 {CHUNK_RECORDS} records again; each is told by its event id",
                self.letters_topic
            );
        }
        Ok(())
    }
}
