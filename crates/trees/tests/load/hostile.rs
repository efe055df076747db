//! Model files that were damaged: every one is refused or becomes a forest, and neither panics.

use tillwatch_trees::{Format, Iterations, load_with};

use crate::support::golden::cases;
use crate::support::random::{Rng, rows};

/// Damaged files made of each golden model.
const FILES_PER_MODEL: usize = 120;

#[test]
fn damaged_models_are_refused_or_score() {
    let mut rng = Rng::new(41);
    let (mut read, mut refused) = (0, 0);
    for case in cases() {
        for _ in 0..FILES_PER_MODEL {
            let mut bytes = case.bytes.clone();
            for _ in 0..1 + rng.below(3) {
                damage(&mut rng, &mut bytes);
            }
            for iterations in [Iterations::Best, Iterations::All] {
                let Ok(model) = load_with(&bytes, case.format, iterations) else {
                    refused += 1;
                    continue;
                };
                read += 1;
                for row in rows(&mut rng, &model.forest, 2) {
                    let raw = model.forest.raw_score(&row);
                    let probability = model.forest.link().probability(raw);
                    assert!(raw.is_nan() || (0.0..=1.0).contains(&probability), "{raw}");
                }
            }
        }
    }
    assert!(read > 500, "read {read}, refused {refused}");
    assert!(refused > 5000, "read {read}, refused {refused}");
}

#[test]
fn one_format_read_as_another_is_refused() {
    for case in cases() {
        for format in Format::ALL {
            if format != case.format {
                let read = load_with(&case.bytes, format, Iterations::All);
                assert!(read.is_err(), "{} as {format:?}", case.name);
            }
        }
    }
}

#[test]
fn noise_is_refused() {
    let mut rng = Rng::new(43);
    for length in 0..400 {
        let mut bytes: Vec<u8> = (0..length).map(|_| rng.next() as u8).collect();
        // Half of it looks like the beginning of something.
        if rng.chance(0.5) {
            let start: &[u8] = rng.pick(&[b"{", b"{i\x01a[", b"tree\n", b"[[[{\"", b"{L"]);
            bytes.splice(0..0, start.iter().copied());
        }
        Format::sniff(&bytes);
        for format in Format::ALL {
            assert!(load_with(&bytes, format, Iterations::Best).is_err());
        }
    }
}

fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.below(bytes.len());
    let end = (at + 1 + rng.below(60)).min(bytes.len());
    match rng.below(9) {
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => bytes[at] = rng.next() as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        5 => {
            let to = rng.below(bytes.len());
            let copy = bytes[at..end].to_vec();
            let end = (to + copy.len()).min(bytes.len());
            bytes.splice(to..end, copy);
        }
        // A digit becomes another: files stay well-formed and say something else.
        6 | 7 => {
            let digit = bytes[at..].iter().position(u8::is_ascii_digit);
            if let Some(offset) = digit {
                bytes[at + offset] = b'0' + rng.below(10) as u8;
            }
        }
        _ => {
            let number: &[u8] = rng.pick(&[
                b"-1",
                b"4294967296",
                b"99999999999999999999",
                b"1e999",
                b"NaN",
                b"-Infinity",
                b"nan",
                b"",
                b"{}",
                b"[]",
            ]);
            let is_part = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'e');
            let start = bytes[at..].iter().position(is_part).map(|o| at + o);
            if let Some(start) = start {
                let length = bytes[start..].iter().take_while(|b| is_part(b)).count();
                bytes.splice(start..start + length, number.iter().copied());
            }
        }
    }
}
