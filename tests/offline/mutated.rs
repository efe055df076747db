//! `score` and `check --sample` over files with bytes changed at random: they end as documented, soon, and
//! say nothing of what stands in rows. Seeded, so that what fails fails again.

use std::process::Output;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::score_files::place::Files;
use crate::support::tillwatch;

/// What every value of a row has in it, and no name.
const VALUE: &str = "Zq7xWv";

const FILES: u64 = 25;

/// Far longer than a file of some kilobytes takes, also where other tests keep the machine busy.
const TIME_MAX: Duration = Duration::from_secs(60);

fn rows() -> String {
    let rows = (0..30).map(|row| {
        format!(
            "{VALUE}{row},{},{VALUE}A,{VALUE}M,{VALUE}T{},{},EUR,{VALUE}\n",
            1_767_600_000_000_i64 + 1_000 * row,
            row % 4,
            100 + row
        )
    });
    let header =
        "event_id,event_time,acquirer_id,merchant_id,terminal_id,amount_minor,currency,mcc\n";
    header.to_owned() + &rows.collect::<String>()
}

/// The rows as JSON lines.
fn json_lines(csv: &str) -> String {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let object = |line: &str| {
        let members = names.iter().zip(line.split(','));
        let members: Vec<String> = members.map(|(n, v)| format!("\"{n}\":\"{v}\"")).collect();
        format!("{{{}}}\n", members.join(","))
    };
    lines.map(object).collect()
}

fn change(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..5) {
        let at = rng.random_range(0..bytes.len());
        let end = (at + rng.random_range(1..30)).min(bytes.len());
        match rng.random_range(0..4) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = b"\"\\,;{}\n\0\xff"[rng.random_range(0..9)],
            2 => drop(bytes.drain(at..end)),
            _ => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}

/// Ends with one of `codes`, and says no value.
fn assert_ends(output: &Output, started: Instant, codes: [i32; 2], what: &str) {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let code = output.status.code();
    assert!(
        code.is_some_and(|code| codes.contains(&code)),
        "{what}: {code:?}\n{said}"
    );
    assert!(!said.contains(VALUE), "{what} shows a value:\n{said}");
    assert!(
        started.elapsed() < TIME_MAX,
        "{what}: {:?}",
        started.elapsed()
    );
}

#[test]
fn changed_files_are_read_or_refused_in_order() {
    let files = Files::new("");
    let csv = rows();
    let jsonl = json_lines(&csv);
    let packed = zstd::encode_all(csv.as_bytes(), 1).expect("it is memory");
    let kinds = [
        ("in.csv", csv.as_bytes()),
        ("in.jsonl", jsonl.as_bytes()),
        ("in", csv.as_bytes()),
        ("in.csv.zst", &packed),
    ];
    for ((name, whole), seed) in kinds.into_iter().zip(0..) {
        for file in 0..FILES {
            let mut bytes = whole.to_vec();
            change(
                &mut bytes,
                &mut ChaCha8Rng::seed_from_u64(seed << 32 | file),
            );
            files.write(name, &bytes);
            let what = format!("file {file} of {name}");
            let command = |args: &[&str]| {
                let mut command = tillwatch();
                command.current_dir(files.setup.directory.path());
                command.args(args).arg("--config").arg(&files.config);
                command.output().expect("it runs")
            };
            let started = Instant::now();
            let scored = command(&["score", "--input", name, "--output", "out.parquet"]);
            assert_ends(&scored, started, [0, 1], &what);
            let started = Instant::now();
            let checked = command(&["check", "--offline", "--sample", name]);
            assert_ends(&checked, started, [0, 3], &what);
        }
    }
}
