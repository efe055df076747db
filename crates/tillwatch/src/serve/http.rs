//! `/metrics`, `/healthz` and `/readyz`, for whoever reaches the port.
//!
//! Nothing that a client does holds up another client, a lane or the end of the process. Each connection is a
//! task of its own on one thread, has one request, and is cut when its time is over. Bodies are not read.
//! When there are too many connections, the oldest that waits for its client makes room: one whose request is
//! whole is answered first, unless all are such.

mod pages;
mod wanted;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{sleep, timeout};

pub use pages::Pages;

use crate::serve::metrics::Cut;

/// Connections open at once. Far more than probes and scrapes need; each takes a descriptor and at most
/// some 20 KiB.
const CONNECTIONS_MAX: usize = 128;

/// Bytes of a request's line and headers. Scrapes and browsers send less than 2 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Headers of a request.
const HEADERS_MAX: usize = 64;

/// How long a request's line and headers may take to arrive.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// How long a connection may last, until the client has taken its answer. A scrape of many partitions over a
/// slow line takes less.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);

/// What a client still sends is read and thrown away for so long and so much, since closing a connection with
/// bytes unread may take the answer away before the client has read it.
const LINGER_TIME_MAX: Duration = Duration::from_millis(500);
const LINGER_BYTES_MAX: usize = 64 * 1024;

/// A tenth of a lane's share of the processor where both want all of it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How long to wait when the system gives no connection, for want of descriptors mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running server; stops when dropped, without waiting for a client.
pub struct HttpServer {
    address: SocketAddr,
    /// Ends the thread when it is dropped.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

/// An address that is listened on already, and not answered yet.
pub struct BoundAddress(std::net::TcpListener);

impl BoundAddress {
    /// Takes `address`; port 0 lets the system choose one.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }
}

impl HttpServer {
    /// Answers with `pages` on `bound`.
    pub fn start(bound: BoundAddress, pages: Arc<Pages>) -> io::Result<Self> {
        let BoundAddress(listener) = bound;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // Metrics are written out one scrape at a time.
            .max_blocking_threads(1)
            .thread_name("http-metrics")
            .build()?;
        let listener = {
            let _context = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<Infallible>();
        let thread = std::thread::Builder::new()
            .name("http".into())
            .spawn(move || {
                step_back();
                runtime.spawn(accept(listener, pages));
                // Ends with an error when the sender is dropped, which is its purpose.
                let _ = runtime.block_on(stopped);
                runtime.shutdown_background();
            })?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The address that it listens on, with the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its only failure is a panic of its own, which the panic hook has already reported.
            let _ = thread.join();
        }
    }
}

/// Lets lanes come before this thread and those that it starts, so that no flood of requests takes the
/// processor from them. Only Linux gives single threads a priority.
#[cfg(target_os = "linux")]
fn step_back() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "the http thread keeps its priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn step_back() {}

/// Takes connections until the runtime ends.
async fn accept(listener: TcpListener, pages: Arc<Pages>) {
    let mut open = Open::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let is_asked = Arc::new(AtomicBool::new(false));
                let served = serve(stream, Arc::clone(&pages), Arc::clone(&is_asked));
                let task = tokio::spawn(served).abort_handle();
                if open.add(Connection { task, is_asked }) {
                    pages.count_cut(Cut::Crowded);
                }
                // Whoever has sent a whole request is heard before the next one comes.
                yield_now().await;
            }
            Err(error) => {
                // Also when one client went away before it was accepted, which is nobody's trouble.
                tracing::debug!(%error, "no connection to the http port");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection that is served.
struct Connection {
    task: AbortHandle,
    /// Its request is whole, and the answer is being made.
    is_asked: Arc<AtomicBool>,
}

/// Open connections, the oldest first: at most [`CONNECTIONS_MAX`].
#[derive(Default)]
struct Open(VecDeque<Connection>);

impl Open {
    /// Adds a connection; whether another one had to be cut for it.
    fn add(&mut self, connection: Connection) -> bool {
        if self.0.len() >= CONNECTIONS_MAX {
            self.0.retain(|open| !open.task.is_finished());
        }
        let mut cut = false;
        if self.0.len() >= CONNECTIONS_MAX {
            let waits = |open: &Connection| !open.is_asked.load(Ordering::Relaxed);
            let oldest = self.0.iter().position(waits).unwrap_or(0);
            cut = self.0.remove(oldest).is_some_and(|open| {
                open.task.abort();
                true
            });
        }
        self.0.push_back(connection);
        cut
    }
}

/// Serves one request.
async fn serve(stream: TcpStream, pages: Arc<Pages>, is_asked: Arc<AtomicBool>) {
    let service = Answers {
        pages: Arc::clone(&pages),
        is_asked,
    };
    let mut connection = http1::Builder::new()
        .keep_alive(false)
        .half_close(true)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_TIME_MAX, &mut connection).await {
        Ok(Err(error)) if error.is_timeout() => {
            pages.count_cut(Cut::Slow);
        }
        // A request that was refused (with 400 or 431) may have more bytes than were read, as well.
        Ok(_) => linger(connection.into_parts().io.into_inner()).await,
        Err(_) => {
            pages.count_cut(Cut::Slow);
        }
    }
}

/// Lets the client take its answer before the connection is closed.
async fn linger(mut stream: TcpStream) {
    let drain = async {
        let mut scratch = [0; 4096];
        let mut left = LINGER_BYTES_MAX;
        while left > 0 {
            match stream.read(&mut scratch).await {
                Ok(read) if read > 0 => left = left.saturating_sub(read),
                // Closed, or broken: either way nothing more comes.
                _ => break,
            }
        }
    };
    // A client that keeps the connection open has had the time to read.
    let _ = timeout(LINGER_TIME_MAX, drain).await;
}

/// Pages as hyper asks for them.
struct Answers {
    pages: Arc<Pages>,
    /// See [`Connection::is_asked`].
    is_asked: Arc<AtomicBool>,
}

impl Service<Request<Incoming>> for Answers {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (pages, is_asked) = (Arc::clone(&self.pages), Arc::clone(&self.is_asked));
        is_asked.store(true, Ordering::Relaxed);
        // The body is dropped unread.
        let (head, _) = request.into_parts();
        Box::pin(async move {
            let answer = pages.answer(&head).await;
            // From here on the client is waited for, to take it.
            is_asked.store(false, Ordering::Relaxed);
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests;
