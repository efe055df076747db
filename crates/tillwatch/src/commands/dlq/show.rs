//! `tillwatch dlq show`: single letters, with card data hidden.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tillwatch_decode::masked;
use tillwatch_sink::{Entry, Fate, Letter};

use super::choice::Choice;
use super::letters::LetterTopic;
use super::{files, words};
use crate::cli::DlqShowArgs;
use crate::clock;
use crate::config::Config;
use crate::log;

/// Bytes of a payload that are shown: what a person reads. `--raw` writes all of it.
const SHOWN_BYTES_MAX: usize = 4096;

/// A letter as it is shown.
#[derive(Serialize)]
struct Shown {
    position: String,
    reason: String,
    detail: String,
    /// The letter itself, as topic/partition/offset.
    letter: String,
    written: String,
    /// The record's own time.
    time: String,
    state: &'static str,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reduced: Option<String>,
    key: Option<String>,
    headers: Vec<(String, Option<String>)>,
    payload_bytes: Option<usize>,
    payload: Option<String>,
    /// Where `--raw` wrote the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

/// Prints the letters that are meant.
pub fn show(args: &DlqShowArgs) -> Result<ExitCode> {
    let config = Config::load(&args.config.config)?;
    log::install(&config.log, &config.notices);
    let choice = Choice::new(&args.choice, &args.positions, clock::unix_ms());
    if let Some(directory) = &args.raw {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let mut letters = LetterTopic::open(&config)?;
    let mut left = args.limit;
    let mut out = std::io::stdout().lock();
    while left > 0
        && let Some((place, entry)) = letters.read_next()?
    {
        let fate = letters.done.fate(place);
        let Entry::Letter(letter) = entry else {
            continue;
        };
        if !choice.takes(&letter) || (args.open && fate.is_some()) {
            continue;
        }
        left -= 1;
        // What is printed takes the place of the progress.
        letters.finish();
        let mut shown = Shown::of(&letter, fate, &letters.name);
        if let Some(directory) = &args.raw {
            shown.file = files::write(directory, &letter)?;
            if shown.file.is_none() {
                eprintln!(
                    "{} is there already and was left alone",
                    files::name(&letter)
                );
            }
        }
        if args.json {
            serde_json::to_writer(&mut out, &shown)?;
            writeln!(out)?;
        } else {
            shown.print(&mut out)?;
        }
    }
    letters.finish();
    if left == args.limit {
        eprintln!("no such letter in {}", letters.name);
    }
    Ok(ExitCode::SUCCESS)
}

impl Shown {
    fn of(letter: &Letter, fate: Option<Fate>, topic: &str) -> Self {
        let (partition, offset) = letter.place;
        let headers = letter.headers.iter();
        let reduced = letter.reduced.as_ref();
        Self {
            position: letter.position(),
            reason: visible(letter.reason.as_bytes()),
            detail: visible(letter.detail.as_bytes()),
            letter: format!("{topic}/{partition}/{offset}"),
            written: words::time(letter.written_ms),
            time: words::time(letter.timestamp_ms),
            state: fate.map_or("open", Fate::as_str),
            attempts: letter.attempts,
            origin: letter
                .origin
                .as_ref()
                .map(|origin| visible(origin.as_bytes())),
            reduced: reduced.map(|reduced| {
                let bytes = reduced.payload_bytes.unwrap_or(0);
                let digest = reduced.payload_sha256.as_deref().unwrap_or("-");
                let text = format!(
                    "{}; payload of {bytes} bytes, SHA-256 {digest}",
                    reduced.why
                );
                visible(text.as_bytes())
            }),
            key: letter.key.as_deref().map(visible),
            headers: headers
                .map(|(name, value)| (visible(name.as_bytes()), value.as_deref().map(visible)))
                .collect(),
            payload_bytes: letter.payload.as_ref().map(Vec::len),
            payload: letter.payload.as_deref().map(visible),
            file: None,
        }
    }

    fn print(&self, out: &mut impl std::io::Write) -> Result<()> {
        writeln!(out, "{}", self.position)?;
        writeln!(out, "  reason    {}: {}", self.reason, self.detail)?;
        writeln!(out, "  state     {}", self.state)?;
        writeln!(out, "  record    {}", self.time)?;
        writeln!(out, "  letter    {}, written {}", self.letter, self.written)?;
        if let Some(origin) = &self.origin {
            writeln!(out, "  attempts  {}, at first {origin}", self.attempts)?;
        }
        if let Some(reduced) = &self.reduced {
            writeln!(out, "  reduced   {reduced}")?;
        }
        writeln!(
            out,
            "  key       {}",
            self.key.as_deref().unwrap_or("(none)")
        )?;
        for (name, value) in &self.headers {
            let value = value.as_deref().unwrap_or("(none)");
            writeln!(out, "  header    {name}: {value}")?;
        }
        match (self.payload_bytes, &self.payload) {
            (Some(bytes), Some(payload)) => writeln!(out, "  payload   {bytes} bytes\n{payload}")?,
            _ => writeln!(out, "  payload   (none)")?,
        }
        if let Some(file) = &self.file {
            writeln!(
                out,
                "  file      {}, with card data if there is any",
                file.display()
            )?;
        }
        writeln!(out)?;
        Ok(())
    }
}

/// `bytes` for a person, with card data hidden; the beginning where there are many.
fn visible(bytes: &[u8]) -> String {
    let Some(mut text) = masked(bytes) else {
        return format!("({} bytes that are not text)", bytes.len());
    };
    if text.len() > SHOWN_BYTES_MAX {
        let end = (0..=SHOWN_BYTES_MAX)
            .rev()
            .find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push_str(" …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::dlq::choice::tests::letter;

    #[test]
    fn card_data_is_hidden_wherever_it_stands() {
        let mut letter = letter(3, 42, Some(1_000), "pan_in_clear");
        let number = b"4111111111111111".to_vec();
        letter.key = Some(number.clone());
        letter.payload = Some(number.clone());
        letter.headers = vec![("card".to_owned(), Some(number))];
        let shown = Shown::of(&letter, Some(Fate::Sent), "letters");
        let mut text = Vec::new();
        shown.print(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let json = serde_json::to_string(&shown).unwrap();
        for text in [&text, &json] {
            assert!(!text.contains("4111"), "{text}");
            assert!(text.contains("transactions/3/42") && text.contains("letters/0/42"));
            assert!(text.contains("sent"), "{text}");
        }
    }

    #[test]
    fn long_and_binary_payloads_are_not_printed_whole() {
        let long = visible("ä".repeat(SHOWN_BYTES_MAX).as_bytes());
        assert!(long.len() < SHOWN_BYTES_MAX + 8 && long.ends_with(" …"));
        assert_eq!(visible(&[0x41, 0x11, 0x11]), "(3 bytes that are not text)");
    }
}
