//! Which fields of a row, and which words that a key has besides, are carried over.

use crate::plan::compiled::Plan;
use crate::plan::identities::Identities;
use crate::plan::ids::FieldId;
use crate::plan::shape::Shape;

/// Which one each field was, where there was one that means the same.
pub(super) struct Fields {
    pub(super) counts: Vec<Option<usize>>,
    pub(super) sums: Vec<Option<usize>>,
    pub(super) squares: Vec<Option<usize>>,
    pub(super) wide: Vec<Option<usize>>,
    pub(super) gaps: Vec<Option<usize>>,
    pub(super) raws: Vec<Option<usize>>,
    /// The times of the newest records.
    pub(super) sinces: Vec<Option<usize>>,
    pub(super) memories: Vec<Option<usize>>,
    /// Which predicate of labels each one was.
    pub(super) labels: Vec<Option<usize>>,
    /// The count that was the number of the row.
    pub(super) numbered: Option<usize>,
}

impl Fields {
    pub(super) fn new(
        plan: &Plan,
        identities: &Identities<'_>,
        (before, after): (&Shape, &Shape),
    ) -> Self {
        let all = identities.count_of_all();
        let all = all.filter(|_| before.numbers().counts_rows);
        let mut raws = places(&before.raws, &after.raws);
        for (field, known) in plan.layout.raws.iter().zip(&mut raws) {
            *known = known.filter(|known| before.raw_words[*known] == field.words() as u64);
        }
        let mut memories = places(&before.memories, &after.memories);
        for (spec, known) in plan.memories.iter().zip(&mut memories) {
            *known = known.filter(|known| before.memory_words[*known] == spec.words() as u64);
        }
        Self {
            counts: places(&before.counts, &after.counts),
            sums: places(&before.sums, &after.sums),
            squares: places(&before.squares, &after.squares),
            wide: places(&before.wide, &after.wide),
            gaps: places(&before.gaps, &after.gaps),
            raws,
            sinces: places(&before.sinces, &after.sinces),
            memories,
            labels: places(&before.labels, &after.labels),
            numbered: all.and_then(|all| after.counts.iter().position(|count| *count == all)),
        }
    }

    /// Whether a field is carried over.
    pub(super) fn has(&self, field: FieldId) -> bool {
        let (places, index) = match field {
            FieldId::Count(index) => (&self.counts, index),
            FieldId::Sum(index) => (&self.sums, index),
            FieldId::Square(index) => (&self.squares, index),
            FieldId::Wide(index) => (&self.wide, index),
            FieldId::Gap(index) => (&self.gaps, index),
            FieldId::Raw(index) => (&self.raws, index),
        };
        places[index].is_some() || field == FieldId::Count(self.numbered.unwrap_or(usize::MAX))
    }
}

/// Where each of `after` is in `before`.
pub(super) fn places(before: &[u64], after: &[u64]) -> Vec<Option<usize>> {
    let place = |identity: &u64| before.iter().position(|known| known == identity);
    after.iter().map(place).collect()
}
