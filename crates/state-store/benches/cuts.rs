//! How fast a lane's state goes to a directory and comes back, against zstd alone on the same bytes.
//!
//! Sizes are those of keys with 20 rows each. A million of them take a minute to measure; choose by
//! `cargo bench -p tillwatch-state-store -- /100000`.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot set up its parts should stop"
)]

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use tillwatch_records::cut::{Entries, Part, Space};
use tillwatch_state_store::{
    CutHead, LaneId, LaneStore, LaneWriter, Manifest, SourceMark, StateStore,
};

/// Keys of a lane.
const KEYS: [u64; 2] = [100_000, 1_000_000];

/// Entries that leave a lane at once: about a mebibyte.
const CHUNK_KEYS: u64 = 1_700;

/// Rows that a key keeps.
const ROWS: u64 = 20;

fn lane(directory: &std::path::Path) -> LaneStore {
    let store =
        StateStore::open(&directory.to_string_lossy(), []).expect("the directory is writable");
    store.lane(&LaneId {
        group: "bench".to_owned(),
        topics: vec!["auth".to_owned()],
        partition: 0,
    })
}

fn head(offset: i64) -> CutHead {
    CutHead {
        sources: vec![SourceMark {
            topic: "auth".to_owned(),
            offset,
            topic_id: None,
            partitions: None,
        }],
        meaning: "bench".to_owned(),
        models: String::new(),
        made_by: "bench".to_owned(),
        made_at_ms: 0,
    }
}

/// Spreads what follows from a number, the same for the same number.
fn spread(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (mixed >> 32)
}

/// About 600 bytes: a header, then times, amounts and running totals of rows, as a terminal has them.
fn image(key: u64, version: u64, out: &mut Vec<u8>) {
    let mut time_ms = 1_780_000_000_000 + spread(key) % 86_400_000;
    let mut total = spread(key ^ 1) % 10_000_000;
    out.extend_from_slice(&time_ms.to_le_bytes());
    out.extend_from_slice(&(ROWS as u32).to_le_bytes());
    out.extend_from_slice(&(version as u32).to_le_bytes());
    for row in 0..ROWS {
        let random = spread(key.wrapping_mul(64) + row + version);
        time_ms += random % 3_600_000;
        let amount = 100 + (random >> 40) % 20_000;
        total += amount;
        out.extend_from_slice(&time_ms.to_le_bytes());
        out.extend_from_slice(&(amount as u32).to_le_bytes());
        out.extend_from_slice(&total.to_le_bytes());
        out.extend_from_slice(&(978_u16 + u16::from(random.is_multiple_of(50))).to_le_bytes());
        out.extend_from_slice(&(row as u32).to_le_bytes());
        out.extend_from_slice(&[(random % 4) as u8, 0, 1]);
    }
}

/// Writes keys as a cut does; gives the plain bytes.
fn write(writer: &mut LaneWriter, keys: impl Iterator<Item = u64>, version: u64) -> u64 {
    let mut chunk = Entries::default();
    let mut bytes = 0;
    let mut send = |chunk: &mut Entries| {
        bytes += chunk.bytes() as u64;
        writer.chunk(chunk).expect("the directory takes it");
    };
    for key in keys {
        chunk.push(
            Space(0),
            spread(key),
            format!("terminal-{key:08}").as_bytes(),
            |out| {
                image(key, version, out);
            },
        );
        if chunk.len() as u64 == CHUNK_KEYS {
            send(&mut chunk);
        }
    }
    send(&mut chunk);
    bytes
}

fn finish(writer: &mut LaneWriter, offset: i64) -> Manifest {
    let part = Part {
        name: "stage/0".to_owned(),
        bytes: vec![1; 1_000],
    };
    writer
        .finish(&head(offset), &[part])
        .expect("the directory takes it")
}

fn merge(writer: &mut LaneWriter) {
    while writer.merge_due() {
        writer.merge().expect("the directory gives and takes it");
    }
}

fn restore(lane: &LaneStore, manifest: &Manifest) -> u64 {
    let mut bytes = 0;
    let read = lane.entries(manifest, &AtomicU64::new(0), |entry| {
        bytes += black_box(entry.image).map_or(0, <[u8]>::len) as u64;
        ControlFlow::Continue(())
    });
    read.expect("nothing is damaged");
    bytes
}

/// The frames of a cut's runs, as zstd takes them.
fn frames(directory: &std::path::Path, manifest: &Manifest) -> Vec<Vec<u8>> {
    const RUN_HEADER_BYTES: usize = 8;
    const FRAME_HEADER_BYTES: usize = 20;
    let mut frames = Vec::new();
    for run in manifest.runs() {
        let path = directory.join("bench/auth/0").join(&run.object);
        let bytes = std::fs::read(path).expect("the run was written");
        let mut rest = &bytes[RUN_HEADER_BYTES..];
        while let Some((header, after)) = rest.split_at_checked(FRAME_HEADER_BYTES) {
            let packed = u32::from_le_bytes(header[8..12].try_into().expect("four bytes"));
            let (frame, next) = after.split_at(packed as usize);
            frames.push(frame.to_vec());
            rest = next;
        }
    }
    frames
}

fn cuts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state_store");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for keys in KEYS {
        let directory = tempfile::tempdir().expect("there is room for files");
        let lane = lane(directory.path());
        let mut writer = lane.writer(None);
        let bytes = write(&mut writer, 0..keys, 0);
        let scattered = finish(&mut writer, 1);
        group.throughput(Throughput::Bytes(bytes));

        group.bench_function(BenchmarkId::new("write", keys), |bencher| {
            bencher.iter(|| {
                let mut writer = lane.writer(None);
                write(&mut writer, 0..keys, 0);
                finish(&mut writer, 1)
            });
        });
        group.bench_function(BenchmarkId::new("merge", keys), |bencher| {
            bencher.iter(|| merge(&mut lane.writer(Some(scattered.clone()))));
        });
        group.bench_function(BenchmarkId::new("restore/unmerged", keys), |bencher| {
            bencher.iter(|| restore(&lane, &scattered));
        });
        merge(&mut writer);
        write(&mut writer, (0..keys).step_by(100), 1);
        let merged = finish(&mut writer, 2);
        group.bench_function(BenchmarkId::new("restore", keys), |bencher| {
            bencher.iter(|| restore(&lane, &merged));
        });
        let frames = frames(directory.path(), &merged);
        let mut plain = Vec::with_capacity(1 << 20);
        let mut decompressor = zstd::bulk::Decompressor::new().expect("zstd has memory");
        group.bench_function(BenchmarkId::new("zstd", keys), |bencher| {
            bencher.iter(|| {
                for frame in &frames {
                    plain.clear();
                    let read = decompressor.decompress_to_buffer(frame, &mut plain);
                    black_box(read.expect("the frame is whole"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, cuts);
criterion_main!(benches);
