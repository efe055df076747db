//! What can happen next.

use std::fmt;

use crate::dice::Dice;
use crate::objects::{Damage, Mood};
use crate::setting::Setting;

/// Something that happens. Which one of several it happens to is a number that is taken modulo how many
/// there are, so that any steps can be left out of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Records are sent.
    Append {
        lane: usize,
        topic: usize,
        records: usize,
        ms: u64,
    },
    /// An instance hears what its group has become.
    Heartbeat { at: usize },
    /// A turn of an instance's poll loop.
    Turn { at: usize },
    /// A lane takes what is next.
    Work { at: usize },
    /// Readers see what was made of a batch.
    Show { at: usize },
    /// They see it, and it is acknowledged; under exactly once a transaction ends.
    Deliver { at: usize, batches: usize },
    /// An instance asks for a commit.
    Commit { at: usize },
    /// The oldest commit that it asked for is answered.
    Answer { at: usize, refused: bool },
    /// A lane that was assigned goes on towards its state.
    Bring { at: usize },
    /// A lane's cut is begun.
    Cut { at: usize },
    /// A slice of a lane's cut.
    Slice {
        at: usize,
        keys: usize,
        leaves: bool,
    },
    /// The next thing of a lane's cut is written.
    Upload { at: usize },
    /// A lane's cut is given up.
    GiveUp { at: usize },
    /// Runs of a lane are merged.
    Merge { at: usize },
    /// What no snapshot of a lane needs is deleted.
    Collect { at: usize, grace_ms: u64 },
    /// Time passes.
    Tick { ms: u64 },
    /// All of an instance works for a while, as it does when nothing is wrong.
    Flow {
        at: usize,
        rounds: usize,
        cuts: bool,
        delivers: bool,
    },
    /// An instance dies; what it had sent arrives or not.
    Crash { at: usize, lands: bool },
    /// An instance dies after so many more calls of the store.
    Doom { at: usize, calls: u32 },
    /// An instance is started.
    Start,
    /// The group takes a member for dead.
    Expire { at: usize },
    /// Lanes are to move.
    Rebalance,
    /// How the store answers an instance from here on.
    Store { at: usize, mood: Mood },
    /// An object in the store is damaged.
    Damage { at: usize, how: Damage },
    /// The oldest records of a lane are deleted.
    Retain { lane: usize, records: usize },
    /// The topics get one more partition.
    Widen,
}

impl Step {
    /// A step of a run of `setting`.
    pub(crate) fn draw(dice: &mut Dice, setting: &Setting) -> Self {
        let at = dice.below(1 << 16) as usize;
        let rare = dice.below(1000);
        let is_quiet = dice.percent(10);
        if rare < 150 {
            return Self::draw_trouble(dice, setting, at, rare);
        }
        match dice.below(100) {
            0..16 => Self::Append {
                lane: at,
                topic: dice.below(16) as usize,
                records: dice.between(1, 16) as usize,
                ms: dice.below(if is_quiet { 900_000 } else { 60_000 }),
            },
            16..20 => Self::Heartbeat { at },
            20..28 => Self::Turn { at },
            28..36 => Self::Work { at },
            36..38 => Self::Show { at },
            38..46 => Self::Deliver {
                at,
                batches: dice.between(1, 6) as usize,
            },
            46..50 => Self::Commit { at },
            50..54 => Self::Answer {
                at,
                refused: dice.percent(10),
            },
            54..60 => Self::Bring { at },
            60..65 => Self::Cut { at },
            65..75 => Self::Slice {
                at,
                keys: dice.below(24) as usize,
                leaves: dice.percent(50),
            },
            75..85 => Self::Upload { at },
            85..87 => Self::Merge { at },
            87..88 => Self::Collect {
                at,
                grace_ms: [0, 3_600_000][dice.below(2) as usize],
            },
            88..92 => Self::Tick {
                ms: dice.below(12_000),
            },
            // Every other time all instances.
            _ => Self::Flow {
                at: at % 2 * at,
                rounds: dice.between(1, 5) as usize,
                cuts: dice.percent(50),
                delivers: dice.percent(70),
            },
        }
    }

    fn draw_trouble(dice: &mut Dice, setting: &Setting, at: usize, rare: u64) -> Self {
        match rare {
            0..8 => Self::Crash {
                at,
                lands: dice.percent(50),
            },
            8..14 => Self::Doom {
                at,
                calls: dice.below(8) as u32,
            },
            14..42 => Self::Start,
            42..60 => Self::Expire { at },
            60..90 => Self::Rebalance,
            90..98 => Self::Store {
                at,
                mood: [Mood::Away, Mood::Full, Mood::Unsure][dice.below(3) as usize],
            },
            98..125 => Self::Store {
                at,
                mood: Mood::Fine,
            },
            125..133 => Self::Damage {
                at,
                how: [Damage::Flip, Damage::Tear, Damage::Lose][dice.below(3) as usize],
            },
            133..137 if setting.is_short_of_room => Self::Retain {
                lane: at,
                records: dice.below(80) as usize,
            },
            137..139 if setting.is_short_of_room => Self::Widen,
            139..142 => Self::GiveUp { at },
            _ => Self::Tick {
                ms: dice.below(120_000),
            },
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
