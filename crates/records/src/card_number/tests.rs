use super::*;

/// Test numbers of the schemes.
const NUMBERS: [&str; 9] = [
    "4111111111111111",
    "4222222222222",
    "5500000000000004",
    "2223000048400011",
    "378282246310005",
    "36227206271667",
    "3530111333300000",
    "6011000990139424",
    "6250941006528599",
];

/// A generator of numbers that look random (splitmix64): the same in every run.
fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    mask(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn numbers_of_every_scheme_are_found_wherever_they_stand() {
    for number in NUMBERS {
        let stars = "*".repeat(number.len());
        for (before, after) in [
            ("", ""),
            ("T-", ""),
            ("", "-000123"),
            ("PAN:", "|2512"),
            ("00", ""),
            ("{\"a\":\"", "\"}"),
            ("cc", ""),
            ("tok_", ""),
            ("\u{e9}", "\u{e9}"),
            ("", "F"),
        ] {
            let text = format!("{before}{number}{after}");
            assert!(may_hold_one(text.as_bytes()), "{text}");
            assert_eq!(masked(&text), format!("{before}{stars}{after}"), "{text}");
        }
        // An audit number of six digits and a time behind it.
        assert!(masked(&format!("{number}000123080104")).starts_with(&stars));
        // LLVAR, in the middle of a message.
        let length = number.len();
        let message = format!("0200{length}{number}000000");
        let found = find_all(message.as_bytes()).next();
        assert_eq!(found, Some(6..6 + length), "{message}");
    }
}

#[test]
fn groups_and_tracks_are_hidden_whole() {
    for (text, expected) in [
        ("4111 1111 1111 1111", "**** **** **** ****"),
        ("4111-1111-1111-1111.", "****-****-****-****."),
        ("4111.1111.1111.1111", "****.****.****.****"),
        ("3782 822463 10005 x", "**** ****** ***** x"),
        (
            ";4111111111111111=25121010000?",
            ";****************=***********?",
        ),
        ("4111111111111111D25121010F", "****************D********F"),
        (
            "%B4111111111111111^DOE/J^2512?x1",
            "%B****************^DOE/J^****?x1",
        ),
        ("41111111111111112512", "****************2512"),
    ] {
        assert_eq!(masked(text), expected);
    }
    let two = "4111111111111111,5500000000000004";
    assert_eq!(mask(&mut two.as_bytes().to_vec()), 2);
}

#[test]
fn what_is_no_card_number_stays() {
    for text in [
        "",
        "4111111111111112",
        "411111111111",
        "411111******1111",
        "1767600064966",
        "1767600064966000000",
        "20260105080104",
        "2026-01-05T08:01:04.966Z",
        "550e8400-e29b-41d4-a716-446655440000",
        "100111/M0000762/T0003343",
        // A part of a hexadecimal number, or of an id.
        "a4111111111111111b",
        "t4111111111111111",
        "4111111111111111y",
        "tDE04140999912041",
        "E004222222222222",
        "4111111111111111DEAD",
        "9f86d081884c7d659a2feaa0c55ad015",
        // No scheme issues it, though the check digit is right.
        "1234567812345670",
        "0000000000000000",
    ] {
        assert_eq!(masked(text), text);
        assert_eq!(find(text.as_bytes(), 0), None, "{text}");
    }
}

#[test]
fn disguises_of_a_whole_number_are_seen_through() {
    for text in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111\u{a0}1111\u{a0}1111\u{a0}1111",
        "4111-1111-1111-1111",
        "4111_1111_1111_1111",
        "4111.1111.1111.1111",
        "4111/1111/1111/1111",
        "41 11 11 11 11 11 11 11",
        "4111111111111111.0",
        "4.111111111111111e15",
        "4.111111111111111E+15",
        "4111111111111111F",
        "378282246310005F",
        "0004111111111111111",
        "04111111111111111",
        "PAN:4111111111111111",
        "4111111111111111|2512",
        "41111111111111112512",
        "4111111111111111=2512",
        "4111111111111111D25121010",
        "4111111111111111d2512",
        ";4111111111111111=25121010000",
        "%B4111111111111111^DOE/J^2512",
        "%b4111111111111111^doe",
        "b4111111111111111^doe",
        "'4111111111111111'",
        "\t4111111111111111",
        "\u{200b}4111111111111111",
        "\u{ff14}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\
         \u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}",
        "0x4111111111111111",
        "NDExMTExMTExMTExMTExMQ==",
        "34313131313131313131313131313131",
        "pan_4111111111111111",
        // Of no range that is known, and nothing else is there.
        "1234567812345670",
    ] {
        assert!(is_clear(text.as_bytes()), "{text}");
    }
    for text in [
        "411111******1111",
        "411111XXXXXX1111",
        "4111111111111112",
        "411111111111",
        "5018000009",
        "9f86d081884c7d65",
        "tok_a1b2c3d4",
        "tok_4111111111111111",
        "0000000000000000",
        "4111111111111111DEAD",
        "34333231",
        "",
    ] {
        assert!(!is_clear(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_whole_number_is_its_digits_however_it_is_written() {
    for text in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111111111111111.0",
        "4.111111111111111e15",
        "0004111111111111111",
        "4111111111111111F",
        "4111111111111111=25121010000",
        "4111111111111111D25121010000F",
        "%B4111111111111111^DOE/J^2512",
    ] {
        let digits = whole_digits(text.as_bytes());
        assert_eq!(digits.as_deref(), Some(&b"4111111111111111"[..]), "{text}");
    }
    // Of eleven digits, and without the right check digit: a card that somebody has issued.
    assert!(whole_digits(b"60416207185").is_some());
    assert!(whole_digits(b"4111111111111112").is_some());
    for text in [
        "411111******1111",
        "tok_1",
        "1234567",
        "41111111111111111111",
        "",
        "4111x1111",
        "4.11111E+15",
    ] {
        assert_eq!(whole_digits(text.as_bytes()), None, "{text}");
    }
}

/// Shares of other ids that pass, which the documentation names.
#[test]
fn other_ids_seldom_pass() {
    const IDS: usize = 100_000;
    let mut next = random(7);
    let mut share = |make: &mut dyn FnMut(u64, u64) -> String, passes: fn(&[u8]) -> bool| {
        let ids = (0..IDS).map(|_| make(next(), next()));
        ids.filter(|id| passes(id.as_bytes())).count() as f64 / IDS as f64
    };
    let is_found: fn(&[u8]) -> bool = |id| find(id, 0).is_some();
    let sixteen = share(&mut |a, _| format!("{:016}", a % 10_u64.pow(16)), is_found);
    assert!((0.01..0.04).contains(&sixteen), "{sixteen}");
    // DE90: the message that is reversed, its audit number and time, and two institutions.
    let original = |a: u64, b: u64| {
        let mti = ["0100", "0200", "0220", "0400", "0420"][(b % 5) as usize];
        let (stan, day, time) = (a % 1_000_000, a % 28 + 1, b % 240_000);
        format!(
            "{mti}{stan:06}{:02}{day:02}{time:06}{:011}{:011}",
            b % 12 + 1,
            100_111,
            0
        )
    };
    let original = share(&mut { original }, is_found);
    assert!(original < 0.000_05, "{original}");
    let hexadecimal = share(&mut |a, b| format!("{a:016x}{b:016x}"), is_clear);
    assert!(hexadecimal < 0.000_05, "{hexadecimal}");
    let short = share(&mut |a, _| format!("t{a:016X}"), is_clear);
    assert!(short < 0.000_05, "{short}");
    let short = share(&mut |a, _| format!("{a:016x}"), is_clear);
    assert!(short < 0.000_15, "{short}");
    let base64 = share(&mut |a, b| format!("M{a:016X}{b:08X}"), is_clear);
    assert!(base64 < 0.000_05, "{base64}");
    let uuid = |a: u64, b: u64| {
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    };
    let uuid = share(&mut { uuid }, is_found);
    assert!(uuid < 0.000_05, "{uuid}");
}

#[test]
fn the_quick_look_passes_over_nothing_that_is_found() {
    const ALPHABET: &[u8] = b"0123456789011114abF- =D";
    let mut next = random(11);
    let mut found = 0;
    for _ in 0..200_000 {
        let length = 10 + next() as usize % 30;
        let mut text: Vec<u8> = (0..length)
            .map(|_| ALPHABET[next() as usize % ALPHABET.len()])
            .collect();
        let number = NUMBERS[next() as usize % NUMBERS.len()].as_bytes();
        if next().is_multiple_of(2) {
            let at = next() as usize % text.len();
            text.splice(at..at, number.iter().copied());
        }
        if let Some(range) = find(&text, 0) {
            found += 1;
            assert!(may_hold_one(&text), "{}", String::from_utf8_lossy(&text));
            assert!(text[range.start].is_ascii_digit() && text[range.end - 1].is_ascii_digit());
        }
        let before = text.len();
        mask(&mut text);
        assert_eq!(text.len(), before);
        assert_eq!(find(&text, 0), None, "{}", String::from_utf8_lossy(&text));
    }
    assert!(found > 4_000, "{found}");
}
