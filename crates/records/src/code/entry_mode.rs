//! DE22: how the card was read, and whether a PIN could be entered.

use super::word::{Word, are_digits};

/// The first two digits of DE22 that the networks share: 00 unknown, 01 typed in, 02 stripe, 03 bar code,
/// 04 optical characters, 05 chip, 06 track 1, 07 contactless chip, 09 remote, 10 on file, 79 chip failed
/// then typed in, 80 chip failed then stripe, 81 and 82 remote, 90 whole stripe, 91 contactless stripe,
/// 95 chip whose data may be wrong.
const KNOWN: &[u8] = &[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 79, 80, 81, 82, 90, 91, 95];

static IS_KNOWN: [bool; 100] = {
    let mut table = [false; 100];
    let mut at = 0;
    while at < KNOWN.len() {
        table[KNOWN[at] as usize] = true;
        at += 1;
    }
    table
};

/// An entry mode in two digits, and the PIN entry capability where that is said besides: `1` there is one,
/// `2` there is none, `0` unknown, `8` out of order.
pub(super) type Split = (Word, Option<u8>);

/// Whether `text` is an entry mode in two digits that the networks share.
#[inline]
pub(super) fn is_known(text: &[u8]) -> bool {
    match *text {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => IS_KNOWN[usize::from((a - b'0') * 10 + b - b'0')],
        _ => false,
    }
}

/// What `text`, in upper case, says; `None` where nobody can tell.
pub(super) fn split(text: &[u8]) -> Option<Split> {
    match text.len() {
        12 => of_data_code(text),
        _ if !are_digits(text) => None,
        11 => {
            // The first digit was a zero.
            let mut whole = Word::new(b"0")?;
            whole.push(text)?;
            of_data_code(&whole)
        }
        _ => of_digits(text),
    }
}

/// The forms of 1987: two digits, three with the PIN entry capability, and four of them with a zero behind
/// (networks whose field has four) or in front (packed two digits a byte); with all zeros in front or, as
/// integers, without.
fn of_digits(text: &[u8]) -> Option<Split> {
    match *text {
        [b] => mode(&[b'0', b]),
        [a, b] => mode(&[a, b]).or_else(|| with_pin(&[b'0', a, b])),
        [a, b, c] => with_pin(&[a, b, c])
            .or_else(|| mode(&[b, c]).filter(|_| a == b'0'))
            .or_else(|| with_pin(&[b'0', a, b]).filter(|_| c == b'0')),
        [a, b, c, d] => {
            let behind = with_pin(&[a, b, c]).filter(|_| d == b'0');
            let before = with_pin(&[b, c, d]).filter(|_| a == b'0');
            match (behind, before) {
                (Some(_), Some(_)) if [a, b, c] != [b, c, d] => None,
                (Some(one), _) | (None, Some(one)) => Some(one),
                (None, None) => mode(&[c, d]).filter(|_| [a, b] == *b"00"),
            }
        }
        _ => None,
    }
}

fn mode(digits: &[u8; 2]) -> Option<Split> {
    let code = Word::new(digits)?;
    is_known(digits).then_some((code, None))
}

fn with_pin(&[a, b, pin]: &[u8; 3]) -> Option<Split> {
    let is_pin = matches!(pin, b'0'..=b'3' | b'8' | b'9');
    let code = Word::new(&[a, b])?;
    (is_pin && is_known(&[a, b])).then_some((code, Some(pin)))
}

/// The point-of-service data code of 1993 and 2003. Its second character is the cardholder authentication
/// capability, its seventh the card data input mode. The letters are those of the network that added them.
fn of_data_code(text: &[u8]) -> Option<Split> {
    if !text.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let mode = match text.get(6)? {
        b'0' => b"00",
        // Typed in, without a terminal or at one.
        b'1' | b'6' => b"01",
        b'2' => b"02",
        b'3' => b"03",
        b'4' => b"04",
        b'5' | b'C' | b'F' => b"05",
        b'A' => b"91",
        b'B' => b"90",
        b'M' => b"07",
        _ => return None,
    };
    let pin = match text.get(1)? {
        b'0' => Some(b'2'),
        b'1' => Some(b'1'),
        b'5' => Some(b'8'),
        _ => None,
    };
    Some((Word::new(mode)?, pin))
}
