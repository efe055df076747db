//! How many bounds of a feature one value lies above, for a row by itself.
//!
//! Bounds stand in groups of [`GROUP`], and so do the last ones of these groups, until one group is left.
//! Counting those below a value in one group says which group to look into next: two steps for 255
//! bounds, each of which is a comparison of vectors, in place of eight that wait for one another.

use crate::predict::isa::{GROUP, Group, Isa};

/// Levels of groups at most: more bounds than there may be nodes.
const LEVELS_MAX: usize = 8;

/// The bounds of several features.
#[derive(Debug, Default)]
pub(super) struct Searches {
    groups: Vec<Group>,
}

/// Where a feature's bounds are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    levels: usize,
    /// First group of each level, from the single one on.
    firsts: [u32; LEVELS_MAX],
}

impl Searches {
    /// Adds `bounds`, which are ascending and distinct and have no NaN.
    pub(super) fn add(&mut self, bounds: &[f64]) -> Search {
        let mut levels = vec![bounds.to_vec()];
        loop {
            // One group more than bounds fill, if they fill them: a value may lie above all.
            let last = &levels[levels.len() - 1];
            if last.len() < GROUP || levels.len() == LEVELS_MAX {
                break;
            }
            let pivots = last.iter().skip(GROUP - 1).step_by(GROUP).copied();
            levels.push(pivots.collect());
        }
        let mut search = Search {
            levels: levels.len(),
            firsts: [0; LEVELS_MAX],
        };
        for (first, bounds) in search.firsts.iter_mut().zip(levels.iter().rev()) {
            *first = self.groups.len() as u32;
            for group in 0..bounds.len() / GROUP + 1 {
                let bound = |at: usize| bounds.get(group * GROUP + at).copied();
                let bound = |at| bound(at).unwrap_or(f64::INFINITY);
                self.groups.push(Group(std::array::from_fn(bound)));
            }
        }
        search
    }

    /// How many bounds `value` lies above; none if it is NaN.
    #[inline(always)]
    pub(super) fn rank<I: Isa>(&self, isa: I, search: &Search, value: f64) -> u32 {
        let mut rank = 0;
        for first in &search.firsts[..search.levels] {
            let group = &self.groups[(first + rank) as usize];
            rank = rank * GROUP as u32 + isa.count_below(group, value);
        }
        rank
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::isa::Portable;

    #[test]
    fn ranks_are_numbers_of_lesser_bounds() {
        let mut searches = Searches::default();
        for count in [0, 1, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097] {
            let bounds: Vec<f64> = (0..count).map(|at| f64::from(at) - 7.5).collect();
            let search = searches.add(&bounds);
            let odd = [f64::NEG_INFINITY, f64::INFINITY, -0.0, 0.5, f64::NAN];
            let all = bounds.iter().flat_map(|bound| [*bound, bound.next_up()]);
            for value in all.chain(odd) {
                let expected = bounds.iter().filter(|bound| value > **bound).count();
                let found = searches.rank(Portable, &search, value);
                assert_eq!(found as usize, expected, "{count} bounds, {value}");
            }
        }
    }
}
