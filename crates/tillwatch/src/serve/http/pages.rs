//! Which address gives which answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::http::request;
use hyper::{Method, Response, StatusCode};
use prometheus_client::registry::Registry;

use super::wanted;
use crate::clock;
use crate::serve::health::Health;
use crate::serve::metrics::{Cut, Exporter, Format, Metrics, encode};

/// A scrape so young is given again, so that no flood of scrapes takes the processor from the lanes.
const SCRAPE_AGE_MAX: Duration = Duration::from_millis(100);

const PLAIN: &str = "text/plain; charset=utf-8";

/// Everything that is served.
pub struct Pages {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    registry: Arc<Registry>,
    /// The last scrape of each format. Held while one is made, so that it is made once for all who ask.
    scrapes: tokio::sync::Mutex<[Option<Scrape>; Format::ALL.len()]>,
}

/// Metrics, written out.
#[derive(Clone)]
struct Scrape {
    made: Instant,
    text: Bytes,
}

impl Pages {
    pub fn new(metrics: Arc<Metrics>, health: Arc<Health>) -> Self {
        let exporter = Exporter::new(Arc::clone(&metrics), Arc::clone(&health));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(exporter));
        Self {
            health,
            metrics,
            registry: Arc::new(registry),
            scrapes: tokio::sync::Mutex::default(),
        }
    }

    /// A connection was cut.
    pub(super) fn count_cut(&self, cut: Cut) {
        self.metrics.count_cut(cut);
    }

    /// The answer to a request of which `head` is all that counts.
    pub(super) async fn answer(&self, head: &request::Parts) -> Response<Full<Bytes>> {
        if head.method != Method::GET && head.method != Method::HEAD {
            let text = "only GET and HEAD are answered\n";
            let mut answer = page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, text.into());
            let allowed = HeaderValue::from_static("GET, HEAD");
            answer.headers_mut().insert(ALLOW, allowed);
            return answer;
        }
        match head.uri.path() {
            "/metrics" => self.metrics(head).await,
            "/healthz" => match self.health.alive() {
                Ok(()) => page(StatusCode::OK, PLAIN, "ok\n".into()),
                Err(why) => page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, lines(&[why])),
            },
            "/readyz" => match self.health.ready() {
                Ok(said) => page(StatusCode::OK, PLAIN, lines(&[said])),
                Err(reasons) => page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, lines(&reasons)),
            },
            _ => {
                let text = "try /metrics, /healthz or /readyz\n";
                page(StatusCode::NOT_FOUND, PLAIN, text.into())
            }
        }
    }

    async fn metrics(&self, head: &request::Parts) -> Response<Full<Bytes>> {
        let accept = head.headers.get(hyper::header::ACCEPT);
        let format = wanted::format(accept.and_then(|accept| accept.to_str().ok()));
        match self.scrape(format).await {
            Ok(text) => page(StatusCode::OK, format.content_type(), text),
            Err(error) => {
                let text = lines(&[format!("cannot write the metrics: {error}")]);
                page(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, text)
            }
        }
    }

    /// The metrics as they were at most [`SCRAPE_AGE_MAX`] ago.
    async fn scrape(&self, format: Format) -> Result<Bytes, String> {
        let mut scrapes = self.scrapes.lock().await;
        let kept = &mut scrapes[format as usize];
        if let Some(scrape) = kept
            && clock::now().duration_since(scrape.made) < SCRAPE_AGE_MAX
        {
            return Ok(scrape.text.clone());
        }
        let registry = Arc::clone(&self.registry);
        // On a thread of its own, so that health is told meanwhile.
        let text = tokio::task::spawn_blocking(move || encode(&registry, format)).await;
        let text = text.map_err(|error| error.to_string())?;
        let text = Bytes::from(text.map_err(|error| error.to_string())?);
        *kept = Some(Scrape {
            made: clock::now(),
            text: text.clone(),
        });
        Ok(text)
    }
}

fn page(status: StatusCode, kind: &'static str, text: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(text));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

fn lines<T: AsRef<str>>(said: &[T]) -> Bytes {
    let mut text = String::new();
    for line in said {
        text.push_str(line.as_ref());
        text.push('\n');
    }
    text.into()
}
