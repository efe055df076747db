use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use tillwatch_consumer::Monitor;
use tillwatch_records::TopicPartition;
use tillwatch_sink::MemorySink;

use super::*;
use crate::clock;
use crate::serve::health::Health;
use crate::serve::metrics::Metrics;

/// Whoever has done nothing wrong is answered within this, whatever others do.
const SOON: Duration = Duration::from_secs(2);

struct Served {
    server: HttpServer,
    metrics: Arc<Metrics>,
}

impl Served {
    fn start() -> Self {
        let metrics = Arc::new(Metrics::default());
        let health = Health::new(
            Arc::new(Monitor::default()),
            Arc::new(MemorySink::new()),
            Arc::default(),
        );
        let pages = Pages::new(Arc::clone(&metrics), Arc::new(health));
        let bound = BoundAddress::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let server = HttpServer::start(bound, Arc::new(pages)).unwrap();
        Self { server, metrics }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.address()).unwrap();
        stream
            .set_read_timeout(Some(4 * CONNECTION_TIME_MAX))
            .unwrap();
        stream
    }

    /// Everything that comes back for `request`.
    fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may answer and close before it was sent everything.
        let _ = stream.write_all(request);
        answer(&mut stream)
    }

    /// An orderly client is answered soon.
    fn assert_answers(&self, beside: &str) {
        let asked = clock::now();
        for (path, code) in [("/healthz", "200"), ("/readyz", "503"), ("/metrics", "200")] {
            let said = self.ask(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
            let line = said.lines().next().unwrap_or_default();
            assert!(line.contains(code), "{path} beside {beside}: {line:?}");
        }
        let took = clock::now().duration_since(asked);
        assert!(took < SOON, "{took:?} beside {beside}");
    }
}

fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn pages_have_status_type_and_body() {
    let served = Served::start();
    let said = served.ask(b"GET /healthz HTTP/1.0\r\n\r\n");
    assert!(said.starts_with("HTTP/1.0 200 OK\r\n"), "{said}");
    assert!(said.ends_with("\r\n\r\nok\n"), "{said}");
    let said = served.ask(b"GET /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
    assert!(
        said.contains("no broker answers") && said.contains("assign partitions"),
        "{said}"
    );
    assert!(said.contains("connection: close"), "{said}");
    let said = served.ask(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 404 "), "{said}");
    let said = served.ask(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    assert!(
        said.starts_with("HTTP/1.1 405 ") && said.contains("allow: GET, HEAD"),
        "{said}"
    );
    let said = served.ask(b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        said.starts_with("HTTP/1.1 200 ") && said.ends_with("\r\n\r\n"),
        "{said}"
    );
}

#[test]
fn metrics_come_in_the_format_that_is_asked_for() {
    let served = Served::start();
    let said = served.ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        said.contains("content-type: text/plain; version=0.0.4"),
        "{said}"
    );
    assert!(!said.contains("# EOF"), "{said}");
    let request =
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\n";
    let said = served.ask(request);
    assert!(
        said.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{said}"
    );
    assert!(said.ends_with("# EOF\n"), "{said}");
}

#[test]
fn bodies_are_neither_awaited_nor_kept() {
    let served = Served::start();
    let announced: [&[u8]; 4] = [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000000\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\nabc",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ];
    for request in announced {
        let shown = String::from_utf8_lossy(request).into_owned();
        let asked = clock::now();
        let said = served.ask(request);
        let status = said.split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(
            status == "200" || status.starts_with('4'),
            "{shown}: {said}"
        );
        assert!(clock::now().duration_since(asked) < SOON, "{shown}");
        served.assert_answers(&shown);
    }
    // A body of many megabytes that does come is not read to its end.
    let mut request =
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 64000000\r\n\r\n".to_vec();
    request.resize(request.len() + 64_000_000, b'x');
    let asked = clock::now();
    served.ask(&request);
    assert!(clock::now().duration_since(asked) < 2 * SOON);
    served.assert_answers("a large body");
}

#[test]
fn a_head_that_is_too_large_or_no_head_is_refused() {
    let served = Served::start();
    let long = "x".repeat(8 * HEAD_BYTES_MAX);
    let many = "A: b\r\n".repeat(HEADERS_MAX + 1);
    for (request, code) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), "4"),
        (format!("GET / HTTP/1.1\r\nHost: {long}\r\n\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\n{many}\r\n"), "431"),
        ("\u{16}\u{3}\u{1}\0\u{ff}\u{1}\0\0".to_owned(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), ""),
        ("GET /metrics\r\n\r\n".to_owned(), "400"),
        ("\r\n\r\n\r\n".repeat(100), ""),
        (String::new(), ""),
    ] {
        let mut stream = served.connect();
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        let said = answer(&mut stream);
        let status = said.split(' ').nth(1).unwrap_or_default();
        let shown = &request[..request.len().min(40)];
        assert!(status.starts_with(code), "{shown:?}: {said:?}");
        served.assert_answers(shown);
    }
}

#[test]
fn a_client_that_closes_its_side_gets_its_answer() {
    let served = Served::start();
    let mut stream = served.connect();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let said = answer(&mut stream);
    assert!(said.ends_with("ok\n"), "{said}");
}

#[test]
fn the_first_of_many_pipelined_requests_is_answered() {
    let served = Served::start();
    let requests = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2_000);
    let said = served.ask(requests.as_bytes());
    assert_eq!(
        said.matches("HTTP/1.1 200").count(),
        1,
        "one request a connection"
    );
    served.assert_answers("pipelined requests");
}

#[test]
fn clients_that_wait_hold_up_neither_others_nor_the_end() {
    let served = Served::start();
    // Enough partitions for an answer that no socket's buffers hold.
    for partition in 0..20_000 {
        served
            .metrics
            .lane(&TopicPartition::new("transactions", partition));
    }
    let mut held: Vec<TcpStream> = Vec::new();
    for request in [
        "",
        "GET /metr",
        "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        for _ in 0..10 {
            let mut stream = served.connect();
            stream.write_all(request.as_bytes()).unwrap();
            held.push(stream);
        }
    }
    let asked = clock::now();
    let said = served.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(said.ends_with("ok\n"), "{said}");
    assert!(clock::now().duration_since(asked) < SOON);
    let ending: Instant = clock::now();
    drop(served);
    assert!(clock::now().duration_since(ending) < SOON);
    drop(held);
}

#[test]
fn a_client_that_is_too_slow_is_cut() {
    let served = Served::start();
    let mut stream = served.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    let began = clock::now();
    answer(&mut stream);
    let took = clock::now().duration_since(began);
    assert!(took < HEAD_TIME_MAX + SOON, "{took:?}");
    assert_eq!(served.metrics.cuts(Cut::Slow), 1);
}

#[test]
fn the_newest_of_too_many_clients_is_answered() {
    let served = Served::start();
    let held: Vec<TcpStream> = (0..2 * CONNECTIONS_MAX).map(|_| served.connect()).collect();
    served.assert_answers("many connections");
    let cut = served.metrics.cuts(Cut::Crowded);
    assert!(cut >= CONNECTIONS_MAX as u64, "{cut}");
    drop(held);
    served.assert_answers("connections that have gone");
}
