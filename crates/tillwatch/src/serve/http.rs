//! `/metrics`, `/healthz` and `/readyz`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use prometheus_client::registry::Registry;
use tiny_http::{Header, Method, Request, Response, Server};

use crate::serve::health::Health;
use crate::serve::metrics::{Exporter, Metrics};

/// A running server; stops when dropped.
pub struct HttpServer {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Listens on `address`.
    pub fn start(
        address: SocketAddr,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) -> io::Result<Self> {
        let server = Arc::new(Server::http(address).map_err(io::Error::other)?);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Exporter(metrics)));
        let listener = Arc::clone(&server);
        let thread = std::thread::Builder::new()
            .name("http".into())
            .spawn(move || {
                for request in listener.incoming_requests() {
                    answer(request, &registry, &health);
                }
            })?;
        Ok(Self {
            server,
            thread: Some(thread),
        })
    }

    /// The address that it listens on, with the port that the system chose for port 0.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.server_addr().to_ip()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            // Its only failure is a panic of its own, which the panic hook has already reported.
            let _ = thread.join();
        }
    }
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

fn answer(request: Request, registry: &Registry, health: &Health) {
    let path = request.url().split('?').next().unwrap_or_default();
    let (status, kind, body) = match (request.method(), path) {
        (Method::Get | Method::Head, "/metrics") => {
            let mut text = String::new();
            match prometheus_client::encoding::text::encode(&mut text, registry) {
                Ok(()) => (200, OPENMETRICS, text),
                Err(error) => (500, PLAIN, format!("cannot encode metrics: {error}\n")),
            }
        }
        (Method::Get | Method::Head, "/healthz") => verdict(health.alive()),
        (Method::Get | Method::Head, "/readyz") => verdict(health.ready()),
        (Method::Get | Method::Head, _) => {
            (404, PLAIN, "try /metrics, /healthz or /readyz\n".to_owned())
        }
        _ => (405, PLAIN, "only GET is answered\n".to_owned()),
    };
    let mut response = Response::from_string(body).with_status_code(status);
    if let Ok(header) = Header::from_bytes("Content-Type", kind) {
        response.add_header(header);
    }
    // The client went away; there is nobody to tell.
    let _ = request.respond(response);
}

fn verdict(state: Result<(), String>) -> (u16, &'static str, String) {
    match state {
        Ok(()) => (200, PLAIN, "ok\n".to_owned()),
        Err(why) => (503, PLAIN, format!("{why}\n")),
    }
}
