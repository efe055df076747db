//! Tables as words.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::distinct::Distinct;
use super::entropy::Entropy;
use super::tests::{hash_of, words_of};
use super::*;

#[test]
fn written_tables_come_back_alike() {
    let mut random = ChaCha8Rng::seed_from_u64(26);
    for size in [0, 1, 6, 7, 8, 500, 2_047, 2_048, 2_500, 9_000, 40_000] {
        let (mut table, mut entropy) = (Table::default(), Entropy::default());
        let mut distinct = Distinct::default();
        let hashes: Vec<u64> = (0..size)
            .map(|_| random.next_u64().max(1) >> 2 << 2)
            .collect();
        for &hash in hashes.iter().chain(&hashes[..hashes.len() / 2]) {
            table.enter(hash);
            entropy.enter(hash);
            distinct.enter(hash);
        }
        for &hash in &hashes[..hashes.len() / 3] {
            table.leave(hash);
            entropy.leave(hash);
            distinct.leave(hash);
        }
        let mut words = Vec::new();
        table.write(&mut words);
        entropy.write(&mut words);
        distinct.write(&mut words);
        words.push(42);

        let mut rest = words.as_slice();
        let mut table_back = Table::read_from(&mut rest).unwrap();
        let mut entropy_back = Entropy::read_from(&mut rest).unwrap();
        let mut distinct_back = Distinct::read_from(&mut rest).unwrap();
        assert_eq!(rest, [42]);
        table_back.validate();
        entropy_back.validate();
        distinct_back.validate();
        assert_eq!(table_back.bytes(), table.bytes());
        assert_eq!(entropy_back.bytes(), entropy.bytes());
        assert_eq!(distinct_back.bytes(), distinct.bytes());
        for hash in hashes.iter().copied().skip(hashes.len() / 3).take(300) {
            assert_eq!(table_back.leave(hash), table.leave(hash));
            entropy_back.leave(hash);
            entropy.leave(hash);
            assert_eq!(
                entropy_back.read(None).to_bits(),
                entropy.read(None).to_bits()
            );
            distinct_back.leave(hash);
            distinct.leave(hash);
            assert_eq!(distinct_back.is_thin(), distinct.is_thin());
            if !distinct.is_thin() {
                assert_eq!(distinct_back.read(None), distinct.read(None));
            }
        }
        assert_eq!(words_of(&table_back.0), words_of(&table.0));
        table.clear();
        assert_eq!((table.len(), table.bytes()), (0, 0));
    }
}

#[test]
fn broken_words_are_refused() {
    let mut map = PodMap::<u32>::default();
    for key in [1, 2, 3, u64::MAX, u64::MAX - 1] {
        map.insert(key, 5);
    }
    let words = words_of(&map);
    for length in 0..words.len() {
        assert!(PodMap::<u32>::read_from(&mut &words[..length]).is_none());
    }
    for bits in [1, 2, 4, 30, 31, 64, u32::MAX] {
        let mut broken = words.clone();
        broken[0] = bits;
        assert!(PodMap::<u32>::read_from(&mut broken.as_slice()).is_none());
    }
    // Whatever is read keeps every promise, so nothing that comes after can go wrong.
    let mut random = ChaCha8Rng::seed_from_u64(27);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut broken = words.clone();
        for _ in 0..random.random_range(1..4) {
            let (from, to) = (
                random.random_range(1..words.len()),
                random.random_range(1..words.len()),
            );
            broken[to] = if random.random_bool(0.5) {
                random.random()
            } else {
                broken[from]
            };
        }
        if let Some(mut table) = Table::read_from(&mut broken.as_slice()) {
            accepted += 1;
            table.validate();
            table.enter(hash_of(1));
            table.validate();
        }
    }
    assert!((1..20_000).contains(&accepted));
}

#[test]
fn broken_samples_are_refused() {
    let mut distinct = Distinct::default();
    (0..9_000).for_each(|value| distinct.enter(hash_of(value)));
    let mut words = Vec::new();
    distinct.write(&mut words);
    assert_eq!(words[..2], [1, 1]);
    assert!(Distinct::read_from(&mut words.as_slice()).is_some());
    for (at, word) in [(0, 2), (0, 64), (1, 0), (1, 2), (2, 0)] {
        let mut broken = words.clone();
        broken[at] = word;
        let read = Distinct::read_from(&mut broken.as_slice());
        assert!(read.is_none() || (at, word) == (2, 0), "{at} {word}");
    }
}
