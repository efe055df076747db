use tillwatch_kafka::Properties;
use tillwatch_records::Ticket;

use super::*;
use crate::inlet::Taken;
use crate::position::Position;

/// Notes every call, takes everything at once and keeps the tickets.
#[derive(Default)]
struct Host {
    positions: Mutex<BTreeMap<i32, Position>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Calls, and batches as `live 0+10` or `replay 0+10`: first offset and records.
    calls: Vec<String>,
    inlets: BTreeMap<i32, Arc<Inlet>>,
    tickets: Vec<(i32, i64, Ticket)>,
    /// The host settles these in their last call.
    settles_late: bool,
}

impl Host {
    fn note(&self, call: &str, inlet: &Inlet) {
        let partition = inlet.source().partition;
        self.seen.lock().calls.push(format!("{call} {partition}"));
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().calls)
    }

    fn inlet(&self, partition: i32) -> Arc<Inlet> {
        Arc::clone(&self.seen.lock().inlets[&partition])
    }

    /// The held tickets of `partition` with their batches' first offsets, oldest first.
    fn tickets(&self, partition: i32) -> Vec<(i64, Ticket)> {
        let mut seen = self.seen.lock();
        let held = std::mem::take(&mut seen.tickets);
        let (of_partition, others) = held.into_iter().partition(|held| held.0 == partition);
        seen.tickets = others;
        let of_partition: Vec<(i32, i64, Ticket)> = of_partition;
        of_partition
            .into_iter()
            .map(|(_, offset, ticket)| (offset, ticket))
            .collect()
    }
}

impl LaneHost for Host {
    fn assigned(&self, inlet: &Arc<Inlet>) -> Position {
        self.note("assigned", inlet);
        let partition = inlet.source().partition;
        self.seen.lock().inlets.insert(partition, Arc::clone(inlet));
        let position = self.positions.lock().get(&partition).copied();
        position.unwrap_or(Position::Committed)
    }

    fn located(&self, inlet: &Arc<Inlet>, offset: Option<i64>) {
        self.note(&format!("located at {offset:?}"), inlet);
    }

    fn ready(&self, inlet: &Arc<Inlet>) {
        self.note("ready", inlet);
        let partition = inlet.source().partition;
        while let Some(taken) = inlet.take() {
            let mut seen = self.seen.lock();
            let (kind, batch) = match taken {
                Taken::Live(batch, ticket) => {
                    let first = batch.get(0).offset;
                    seen.tickets.push((partition, first, ticket));
                    ("live", batch)
                }
                Taken::Replay(batch) => ("replay", batch),
            };
            let (first, records) = (batch.get(0).offset, batch.len());
            seen.calls.push(format!("{kind} {first}+{records}"));
        }
    }

    fn last_call(&self, inlet: &Arc<Inlet>) {
        self.note("last call", inlet);
        let settles_late = self.seen.lock().settles_late;
        if settles_late {
            drop(self.tickets(inlet.source().partition));
        }
    }

    fn revoked(&self, inlet: &Arc<Inlet>) {
        self.note("revoked", inlet);
    }

    fn lost(&self, inlet: &Arc<Inlet>) {
        self.note("lost", inlet);
    }
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("payments", number)
}

/// A source of two partitions of 20 records, and its host.
fn setup(positions: &[(i32, Position)]) -> (MemorySource, Arc<Host>) {
    let host = Arc::new(Host::default());
    *host.positions.lock() = positions.iter().copied().collect();
    let mut settings = ConsumerSettings::new(vec!["t".to_owned()], "g", Properties::default());
    settings.batch_records_max = 10;
    let mut source = MemorySource::new(&settings, Arc::<Host>::clone(&host));
    for number in 0..2 {
        append(&mut source, number, 0..20);
    }
    (source, host)
}

fn append(source: &mut MemorySource, number: i32, offsets: std::ops::Range<i64>) {
    for offset in offsets {
        let record = MemoryRecord {
            offset,
            timestamp_ms: Some(1_700_000_000_000 + offset),
            key: Some(b"terminal".to_vec()),
            payload: Some(format!("{number}:{offset}").into_bytes()),
            headers: vec![("kind".to_owned(), None)],
        };
        source.append(&partition(number), record);
    }
}

#[test]
fn hands_out_commits_and_gives_up_in_order() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        ["assigned 0", "ready 0", "live 0+10", "live 10+10"]
    );
    source.revoke(&[partition(0)], || {
        assert!(host.inlet(0).is_closed(), "closed before it drains");
        assert!(host.calls().is_empty(), "and drained before anything else");
        drop(host.tickets(0));
    });
    assert_eq!(host.calls(), ["last call 0", "revoked 0"]);
    assert_eq!(source.commits(), [(partition(0), 20)]);
    // Whoever comes next begins there.
    append(&mut source, 0, 20..25);
    source.assign(&partition(0));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["assigned 0", "ready 0", "live 20+5"]);
}

#[test]
fn the_last_commit_comes_after_the_last_call() {
    let (mut source, host) = setup(&[]);
    host.seen.lock().settles_late = true;
    source.assign(&partition(0));
    source.turn().unwrap();
    source.revoke(&[partition(0)], || {});
    assert_eq!(source.committed(&partition(0)), Some(20));
}

#[test]
fn what_is_not_settled_when_a_partition_leaves_is_read_again() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    source.turn().unwrap();
    let mut tickets = host.tickets(0);
    let late = tickets.pop().unwrap();
    source.revoke(&[partition(0)], || drop(tickets));
    drop(late);
    assert_eq!(source.committed(&partition(0)), Some(10));
    host.calls();
    source.assign(&partition(0));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["assigned 0", "ready 0", "live 10+10"]);
}

#[test]
fn only_the_settled_prefix_is_committed() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    source.turn().unwrap();
    let mut tickets = host.tickets(0);
    drop(tickets.pop());
    source.commit();
    assert_eq!(source.commits(), []);
    drop(tickets);
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(0), 20)]);
}

#[test]
fn a_partition_that_is_not_begun_waits_while_the_other_flows() {
    let (mut source, host) = setup(&[(1, Position::NotYet)]);
    source.assign(&partition(0));
    source.assign(&partition(1));
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        [
            "assigned 0",
            "assigned 1",
            "located at None 1",
            "ready 0",
            "live 0+10",
            "live 10+10"
        ]
    );
    host.inlet(1).begin(Position::From(15));
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), ["ready 1", "live 15+5"]);
    // A partition that was never begun leaves like any other.
    source.revoke(&[partition(0), partition(1)], || {
        drop((host.tickets(0), host.tickets(1)));
    });
    assert_eq!(source.commits(), [(partition(0), 20), (partition(1), 20)]);
    host.calls();
    source.assign(&partition(1));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["assigned 1", "located at Some(20) 1"]);
    source.revoke(&[partition(1)], || {});
    assert_eq!(host.calls(), ["last call 1", "revoked 1"]);
    assert_eq!(source.commits().len(), 2);
}

#[test]
fn a_replay_goes_live_and_commits_neither_below_nor_inside() {
    let replay = Position::Replay { from: 3, live: 14 };
    let (mut source, host) = setup(&[(0, replay)]);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        [
            "assigned 0",
            "ready 0",
            "replay 3+10",
            "replay 13+1",
            "live 14+6"
        ]
    );
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), []);
    drop(host.tickets(0));
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(0), 20)]);
}

#[test]
fn a_partition_that_leaves_in_its_replay_commits_nothing() {
    let replay = Position::Replay { from: 0, live: 30 };
    let (mut source, host) = setup(&[(0, replay)]);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    source.revoke(&[partition(0)], || {});
    assert_eq!(source.commits(), []);
    assert!(host.tickets(0).is_empty());
}

#[test]
fn a_replay_whose_beginning_is_gone_begins_at_what_is_left() {
    let (mut source, host) = setup(&[(0, Position::Replay { from: 0, live: 10 })]);
    source.forget_before(&partition(0), 8);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        ["assigned 0", "ready 0", "replay 8+2", "live 10+10"]
    );
}

#[test]
fn a_failed_batch_ends_the_run_and_nothing_from_it_on_is_committed() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    source.turn().unwrap();
    let tickets = host.tickets(0);
    tickets[1].1.fail();
    drop(tickets);
    let error = source.turn().unwrap_err();
    assert!(
        matches!(error, ConsumerError::Delivery { offset: 10, .. }),
        "{error}"
    );
    source.revoke(&[partition(0)], || {});
    assert_eq!(source.commits(), [(partition(0), 10)]);
}

#[test]
fn a_refused_commit_is_asked_for_again() {
    let (mut source, host) = setup(&[]);
    source.answer_commits(Answering::Refuse);
    source.assign(&partition(0));
    source.turn().unwrap();
    drop(host.tickets(0));
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), []);
    assert_eq!(source.monitor().stats().commits_failed, 1);
    source.answer_commits(Answering::Store);
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(0), 20)]);
}

#[test]
fn outputs_that_are_taken_back_end_the_run_and_are_made_again() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    source.turn().unwrap();
    let mut tickets = host.tickets(0);
    drop(tickets.remove(0));
    source.commit();
    source.turn().unwrap();
    source.answer_commits(Answering::Abandon);
    drop(tickets);
    source.commit();
    let error = source.turn().unwrap_err();
    assert!(
        matches!(error, ConsumerError::Abandoned { offset: 10, .. }),
        "{error}"
    );
    // Not even the last commit stores what was taken back.
    source.answer_commits(Answering::Store);
    source.revoke(&[partition(0)], || {});
    assert_eq!(source.commits(), [(partition(0), 10)]);
}

#[test]
fn a_lost_partition_has_no_last_call_and_no_commit() {
    let (mut source, host) = setup(&[]);
    source.answer_commits(Answering::Silence);
    source.assign(&partition(0));
    source.assign(&partition(1));
    source.turn().unwrap();
    drop((host.tickets(0), host.tickets(1)));
    source.commit();
    host.calls();
    source.lose(&[partition(0)]);
    assert_eq!(host.calls(), ["lost 0"]);
    assert!(host.inlet(0).is_closed());
    // What was asked for of it is abandoned; the other partition's is stored.
    source.answer_commits(Answering::Store);
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(1), 20)]);
}

#[test]
fn records_arrive_whole() {
    let (mut source, host) = setup(&[(0, Position::From(19))]);
    source.assign(&partition(0));
    let (told, inlet) = (source.pump.take_told(), host.inlet(0));
    assert_eq!(told, [(partition(0), Begin::At(19))]);
    let feed = source.pump.feed_of(&partition(0)).unwrap();
    feed.next = Some(19);
    // Past the host, which would take the record.
    assert!(feed.pour(&inlet, &mut Vec::new(), &mut Vec::new()));
    let Some(Taken::Live(batch, _ticket)) = inlet.take() else {
        panic!("a record waits");
    };
    let record = batch.get(0);
    assert_eq!((record.offset, batch.len()), (19, 1));
    assert_eq!(record.timestamp_ms, Some(1_700_000_000_019));
    assert_eq!(record.key, Some(&b"terminal"[..]));
    assert_eq!(record.payload, Some(&b"0:19"[..]));
    assert_eq!(record.headers().collect::<Vec<_>>(), [("kind", None)]);
}
