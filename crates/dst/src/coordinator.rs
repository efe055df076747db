//! The broker's side: who may commit what, and what readers see.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_consumer::memory::MemoryBroker;
use tillwatch_consumer::{Answer, Committer, ErrorCode, Outcome};
use tillwatch_records::TopicPartition;

use crate::group::{Group, Member};
use crate::mutant::Mutant;
use crate::told::Told;
use crate::violation::Violation;

/// What has happened in runs, and how often.
pub type Counts = BTreeMap<&'static str, u64>;

/// Shared by all who talk to the broker. Never held while a consumer is called.
pub(crate) type Shared = Arc<Mutex<Coordinator>>;

/// Something that was made of a record.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) offset: i64,
    pub(crate) told: Told,
}

/// What the broker keeps, and what must be true of it.
pub(crate) struct Coordinator {
    pub(crate) broker: MemoryBroker,
    pub(crate) group: Group,
    pub(crate) violations: Vec<Violation>,
    /// What has happened, and how often.
    pub(crate) counts: Counts,
    is_exactly_once: bool,
    mutant: Option<Mutant>,
    sources: BTreeMap<TopicPartition, Source>,
    mail: BTreeMap<Member, Mail>,
}

#[derive(Default)]
struct Source {
    /// What is right to say of each record, by offset.
    expected: Vec<Told>,
    /// How often something was said of it.
    times: Vec<u32>,
    /// Everything before was looked at when it was committed.
    looked_at: usize,
}

#[derive(Default)]
struct Mail {
    asked: VecDeque<Vec<Asked>>,
    answered: VecDeque<Answer>,
}

/// A commit on its way.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) source: TopicPartition,
    pub(crate) offset: i64,
    /// The assignment that it was asked under.
    pub(crate) epoch: Option<u64>,
}

impl Coordinator {
    pub(crate) fn new(is_exactly_once: bool, mutant: Option<Mutant>) -> Self {
        Self {
            broker: MemoryBroker::default(),
            group: Group::default(),
            violations: Vec::new(),
            counts: Counts::new(),
            is_exactly_once,
            mutant,
            sources: BTreeMap::new(),
            mail: BTreeMap::new(),
        }
    }

    /// Something has happened.
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// What is right to say of the next records of `source`.
    pub(crate) fn expect(&mut self, source: &TopicPartition, told: Vec<(i64, Told)>) {
        let known = self.sources.entry(source.clone()).or_default();
        for (offset, told) in told {
            if offset != known.expected.len() as i64 {
                let what = format!("{source}: nothing or two things are said before {offset}");
                self.violations.push(Violation::Failed { what });
            }
            known.expected.push(told);
            known.times.push(0);
        }
    }

    /// Readers see `outputs` of `source`, which were made by a lane that `lacks` records or not.
    pub(crate) fn show(&mut self, source: &TopicPartition, outputs: &[Output], lacks: bool) {
        let Some(known) = self.sources.get_mut(source) else {
            return;
        };
        for output in outputs {
            let record = || format!("{source}/{}", output.offset);
            let at = output.offset as usize;
            let (Some(expected), Some(times)) = (known.expected.get(at), known.times.get_mut(at))
            else {
                continue;
            };
            *times += 1;
            let is_right = match lacks {
                false => output.told == *expected,
                true => output.told.may_stand_for(expected),
            };
            if lacks && output.told.flags().is_empty() {
                *self
                    .counts
                    .entry("unmarked though records lack")
                    .or_default() += 1;
            }
            if !is_right {
                self.violations.push(Violation::Differs {
                    record: record(),
                    difference: output.told.difference(expected),
                });
            }
            if self.is_exactly_once && *times > 1 {
                self.violations.push(Violation::Twice {
                    record: record(),
                    times: *times,
                });
            }
        }
    }

    /// Whether `member` may commit what it asked for.
    pub(crate) fn is_allowed(&self, member: Member, asked: &Asked) -> bool {
        let lane = asked.source.partition as usize;
        let epoch = self.group.epoch(lane, member);
        self.mutant == Some(Mutant::NoFence) || (epoch.is_some() && epoch == asked.epoch)
    }

    /// Stores an offset, and looks whether it may be.
    pub(crate) fn store(&mut self, source: &TopicPartition, offset: i64) {
        let before = self.broker.committed(source);
        if let Some(before) = before.filter(|before| *before > offset) {
            self.violations.push(Violation::Back {
                source_of: source.to_string(),
                before,
                after: offset,
            });
        }
        self.broker.store(source, offset);
        let start = self.broker.bounds(source).start;
        let Some(known) = self.sources.get_mut(source) else {
            return;
        };
        while (known.looked_at as i64) < offset {
            let at = known.looked_at;
            if known.times.get(at) == Some(&0) && at as i64 >= start {
                self.violations.push(Violation::Committed {
                    source_of: source.to_string(),
                    committed: offset,
                    offset: at as i64,
                });
            }
            known.looked_at += 1;
        }
    }

    /// What is asked for under the present assignment.
    pub(crate) fn asked(&self, member: Member, source: &TopicPartition, offset: i64) -> Asked {
        Asked {
            source: source.clone(),
            offset,
            epoch: self.group.epoch(source.partition as usize, member),
        }
    }

    /// Answers the oldest commit that `member` asked for, by refusing it if it is to be `refused`. Whether
    /// there was one.
    pub(crate) fn answer(&mut self, member: Member, refused: bool) -> bool {
        let mail = self.mail.get_mut(&member);
        let Some(asked) = mail.and_then(|mail| mail.asked.pop_front()) else {
            return false;
        };
        let mut offsets = Vec::new();
        for asked in asked {
            let is_stored = !refused && self.is_allowed(member, &asked);
            // Under exactly once what was made of the records is stored with them.
            let known = self.broker.committed(&asked.source);
            if is_stored && (!self.is_exactly_once || known < Some(asked.offset)) {
                self.store(&asked.source, asked.offset);
            }
            let outcome = if is_stored {
                Outcome::Stored
            } else {
                Outcome::Refused
            };
            offsets.push((asked.source, asked.offset, outcome));
        }
        let is_any = offsets
            .iter()
            .any(|(_, _, outcome)| *outcome == Outcome::Stored);
        let answer = Answer {
            result: if is_any {
                Ok(())
            } else {
                Err(ErrorCode::NotCoordinator)
            },
            offsets,
        };
        if let Some(mail) = self.mail.get_mut(&member) {
            mail.answered.push_back(answer);
        }
        true
    }

    /// Whether something was said of every record that can be read, once at least.
    pub(crate) fn look_for_gaps(&mut self) {
        for (source, known) in &self.sources {
            let start = self.broker.bounds(source).start;
            let times = known.times.iter().enumerate();
            let never = times.filter(|(at, times)| **times == 0 && *at as i64 >= start);
            self.violations
                .extend(never.map(|(at, _)| Violation::Never {
                    record: format!("{source}/{at}"),
                }));
        }
    }

    /// What has happened, and how often: records, and what was said of them, are part of it.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = self.counts.clone();
        let times = || self.sources.values().flat_map(|source| &source.times);
        let told: u64 = times().map(|times| u64::from(*times)).sum();
        counts.insert("records", times().count() as u64);
        counts.insert("told again", told.saturating_sub(times().count() as u64));
        counts
    }
}

/// One member's way to have offsets stored.
pub(crate) struct Commits {
    member: Member,
    shared: Shared,
}

impl Commits {
    pub(crate) fn new(member: Member, shared: &Shared) -> Self {
        shared.lock().mail.insert(member, Mail::default());
        Self {
            member,
            shared: Arc::clone(shared),
        }
    }
}

impl Committer for Commits {
    fn request(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), ErrorCode> {
        let mut shared = self.shared.lock();
        let asked = offsets.iter();
        let asked = asked.map(|(source, offset)| shared.asked(self.member, source, *offset));
        let asked: Vec<Asked> = asked.collect();
        if let Some(mail) = shared.mail.get_mut(&self.member) {
            mail.asked.push_back(asked);
        }
        Ok(())
    }

    fn has_news(&mut self) -> bool {
        let shared = self.shared.lock();
        shared
            .mail
            .get(&self.member)
            .is_some_and(|mail| !mail.answered.is_empty())
    }

    fn answer(&mut self, _timeout: Duration) -> Option<Answer> {
        self.shared
            .lock()
            .mail
            .get_mut(&self.member)?
            .answered
            .pop_front()
    }

    fn outstanding(&self) -> usize {
        let shared = self.shared.lock();
        let mail = shared.mail.get(&self.member);
        mail.map_or(0, |mail| mail.asked.len() + mail.answered.len())
    }

    /// What was asked for is refused by its epoch.
    fn abandon(&mut self, _sources: &[TopicPartition]) {}
}
