//! The fleet: everything that happens, in order, as JSON records.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use tillwatch_records::RecordKind;

use crate::card::Cards;
use crate::error::SimulatorError;
use crate::fraud::{Actor, Scenario, TruthRecord};
use crate::label::Labels;
use crate::reference::ReferenceRow;
use crate::rng::{Draws, mix, mix48};
use crate::settings::SimulatorSettings;
use crate::terminal::Terminal;
use crate::transaction::{
    EVENT_ID_BYTES, KEY_BYTES, Transaction, event_id, key_of, mti, write_terminal_event,
};
use crate::world::World;

/// What was written, for routing and for the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emitted {
    /// Kind of the record. All kinds carry the terminal's key; which topic, header or field tells them
    /// apart is the caller's choice.
    pub kind: RecordKind,
    /// Event time of the record, milliseconds since 1970.
    pub event_time_ms: i64,
    /// The simulated clock: when the record arrives. Never decreases; at least `event_time_ms`.
    pub arrival_ms: i64,
    /// Kafka key: acquirer, merchant and terminal id joined by `/`, ASCII; equal to the entity key of
    /// `KeySpec::terminal`.
    pub key: [u8; KEY_BYTES],
    /// The record's `event_id`, ASCII.
    pub event_id: [u8; EVENT_ID_BYTES],
    /// Index into [`Fleet::truth`] when the transaction is fraudulent, or the label speaks of one.
    pub fraud: Option<u32>,
}

/// Terminals, cards and fraudsters.
#[derive(Debug)]
pub struct Fleet {
    settings: SimulatorSettings,
    world: World,
    /// When each terminal, the director and each fraudster does something next.
    schedule: BinaryHeap<Reverse<Turn>>,
    /// Fraudsters by slot; a free slot is empty and listed in `free`.
    actors: Vec<Option<Actor>>,
    free: Vec<u32>,
    actors_max: usize,
    /// How many scenarios were begun or tried.
    begun: usize,
    truth: Vec<TruthRecord>,
    labels: Labels,
    /// Records so far.
    emitted: u64,
    /// Makes event ids of one seed unlike those of another.
    salt: u64,
}

/// Milliseconds since the start in the upper 40 bits (34 years), slot in the lower 24: one word, so
/// that the heap compares and moves words. Slots are the terminals, then the director who starts
/// scenarios, then the fraudsters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn(u64);

const SLOT_BITS: u32 = 24;

/// Here the simulated clock stops: the stream goes on, all at this time.
const SINCE_START_MS_MAX: i64 = (1 << (64 - SLOT_BITS)) - 1;

impl Turn {
    fn new(since_start_ms: i64, slot: u32) -> Self {
        let since_start_ms = since_start_ms.clamp(0, SINCE_START_MS_MAX).unsigned_abs();
        Self((since_start_ms << SLOT_BITS) | u64::from(slot))
    }

    fn since_start_ms(self) -> i64 {
        (self.0 >> SLOT_BITS) as i64
    }

    fn slot(self) -> u32 {
        self.0 as u32 & ((1 << SLOT_BITS) - 1)
    }
}

/// The first scenario begins so soon after the start.
const FIRST_SCENARIO_MS: i64 = 15_000;

/// One terminal in so many may be used by a fraudster at a time.
const TERMINALS_PER_ACTOR: usize = 20;

/// Longest delay of a late record and of a stored advice.
const LATE_MS_MEAN: f64 = 20_000.0;
const LATE_MS_MAX: f64 = 600_000.0;
const ADVICE_MS_MAX: u32 = 3_600_000;

/// Shares of terminal events that report a card which could not be read: ordinarily, and while a
/// terminal skims.
const READ_ERROR_SHARE: f64 = 0.03;
const SKIMMING_READ_ERROR_SHARE: f64 = 0.8;

impl Fleet {
    /// A fleet as `settings` describe it, at its start. Takes about 70 bytes a terminal and 2 a card.
    ///
    /// # Errors
    /// When a setting is out of its bounds.
    pub fn new(settings: &SimulatorSettings) -> Result<Self, SimulatorError> {
        let start_ms = settings.validate()?;
        let mut draws = Draws::new(settings.seed);
        let mut terminals = Terminal::fleet(settings.terminals, &mut draws);
        for terminal in &mut terminals {
            terminal.activity *= settings.activity as f32;
        }
        let mut world = World {
            start_ms,
            terminals,
            cards: Cards::new(settings.cards, draws.bits()),
            draws,
        };
        let mut turns = Vec::with_capacity(settings.terminals as usize + 1);
        for index in 0..settings.terminals {
            let first_ms = world.next_arrival(index, start_ms);
            turns.push(Reverse(Turn::new(first_ms - start_ms, index)));
        }
        if settings.fraud_intensity > 0.0 {
            turns.push(Reverse(Turn::new(FIRST_SCENARIO_MS, settings.terminals)));
        }
        Ok(Self {
            settings: settings.clone(),
            world,
            schedule: turns.into(),
            actors: Vec::new(),
            free: Vec::new(),
            actors_max: (settings.terminals as usize / TERMINALS_PER_ACTOR).max(1),
            begun: 0,
            truth: Vec::new(),
            labels: Labels::default(),
            emitted: 0,
            salt: mix(settings.seed),
        })
    }

    /// Appends the next record to `out`, one JSON object without a line end, and tells about it. The
    /// stream has no end.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Emitted {
        loop {
            // There is always a terminal in the schedule: settings have at least one, and a terminal
            // never leaves.
            let Reverse(turn) = self.schedule.peek().copied().unwrap_or(Reverse(Turn(0)));
            let now_ms = self.world.start_ms + turn.since_start_ms();
            if self.settings.labels
                && let Some(label) = self.labels.due(now_ms)
            {
                label.write(out);
                return Emitted {
                    kind: RecordKind::Label,
                    event_time_ms: label.reported_ms,
                    arrival_ms: label.reported_ms,
                    key: label.key,
                    event_id: label.event_id,
                    fraud: Some(label.fraud),
                };
            }
            let slot = turn.slot();
            let terminals = self.settings.terminals;
            let emitted = if slot < terminals {
                Some(self.terminal_turn(slot, now_ms, out))
            } else if slot == terminals {
                self.begin_scenario(now_ms);
                None
            } else {
                self.actor_turn(slot - terminals - 1, now_ms, out)
            };
            if let Some(emitted) = emitted {
                return emitted;
            }
        }
    }

    /// The truth about every fraud begun so far, in the order of their beginning.
    pub fn truth(&self) -> &[TruthRecord] {
        &self.truth
    }

    /// Every terminal as it is registered, in the order of their ids.
    pub fn reference_rows(&self) -> impl ExactSizeIterator<Item = ReferenceRow> {
        let terminals = self.world.terminals.iter().enumerate();
        terminals.map(|(index, terminal)| ReferenceRow::new(terminal, index as u32))
    }

    /// Records written so far, without labels.
    pub fn emitted(&self) -> u64 {
        self.emitted
    }

    fn terminal_turn(&mut self, index: u32, now_ms: i64, out: &mut Vec<u8>) -> Emitted {
        if self.settings.terminal_event_fraction > 0.0
            && self
                .world
                .draws
                .chance(self.settings.terminal_event_fraction)
        {
            let next_ms = self.world.next_arrival(index, now_ms);
            self.reschedule(next_ms);
            return self.terminal_event(index, now_ms, out);
        }
        let skimmer = self.skimmer(index);
        let (mut transaction, next_ms) = self.world.business(index, now_ms, skimmer.is_some());
        self.reschedule(next_ms);
        self.delay(&mut transaction);
        // A skimmer's victims are those whose stripe it got.
        let fraud = skimmer.filter(|_| matches!(transaction.entry_mode, b"79" | b"80"));
        self.emit(index, &transaction, now_ms, fraud, out)
    }

    /// The fraud that spoils the chip reads of terminal `index` now: its index in the truth.
    fn skimmer(&self, index: u32) -> Option<u32> {
        let scenario = self.world.terminals[index as usize].scenario;
        scenario
            .checked_sub(1)
            .filter(|id| self.truth[*id as usize].scenario == Scenario::SkimmingFallback)
    }

    /// Makes a few transactions late, as settings say.
    fn delay(&mut self, transaction: &mut Transaction) {
        let (late, advice) = (self.settings.late_fraction, self.settings.advice_fraction);
        if late + advice <= 0.0 {
            return;
        }
        let draws = &mut self.world.draws;
        let ticket = draws.unit();
        if ticket < late {
            let ms = (draws.exponential() * LATE_MS_MEAN).min(LATE_MS_MAX);
            transaction.time_ms -= ms as i64;
        } else if ticket < late + advice && transaction.response_code == b"00" {
            transaction.mti = mti::ADVICE;
            transaction.time_ms -= i64::from(draws.below(ADVICE_MS_MAX));
        }
    }

    fn actor_turn(&mut self, slot: u32, now_ms: i64, out: &mut Vec<u8>) -> Option<Emitted> {
        let world = &mut self.world;
        let place = self.actors.get_mut(slot as usize)?;
        let Some(actor) = place.as_mut().filter(|actor| now_ms < actor.end_ms) else {
            if let Some(actor) = place.take() {
                world.terminals[actor.terminal as usize].scenario = 0;
                self.free.push(slot);
            }
            self.schedule.pop();
            return None;
        };
        let (terminal, truth) = (actor.terminal, actor.truth);
        let transaction = actor.act(world, now_ms);
        let next_ms = actor.next_ms(world, now_ms);
        self.reschedule(next_ms);
        transaction.map(|made| self.emit(terminal, &made, now_ms, Some(truth), out))
    }

    /// The director's turn: starts the next kind of scenario and plans the one after.
    fn begin_scenario(&mut self, now_ms: i64) {
        let per_hour = self.settings.fraud_intensity * f64::from(self.settings.terminals) / 1_000.0;
        let gap_ms = self.world.draws.exponential() * 3_600_000.0 / per_hour;
        self.reschedule(now_ms + 1 + gap_ms as i64);
        if self.actors.len() - self.free.len() >= self.actors_max {
            return;
        }
        let scenario = Scenario::ALL[self.begun % Scenario::ALL.len()];
        let id = self.truth.len() as u32;
        let Some(actor) = Actor::begin(&mut self.world, scenario, id, now_ms) else {
            return;
        };
        self.begun += 1;
        let key = key_of(
            &self.world.terminals[actor.terminal as usize],
            actor.terminal,
        );
        let text = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
        self.truth.push(TruthRecord {
            id,
            scenario,
            typology: scenario.typology(),
            acquirer_id: text(&key[..6]),
            merchant_id: text(&key[7..15]),
            terminal_id: text(&key[16..]),
            start_ms: now_ms,
            end_ms: actor.end_ms,
            reasons: scenario.reasons(),
            transactions: 0,
        });
        let slot = self.free.pop().unwrap_or(self.actors.len() as u32);
        let next_ms = actor.next_ms(&mut self.world, now_ms);
        if slot as usize == self.actors.len() {
            self.actors.push(None);
        }
        self.actors[slot as usize] = Some(actor);
        let turn = Turn::new(
            next_ms - self.world.start_ms,
            self.settings.terminals + 1 + slot,
        );
        self.schedule.push(Reverse(turn));
    }

    /// Moves whoever's turn it is to `next_ms`.
    fn reschedule(&mut self, next_ms: i64) {
        let since_start_ms = next_ms - self.world.start_ms;
        if let Some(mut first) = self.schedule.peek_mut() {
            let slot = first.0.slot();
            *first = Reverse(Turn::new(since_start_ms, slot));
            // Dropping it restores the order of the heap.
            drop::<PeekMut<'_, _>>(first);
        }
    }

    fn emit(
        &mut self,
        index: u32,
        transaction: &Transaction,
        arrival_ms: i64,
        fraud: Option<u32>,
        out: &mut Vec<u8>,
    ) -> Emitted {
        let terminal = &self.world.terminals[index as usize];
        let key = key_of(terminal, index);
        let event_id = event_id(mix48(self.emitted, self.salt));
        self.emitted += 1;
        transaction.write(self.settings.fields, terminal, &key, &event_id, out);
        if let Some(id) = fraud {
            let truth = &mut self.truth[id as usize];
            truth.transactions += 1;
            if self.settings.labels {
                let draws = &mut self.world.draws;
                let occurred_ms = transaction.time_ms;
                self.labels
                    .plan(draws, truth.scenario, id, occurred_ms, event_id, key);
            }
        }
        Emitted {
            kind: RecordKind::Transaction,
            event_time_ms: transaction.time_ms,
            arrival_ms,
            key,
            event_id,
            fraud,
        }
    }

    fn terminal_event(&mut self, index: u32, now_ms: i64, out: &mut Vec<u8>) -> Emitted {
        const READ_ERROR: &[u8] = b"CARD_READ_ERROR";
        const TYPES: [&[u8]; 8] = [
            b"HEARTBEAT",
            b"HEARTBEAT",
            b"HEARTBEAT",
            b"HEARTBEAT",
            b"HEARTBEAT",
            b"LOGON",
            b"BOOT",
            b"UPDATE_END",
        ];
        // A skimmer's reader fails in front of the terminal's own.
        let read_errors = if self.skimmer(index).is_some() {
            SKIMMING_READ_ERROR_SHARE
        } else {
            READ_ERROR_SHARE
        };
        let kind = if self.world.draws.chance(read_errors) {
            READ_ERROR
        } else {
            self.world.draws.pick(&TYPES)
        };
        let terminal = &self.world.terminals[index as usize];
        let key = key_of(terminal, index);
        let event_id = event_id(mix48(self.emitted, self.salt));
        self.emitted += 1;
        let elapsed_ms = now_ms - self.world.start_ms;
        write_terminal_event(terminal, &key, &event_id, kind, now_ms, elapsed_ms, out);
        Emitted {
            kind: RecordKind::TerminalEvent,
            event_time_ms: now_ms,
            arrival_ms: now_ms,
            key,
            event_id,
            fraud: None,
        }
    }
}
