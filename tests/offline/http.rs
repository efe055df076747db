//! The HTTP port beside the flow: what strangers send to it costs no record and holds nobody up.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tillwatch_testkit::broker::{Mock, read_all};

use crate::support::{Instance, SOON, Setup, position, score_ids, succeed, tillwatch, wait_for};

const PARTITIONS: i32 = 2;

/// Records of a phase, and how many a second.
const RECORDS: u64 = 1_600;
const RATE: u64 = 400;

/// What a phase with strangers may add to the latency of 99 in 100 records, on a machine that other tests
/// keep busy. Somebody who holds up a lane costs seconds.
const ADDED_MS_MAX: i64 = 1_500;

#[test]
fn strangers_on_the_port_cost_no_record() {
    let names = Setup::new("", "hostile", PARTITIONS).topics();
    let topics: Vec<(&str, i32)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mock = Mock::start(1, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), "hostile", PARTITIONS);
    let instance = Instance::start(&setup.config("tillwatch.toml", ""));
    instance.wait_until_ready();
    feed(&setup, 1);
    setup.wait_until_scored();
    let before = setup.scores().len();

    let address = instance.http_address();
    let stop = Arc::new(AtomicBool::new(false));
    let strangers: Vec<_> = KINDS
        .iter()
        .map(|kind| {
            let (address, stop) = (address.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // A server that cuts a connection is right to.
                    let _ = kind(&address);
                    // What the strangers take of this machine is not what is measured.
                    pause();
                }
            })
        })
        .collect();
    std::thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(&setup, 2));
        while !feeding.is_finished() {
            for path in ["/healthz", "/readyz", "/metrics"] {
                let asked = Instant::now();
                assert_eq!(instance.get(path).0, 200, "{path}");
                assert!(asked.elapsed() < SOON, "{path}: {:?}", asked.elapsed());
            }
        }
    });
    setup.wait_until_scored();
    let scores = setup.scores();
    assert_eq!(score_ids(&scores).len(), 2 * RECORDS as usize);
    assert_eq!(scores.len(), 2 * RECORDS as usize, "none is scored twice");
    assert!(before == RECORDS as usize);
    let [quiet, hostile] = latencies(&setup);
    assert!(
        hostile <= 2 * quiet + ADDED_MS_MAX,
        "99 in 100 records took {quiet} ms, and {hostile} ms beside strangers"
    );
    let cut = instance.metric("tillwatch_http_connections_cut_total{cause=\"crowded\"}");
    assert!(cut.is_some_and(|cut| cut > 0.0), "there were too many");

    // They are still there when the process is told to stop.
    let (status, took) = instance.stop();
    assert!(status.success(), "{status}");
    assert!(took < SOON, "{took:?}");
    stop.store(true, Ordering::Relaxed);
    for stranger in strangers {
        stranger.join().expect("a stranger ends");
    }
}

#[test]
fn a_member_that_gets_no_partition_is_ready() {
    let names = Setup::new("", "alone", 1).topics();
    let topics: Vec<(&str, i32)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mock = Mock::start(1, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), "alone", 1);
    let first = Instance::start(&setup.config("first.toml", ""));
    first.wait_until_ready();
    let second = Instance::start(&setup.config("second.toml", ""));
    second.wait_until_ready();
    wait_for("one to have the partition and one to have none", || {
        let mut counts = [&first, &second].map(|instance| {
            let count = instance.metric("tillwatch_consumer_assigned_partitions");
            (count, instance.get("/readyz"))
        });
        counts.sort_by(|(a, _), (b, _)| a.partial_cmp(b).expect("a number"));
        let [(none, idle), (one, busy)] = counts;
        let said = "ok: no partition is left for this member of the consumer group\n";
        (none, one) == (Some(0.0), Some(1.0))
            && idle == (200, said.to_owned())
            && busy == (200, "ok\n".to_owned())
    });
    assert!(second.stop().0.success());
    assert!(first.stop().0.success());
}

/// Sends [`RECORDS`] at [`RATE`], timed as they are sent.
fn feed(setup: &Setup, seed: u64) {
    succeed(tillwatch().args([
        "simulate",
        "--terminals",
        "500",
        "--brokers",
        &setup.brokers,
        "--topic",
        &setup.topic,
        "--records",
        &RECORDS.to_string(),
        "--rate",
        &RATE.to_string(),
        "--seed",
        &seed.to_string(),
    ]));
}

/// Milliseconds from a record's timestamp to that of its score, the 99th percentile of each half of the
/// records.
fn latencies(setup: &Setup) -> [i64; 2] {
    let mut sent = HashMap::new();
    let mut offsets = vec![0; PARTITIONS as usize];
    for record in read_all(&setup.brokers, &setup.topic, PARTITIONS).expect("the input") {
        let offset = &mut offsets[record.partition as usize];
        let position = format!("{}/{}/{offset}", setup.topic, record.partition);
        sent.insert(position, record.timestamp_ms.expect("it has a time"));
        *offset += 1;
    }
    let mut took: Vec<(i64, i64)> = setup
        .scores()
        .iter()
        .map(|score| {
            let sent_ms = sent[&position(score)];
            (
                sent_ms,
                score.timestamp_ms.expect("it has a time") - sent_ms,
            )
        })
        .collect();
    took.sort_unstable();
    let half = took.len() / 2;
    [&took[..half], &took[half..]].map(|phase| {
        let mut took: Vec<i64> = phase.iter().map(|(_, took)| *took).collect();
        took.sort_unstable();
        took[took.len() * 99 / 100]
    })
}

type Kind = fn(&str) -> std::io::Result<()>;

/// What strangers do, each again and again.
const KINDS: [Kind; 8] = [
    sends_a_byte_at_a_time,
    sends_a_huge_head,
    announces_a_huge_body,
    never_reads,
    sends_many_requests_at_once,
    sends_noise,
    closes_its_side,
    opens_many_connections,
];

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    stream.set_write_timeout(Some(Duration::from_millis(500)))?;
    Ok(stream)
}

fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

fn sends_a_byte_at_a_time(address: &str) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    for byte in b"GET /metrics HTTP/1.1\r\nHost: x\r\n" {
        stream.write_all(&[*byte])?;
        pause();
    }
    Ok(())
}

fn sends_a_huge_head(address: &str) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ")?;
    for _ in 0..64 {
        stream.write_all(&[b'x'; 64 * 1024])?;
    }
    Ok(())
}

fn announces_a_huge_body(address: &str) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000000\r\n\r\nx",
    )?;
    pause();
    stream.write_all(&[b'x'; 64 * 1024])?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map(|_| ())
}

fn never_reads(address: &str) -> std::io::Result<()> {
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(address)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")?;
        held.push(stream);
    }
    std::thread::sleep(Duration::from_secs(1));
    Ok(())
}

fn sends_many_requests_at_once(address: &str) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    let requests = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(500);
    stream.write_all(requests.as_bytes())?;
    pause();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map(|_| ())
}

fn sends_noise(address: &str) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    let mut noise = 0x9e37_79b9_u32;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        noise as u8
    })
    .take(4096)
    .collect();
    stream.write_all(&bytes)?;
    pause();
    Ok(())
}

fn closes_its_side(address: &str) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(b"GET /read")?;
    stream.shutdown(Shutdown::Write)?;
    pause();
    Ok(())
}

fn opens_many_connections(address: &str) -> std::io::Result<()> {
    let held: std::io::Result<Vec<TcpStream>> = (0..200).map(|_| connect(address)).collect();
    std::thread::sleep(Duration::from_millis(300));
    held.map(|_| ())
}
