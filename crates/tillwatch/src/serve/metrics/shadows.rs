//! How the models that decide nothing compare with the champion.

use std::collections::VecDeque;
use std::sync::Arc;

use tillwatch_records::{Flags, ScoreBatch, ShadowScores};
use tillwatch_scoring::{Lineup, LoadedModel, score_of};

/// Rows that a comparison is over: the last ones that both models scored. A share of it is known to a
/// percent, and a change shows within seconds of a busy stream.
const WINDOW_ROWS: usize = 10_000;

/// Scores end before this.
const SCORES: usize = 1000;

/// Bins of the population stability index.
const BINS: usize = 10;

/// A bin's share counts as at least this, one row of the window: the index has no value for an empty one.
const SHARE_MIN: f64 = 1e-4;

/// Differences of probabilities are summed in units of 2⁻³², which is exact whatever comes and goes.
const UNITS: f64 = u32::MAX as f64;

/// The shadows of the active line-up, each against its champion.
#[derive(Debug, Default)]
pub struct Shadows {
    /// `name@version` and hash of the champion.
    champion: (String, String),
    watched: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    /// `name@version`.
    model: String,
    hash: String,
    rows: u64,
    left_out: u64,
    window: Window,
}

/// What is known of a shadow.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// `name@version`.
    pub model: String,
    /// Rows that it scored, and rows that it was left out of to keep a deadline.
    pub rows: u64,
    pub left_out: u64,
    /// Over the last rows that champion and shadow both scored; `None` before there is one.
    pub recent: Option<Recent>,
}

/// The comparison over the last rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recent {
    /// Share of rows that both put into the same band.
    pub agreement: f64,
    /// Mean absolute difference of their probabilities.
    pub difference: f64,
    /// Population stability index of the shadow's scores against the champion's: over ten bins that hold a
    /// tenth of the champion's scores each, Σ (q − p) ln(q / p) of the shares p of the champion and q of the
    /// shadow, each at least 10⁻⁴. Above 0.25 the two are commonly taken to be distributed differently.
    pub stability: f64,
}

impl Shadows {
    /// Compares the shadows of another line-up. A comparison goes on where both of its models are the same.
    pub fn set_lineup(&mut self, lineup: &Lineup) {
        let versions = lineup.versions();
        let champion = (versions.model.clone(), versions.model_hash.clone());
        let same_champion = champion == self.champion;
        let mut before = std::mem::take(&mut self.watched);
        let watched = |model: &Arc<LoadedModel>| {
            let (name, hash) = (model.info().versioned_name(), model.info().hash.clone());
            let known = before.iter().position(|watched| watched.model == name);
            let mut next = match known {
                Some(position) => before.swap_remove(position),
                None => Watched {
                    model: name,
                    hash: hash.clone(),
                    rows: 0,
                    left_out: 0,
                    window: Window::default(),
                },
            };
            if !same_champion || next.hash != hash {
                next.hash = hash;
                next.window = Window::default();
            }
            next
        };
        self.watched = lineup.shadows().map(watched).collect();
        self.champion = champion;
    }

    /// Counts a batch. A lane that has not taken over the line-up yet compares other models; its batch is not
    /// counted.
    pub fn count(&mut self, scores: &ScoreBatch, lineup: &Lineup) {
        let versions = &scores.versions;
        if self.champion.0 != versions.model || self.champion.1 != versions.model_hash {
            return;
        }
        for shadow in &scores.shadows {
            let mut watched = self.watched.iter_mut();
            if let Some(watched) = watched.find(|watched| *watched.model == *shadow.model) {
                watched.count(scores, shadow, lineup);
            }
        }
    }

    /// What is known of each shadow.
    pub fn comparisons(&self) -> Vec<Comparison> {
        let comparison = |watched: &Watched| Comparison {
            model: watched.model.clone(),
            rows: watched.rows,
            left_out: watched.left_out,
            recent: watched.window.compare(),
        };
        self.watched.iter().map(comparison).collect()
    }
}

impl Watched {
    fn count(&mut self, scores: &ScoreBatch, shadow: &ShadowScores, lineup: &Lineup) {
        if shadow.probabilities.is_empty() {
            self.left_out += scores.len() as u64;
            return;
        }
        self.rows += scores.len() as u64;
        for (row, probability) in shadow.probabilities.iter().enumerate() {
            // Not the champion's score, or not all of it.
            let is_other = scores.challenge.as_ref().is_some_and(|c| c.rows[row])
                || scores.flags[row].contains(Flags::DEGRADED);
            if is_other || probability.is_nan() {
                continue;
            }
            let score = score_of(*probability);
            let difference = (scores.probabilities[row] - probability).abs();
            self.window.push(Pair {
                champion: scores.scores[row],
                shadow: score,
                agree: lineup.settings().band(score) == scores.bands[row],
                difference: (difference * UNITS) as u32,
            });
        }
    }
}

/// The last rows that both scored, with running totals.
#[derive(Debug)]
struct Window {
    pairs: VecDeque<Pair>,
    agreeing: usize,
    difference: u64,
    /// Rows by score.
    champion: Vec<u32>,
    shadow: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    champion: u16,
    shadow: u16,
    agree: bool,
    difference: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            pairs: VecDeque::new(),
            agreeing: 0,
            difference: 0,
            champion: vec![0; SCORES],
            shadow: vec![0; SCORES],
        }
    }
}

impl Window {
    fn push(&mut self, pair: Pair) {
        if self.pairs.len() == WINDOW_ROWS
            && let Some(old) = self.pairs.pop_front()
        {
            self.agreeing -= usize::from(old.agree);
            self.difference -= u64::from(old.difference);
            self.champion[usize::from(old.champion)] -= 1;
            self.shadow[usize::from(old.shadow)] -= 1;
        }
        self.agreeing += usize::from(pair.agree);
        self.difference += u64::from(pair.difference);
        self.champion[usize::from(pair.champion)] += 1;
        self.shadow[usize::from(pair.shadow)] += 1;
        self.pairs.push_back(pair);
    }

    fn compare(&self) -> Option<Recent> {
        let rows = self.pairs.len();
        (rows > 0).then(|| Recent {
            agreement: self.agreeing as f64 / rows as f64,
            difference: self.difference as f64 / UNITS / rows as f64,
            stability: stability(&self.champion, &self.shadow, rows),
        })
    }
}

/// See [`Recent::stability`]. A score's bin is that of the middle rank that the champion's rows of this score
/// have, so that rows below, at and above a score that most have are told apart. A bin that is empty on both
/// sides adds nothing.
fn stability(champion: &[u32], shadow: &[u32], rows: usize) -> f64 {
    let mut bins = [[0_u32; 2]; BINS];
    let mut below = 0;
    for (mine, theirs) in champion.iter().zip(shadow) {
        let count = *mine as usize;
        let position = (2 * below + count) * BINS / (2 * rows);
        let bin = &mut bins[position.min(BINS - 1)];
        bin[0] += mine;
        bin[1] += theirs;
        below += count;
    }
    let share = |count: u32| (f64::from(count) / rows as f64).max(SHARE_MIN);
    let terms = bins.iter().map(|[p, q]| {
        let (p, q) = (share(*p), share(*q));
        (q - p) * (q / p).ln()
    });
    terms.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(champion: u16, shadow: u16) -> Pair {
        Pair {
            champion,
            shadow,
            agree: champion / 500 == shadow / 500,
            difference: (f64::from(champion.abs_diff(shadow)) / 1000.0 * UNITS) as u32,
        }
    }

    #[test]
    fn equals_agree_and_are_stable() {
        let mut window = Window::default();
        assert_eq!(window.compare(), None);
        for n in 0..25_000_u32 {
            let score = (n * 7919 % 1000) as u16;
            window.push(pair(score, score));
        }
        let recent = window.compare().unwrap();
        assert_eq!(
            (recent.agreement, recent.difference, recent.stability),
            (1.0, 0.0, 0.0)
        );
        assert_eq!(window.pairs.len(), WINDOW_ROWS);
    }

    #[test]
    fn the_index_is_that_of_its_definition() {
        // Champion: 1000 rows in each tenth. Shadow: all of the last tenth moved to the first.
        let mut window = Window::default();
        for n in 0..10_000_u32 {
            let score = (n % 1000) as u16;
            window.push(pair(score, if score >= 900 { score - 900 } else { score }));
        }
        let recent = window.compare().unwrap();
        let (doubled, emptied) = (0.1 * 2.0_f64.ln(), (1e-4 - 0.1) * (1e-4_f64 / 0.1).ln());
        assert!((recent.stability - (doubled + emptied)).abs() < 1e-12);
        assert!((recent.agreement - 0.9).abs() < 1e-12);
        assert!((recent.difference - 0.09).abs() < 1e-6);
    }

    #[test]
    fn old_rows_are_forgotten() {
        let mut window = Window::default();
        (0..WINDOW_ROWS).for_each(|_| window.push(pair(100, 900)));
        assert_eq!(window.compare().unwrap().agreement, 0.0);
        (0..WINDOW_ROWS).for_each(|_| window.push(pair(300, 300)));
        let recent = window.compare().unwrap();
        assert_eq!((recent.agreement, recent.difference), (1.0, 0.0));
    }
}
