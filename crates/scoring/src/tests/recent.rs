//! The ring of records seen last, against its batches one after the other.

use arrow::buffer::{Buffer, ScalarBuffer};

use super::*;
use crate::Recent;

/// Offsets of everything kept, oldest first.
fn offsets(recent: &Recent) -> Vec<i64> {
    let batches = recent.batches();
    let offsets = batches.flat_map(|batch| &batch.events.offsets);
    offsets.copied().collect()
}

/// A batch of so many rows.
fn rows(first: i64, count: usize) -> FeatureBatch {
    let given: Vec<_> = ROWS.iter().cycle().take(count).copied().collect();
    batch(first, &given)
}

#[test]
fn the_last_rows_are_kept_and_bounded() {
    let mut recent = Recent::new(10, usize::MAX);
    for first in 0..50 {
        recent.push(&rows(first * 4, 4));
        recent.push(&rows(0, 0));
        let end = 4 * (first + 1);
        assert_eq!(
            offsets(&recent),
            ((end - 12).max(0)..end).collect::<Vec<i64>>()
        );
        assert_eq!(recent.rows() as i64, end.min(12));
    }
    let mut off = Recent::new(0, usize::MAX);
    off.push(&rows(0, 4));
    assert_eq!((off.rows(), off.bytes()), (0, 0));
}

#[test]
fn no_more_is_kept_of_a_large_batch_than_of_small_ones() {
    let mut recent = Recent::new(10, usize::MAX);
    let large = rows(0, 300);
    recent.push(&large);
    assert_eq!(offsets(&recent), (290..300).collect::<Vec<i64>>());
    let kept = Arc::clone(recent.batches().next().unwrap());
    for (kept, whole) in kept.features.columns().iter().zip(large.features.columns()) {
        assert_eq!(**kept, *whole.slice(290, 10));
    }
    for (kept, whole) in kept
        .events
        .columns
        .columns()
        .iter()
        .zip(large.events.columns.columns())
    {
        assert_eq!(**kept, *whole.slice(290, 10));
    }
    assert_eq!(kept.emissions.keys, large.emissions.keys.slice(290, 10));
    let mut whole = Recent::new(300, usize::MAX);
    whole.push(&large);
    assert!(
        4 * recent.bytes() < whole.bytes(),
        "{} {}",
        recent.bytes(),
        whole.bytes()
    );

    // Others need the room.
    whole.push(&rows(300, 150));
    whole.shrink(20, usize::MAX);
    assert_eq!(whole.rows(), 150);
    whole.push(&rows(450, 15));
    whole.push(&rows(465, 15));
    assert_eq!(offsets(&whole), (450..480).collect::<Vec<i64>>());
    whole.shrink(20, 1);
    assert_eq!(offsets(&whole), (465..480).collect::<Vec<i64>>());
}

#[test]
fn large_batches_are_shared_and_small_ones_merged() {
    let large = rows(0, 300);
    let mut recent = Recent::new(10_000, usize::MAX);
    recent.push(&large);
    let kept = recent.batches().next().unwrap();
    assert!(Arc::ptr_eq(
        kept.features.column(0),
        large.features.column(0)
    ));
    let mut next = 300;
    for count in [1, 3, 300, 7].into_iter().chain([2; 200]) {
        recent.push(&rows(next, count));
        next += count as i64;
    }
    assert_eq!(offsets(&recent), (0..next).collect::<Vec<i64>>());
    let lengths: Vec<usize> = recent.batches().map(|batch| batch.len()).collect();
    assert_eq!(lengths[..3], [300, 4, 300]);
    assert!(lengths.len() < 64 + 8, "{} batches", lengths.len());
    let (scored, whole) = (
        recent
            .batches()
            .map(|batch| (**batch).clone())
            .collect::<Vec<_>>(),
        [
            FeatureBatch::concat(&recent.batches().map(|batch| &**batch).collect::<Vec<_>>())
                .unwrap(),
        ],
    );
    let said = |batches: &[FeatureBatch]| {
        let model = ModelKinds::standard()
            .load(&both(BOTH_TOML), &scope())
            .unwrap();
        backtest(&model, &scope(), &ScoringSettings::default(), batches)
    };
    assert_eq!(said(&scored), said(&whole));
}

#[test]
fn other_columns_are_not_merged() {
    let mut recent = Recent::new(10_000, usize::MAX);
    let narrow = |first| {
        let mut batch = rows(first, 1);
        batch.features = batch.features.project(&[0]).unwrap();
        batch
    };
    for first in 0..100 {
        recent.push(&if first % 2 == 0 {
            rows(first, 1)
        } else {
            narrow(first)
        });
    }
    assert_eq!(offsets(&recent), (0..100).collect::<Vec<i64>>());
    for batch in recent.batches() {
        let is_narrow = batch.events.offsets[0] % 2 == 1;
        assert_eq!(batch.features.num_columns() == 1, is_narrow);
    }
}

#[test]
fn bytes_are_counted_once_and_bounded() {
    let one = rows(0, 256);
    let mut single = Recent::new(10_000, usize::MAX);
    single.push(&one);
    let each = single.bytes();
    let mut tight = Recent::new(10_000, each * 2 + each / 2);
    for _ in 0..9 {
        tight.push(&one);
        assert!(tight.bytes() <= each * 2 + each / 2);
    }
    assert_eq!(tight.rows(), 512);
    let mut none = Recent::new(10_000, each - 1);
    none.push(&one);
    assert!((1..256).contains(&none.rows()), "{}", none.rows());
    assert!(none.bytes() < each, "the last rows of it fit");
    // Merged, small batches take about the room of their rows.
    let mut small = Recent::new(10_000, usize::MAX);
    for first in 0..256 {
        small.push(&rows(first, 1));
    }
    assert!(small.bytes() < 2 * each, "{} against {each}", small.bytes());
    // Columns that are views of one buffer.
    let values: Buffer = Buffer::from_vec(vec![0.5_f64; 256 * 100]);
    let columns = (0..100).map(|column| {
        let values = ScalarBuffer::new(values.clone(), column * 256, 256);
        let array: ArrayRef = Arc::new(Float64Array::new(values, None));
        (format!("f{column}"), array)
    });
    let mut views = one;
    views.features = RecordBatch::try_from_iter(columns).unwrap();
    let mut recent = Recent::new(10_000, usize::MAX);
    recent.push(&views);
    let bytes = recent.bytes();
    assert!(
        (256 * 100 * 8..256 * 100 * 8 * 2).contains(&bytes),
        "{bytes}"
    );
}
