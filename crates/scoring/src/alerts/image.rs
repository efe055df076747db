//! The alerts of a key as bytes.
//!
//! ```text
//! for each alert, in the order in which they were sent:
//!     length of the typology's name (1), 0 for none | name
//!     sent (8) | until (8) | last (8) | suppressed (4)
//! ```
//!
//! Numbers are little-endian, times in milliseconds since 1970.

use tillwatch_records::Typology;
use tillwatch_records::cut::{Entries, Space};
use twox_hash::XxHash3_64;

use super::sent::{SENT_MAX, Sent};

/// Changes whenever the meaning of a byte does, here or in [`Totals`].
pub(super) const FORMAT: u32 = 1;

/// What a cut says of all keys together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    /// Keys with alerts.
    pub(super) keys: u64,
    /// Alerts of all keys.
    pub(super) alerts: u64,
}

impl Totals {
    pub(super) fn write(self) -> Vec<u8> {
        let Self { keys, alerts } = self;
        let mut bytes = FORMAT.to_le_bytes().to_vec();
        bytes.extend(keys.to_le_bytes());
        bytes.extend(alerts.to_le_bytes());
        bytes
    }

    /// `None` where the bytes are no totals of this format.
    pub(super) fn read(mut bytes: &[u8]) -> Option<Self> {
        let format = u32::from_le_bytes(take(&mut bytes)?);
        let keys = u64::from_le_bytes(take(&mut bytes)?);
        let alerts = u64::from_le_bytes(take(&mut bytes)?);
        let is_whole = bytes.is_empty() && format == FORMAT;
        is_whole.then_some(Self { keys, alerts })
    }
}

/// Appends the alerts of `key`, or that it has none any more.
pub(super) fn push_image(out: &mut Entries, key: &str, sent: Option<&[Sent]>) {
    let hash = key_hash(key);
    match sent {
        Some(list) => out.push(Space::ALERTS, hash, key.as_bytes(), |out| {
            list.iter().for_each(|sent| sent.write(out));
        }),
        None => out.push_gone(Space::ALERTS, hash, key.as_bytes()),
    }
}

/// The key of an entry, whose hash is `hash`; `None` where it is none.
pub(super) fn read_key(key: &[u8], hash: u64) -> Option<&str> {
    let key = std::str::from_utf8(key).ok()?;
    (key_hash(key) == hash).then_some(key)
}

/// The alerts of a key, at least one; `None` where the bytes are no image of them.
pub(super) fn read_list(mut bytes: &[u8]) -> Option<Vec<Sent>> {
    let mut list: Vec<Sent> = Vec::new();
    while !bytes.is_empty() {
        let sent = Sent::read(&mut bytes)?;
        let same = list.iter().filter(|other| other.typology == sent.typology);
        (same.count() < SENT_MAX).then_some(())?;
        list.push(sent);
    }
    (!list.is_empty()).then_some(list)
}

impl Sent {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            typology,
            sent_ms,
            until_ms,
            last_ms,
            suppressed,
        } = self;
        let name = typology.map_or("", Typology::as_str);
        // Names of typologies have some ten letters.
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
        for time_ms in [sent_ms, until_ms, last_ms] {
            out.extend(time_ms.to_le_bytes());
        }
        out.extend(suppressed.to_le_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [length] = take(bytes)?;
        let (name, rest) = bytes.split_at_checked(usize::from(length))?;
        *bytes = rest;
        let mut all = Typology::ALL.into_iter();
        let typology = match name {
            b"" => None,
            name => Some(all.find(|typology| typology.as_str().as_bytes() == name)?),
        };
        let sent = Self {
            typology,
            sent_ms: i64::from_le_bytes(take(bytes)?),
            until_ms: i64::from_le_bytes(take(bytes)?),
            last_ms: i64::from_le_bytes(take(bytes)?),
            suppressed: u32::from_le_bytes(take(bytes)?),
        };
        let is_sound = sent.sent_ms <= sent.until_ms && sent.until_ms <= sent.last_ms;
        is_sound.then_some(sent)
    }
}

/// Spreads keys the same way on every machine.
fn key_hash(key: &str) -> u64 {
    XxHash3_64::oneshot(key.as_bytes())
}

/// Takes so many bytes off the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
