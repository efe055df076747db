//! DE39: the action codes of 1993 and 2003 as the response codes of 1987.

use super::edition::Edition;
use super::word::{Word, are_digits, padded};

/// Action codes of 1993 and the response codes of 1987 that mean the same. What has no counterpart is left
/// out.
const SAME: &[(u16, &[u8; 2])] = &[
    (0, b"00"),
    (1, b"08"),
    (2, b"10"),
    (3, b"11"),
    (4, b"16"),
    (100, b"05"),
    (101, b"54"),
    (102, b"59"),
    (103, b"60"),
    (104, b"62"),
    (105, b"66"),
    (106, b"75"),
    (107, b"01"),
    (108, b"02"),
    (109, b"03"),
    (110, b"13"),
    (111, b"14"),
    (113, b"23"),
    (115, b"40"),
    (116, b"51"),
    (117, b"55"),
    (118, b"56"),
    (119, b"57"),
    (120, b"58"),
    (121, b"61"),
    (122, b"63"),
    (123, b"65"),
    (200, b"04"),
    (201, b"33"),
    (202, b"34"),
    (203, b"35"),
    (204, b"36"),
    (205, b"37"),
    (206, b"38"),
    (207, b"07"),
    (208, b"41"),
    (209, b"43"),
    (902, b"12"),
    (903, b"19"),
    (904, b"30"),
    (905, b"31"),
    (906, b"90"),
    (907, b"91"),
    (908, b"92"),
    (909, b"96"),
    (911, b"68"),
    (912, b"91"),
    (913, b"94"),
    (923, b"09"),
];

/// The response code of 1987 that `upper`, of one, three or four digits, means.
///
/// Three digits below 100 are either an action code or one of 1987 with a zero in front: `005` is an approval
/// or a decline. Unless the edition is known, `000` alone is told, which is approved in both.
pub(super) fn brought_to_1987(upper: &[u8], edition: Edition) -> Option<Word> {
    match *upper {
        [_] => padded(upper, 2),
        [_, _, _] => of_action(upper, edition, upper),
        // The classes of 2003 have a zero behind their first digit.
        [class @ b'0'..=b'2', b'0', a, b] => of_action(&[class, a, b], edition, upper),
        _ => None,
    }
}

fn of_action(digits: &[u8], edition: Edition, written: &[u8]) -> Option<Word> {
    if !are_digits(digits) {
        return None;
    }
    let value = |sum: u16, digit: &u8| sum * 10 + u16::from(digit - b'0');
    let action = digits.iter().fold(0, value);
    let is_told = action == 0 || action >= 100;
    match edition {
        Edition::First => padded(written, 2),
        Edition::Unknown if !is_told => None,
        Edition::Unknown | Edition::Later => {
            let found = SAME.iter().find(|(other, _)| *other == action);
            found.and_then(|(_, code)| Word::new(*code))
        }
    }
}
