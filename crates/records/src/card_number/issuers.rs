//! Which numbers are issued: the ranges of the card schemes, and the check digit.

use std::ops::RangeInclusive;

/// Beginnings of card numbers, and how many digits numbers that begin so have.
///
/// Sources: the schemes' public lists of issuer identification numbers. Ranges of six digits.
#[rustfmt::skip]
const RANGES: &[(RangeInclusive<u32>, RangeInclusive<usize>)] = &[
    (220_000..=220_499, 16..=19), // Mir
    (222_100..=272_099, 16..=16), // Mastercard
    (300_000..=305_999, 14..=19), // Diners Club
    (309_500..=309_599, 14..=19), // Diners Club
    (340_000..=349_999, 15..=15), // American Express
    (352_800..=358_999, 16..=19), // JCB
    (360_000..=369_999, 14..=19), // Diners Club
    (370_000..=379_999, 15..=15), // American Express
    (380_000..=399_999, 14..=19), // Diners Club
    (500_000..=509_999, 16..=19), // Maestro, Elo, RuPay, Verve
    (510_000..=559_999, 16..=16), // Mastercard
    (560_000..=589_999, 16..=19), // Maestro
    (600_000..=609_999, 16..=19), // Discover, RuPay, Hipercard
    (620_000..=629_999, 16..=19), // UnionPay
    (630_000..=639_999, 16..=19), // Maestro, Elo, Instapayment
    (644_000..=659_999, 16..=19), // Discover, Elo, RuPay
    (670_000..=679_999, 16..=19), // Maestro
    (810_000..=829_999, 16..=19), // UnionPay, RuPay
    (979_200..=979_299, 16..=16), // Troy
];

/// Visa: 13, 16 or 19 digits, of which the first is a 4.
const VISA_LENGTHS: [usize; 3] = [13, 16, 19];

/// Whether `digits`, each an ASCII digit, are of a length and beginning that a scheme issues, and end in the
/// right check digit. Of other numbers of 16 digits about one in thirty passes.
pub fn is_issued(digits: &[u8]) -> bool {
    lengths(digits).any(|length| length == digits.len()) && passes_luhn(digits)
}

/// How many digits the card numbers have that begin as `digits` do, which are at least six.
pub(super) fn lengths(digits: &[u8]) -> impl Iterator<Item = usize> {
    let first = digits.iter().take(6);
    let first = first.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    let is_visa = digits.first() == Some(&b'4');
    let visa = VISA_LENGTHS.into_iter().filter(move |_| is_visa);
    let ranges = RANGES
        .iter()
        .filter(move |(range, _)| range.contains(&first));
    visa.chain(ranges.flat_map(|(_, lengths)| lengths.clone()))
}

/// Whether the last of `digits`, each an ASCII digit, is the check digit of the others: ISO/IEC 7812-1,
/// annex B.
pub fn passes_luhn(digits: &[u8]) -> bool {
    let weighted = digits.iter().rev().zip([1, 2].into_iter().cycle());
    let sum: u32 = weighted
        .map(|(digit, weight)| {
            let product = u32::from(digit - b'0') * weight;
            product / 10 + product % 10
        })
        .sum();
    sum.is_multiple_of(10)
}
