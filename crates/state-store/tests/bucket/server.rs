//! As much of S3 as snapshots need, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;
use url::Url;

/// A server with one bucket. Its threads end with the process.
pub struct Server {
    address: String,
    bucket: Arc<Mutex<Bucket>>,
}

#[derive(Default)]
struct Bucket {
    /// Bytes, and how many objects were written before.
    objects: BTreeMap<String, (Vec<u8>, u32)>,
    written: u32,
    /// What every request is answered with, if anything.
    status: Option<u16>,
    /// `Authorization` of each request.
    signatures: Vec<String>,
}

struct Request {
    method: String,
    /// Below the bucket.
    key: String,
    query: BTreeMap<String, String>,
    /// By names in small letters.
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let bucket = Arc::<Mutex<Bucket>>::default();
        let shared = Arc::clone(&bucket);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let bucket = Arc::clone(&shared);
                // The client has gone: nobody is to be told.
                std::thread::spawn(move || drop(serve(&stream, &bucket)));
            }
        });
        Self { address, bucket }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn answer_always(&self, status: u16) {
        self.bucket.lock().status = Some(status);
    }

    pub fn keys(&self) -> Vec<String> {
        self.bucket.lock().objects.keys().cloned().collect()
    }

    pub fn signatures(&self) -> Vec<String> {
        self.bucket.lock().signatures.clone()
    }
}

fn serve(stream: &TcpStream, bucket: &Mutex<Bucket>) -> Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader)? {
        let head_alone = request.method == "HEAD";
        let answer = bucket.lock().answer(&request);
        answer.write(stream, head_alone)?;
    }
    Ok(())
}

impl Request {
    /// The next one; `None` when the client has closed the connection.
    fn read(reader: &mut BufReader<&TcpStream>) -> Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let url = Url::parse(&format!("http://bucket{target}")).unwrap();
        let key = url.path().trim_start_matches("/bucket");
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length");
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body)?;
        Ok(Some(Self {
            method: method.to_owned(),
            key: key.trim_start_matches('/').to_owned(),
            query: url.query_pairs().into_owned().collect(),
            headers,
            body,
        }))
    }
}

impl Bucket {
    fn answer(&mut self, request: &Request) -> Answer {
        let signature = request.headers.get("authorization");
        self.signatures.extend(signature.cloned());
        if let Some(status) = self.status {
            return Answer::empty(status);
        }
        match request.method.as_str() {
            "PUT" => self.put(request),
            "POST" if request.query.contains_key("delete") => self.delete(request),
            "GET" if request.query.contains_key("list-type") => self.list(request),
            "GET" | "HEAD" => self.get(request),
            _ => Answer::empty(501),
        }
    }

    fn put(&mut self, request: &Request) -> Answer {
        let must_be_new = request.headers.contains_key("if-none-match");
        if must_be_new && self.objects.contains_key(&request.key) {
            return Answer::empty(412);
        }
        let object = (request.body.clone(), self.written);
        self.objects.insert(request.key.clone(), object);
        self.written += 1;
        let mut answer = Answer::empty(200);
        answer.headers.push(("ETag", tag(&request.body)));
        answer
    }

    fn get(&self, request: &Request) -> Answer {
        let Some((bytes, at)) = self.objects.get(&request.key) else {
            return Answer::empty(404);
        };
        let modified = format!("Mon, 30 Nov 2026 {} GMT", time(*at));
        let mut headers = vec![("ETag", tag(bytes)), ("Last-Modified", modified)];
        let range = request.headers.get("range");
        let range = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let Some((from, to)) = range else {
            return Answer {
                status: 200,
                headers,
                body: bytes.clone(),
            };
        };
        let from: usize = from.parse().unwrap();
        let to = bytes.len().min(to.parse::<usize>().unwrap() + 1);
        if from >= to {
            return Answer::empty(416);
        }
        let range = format!("bytes {from}-{}/{}", to - 1, bytes.len());
        headers.push(("Content-Range", range));
        Answer {
            status: 206,
            headers,
            body: bytes[from..to].to_vec(),
        }
    }

    fn list(&self, request: &Request) -> Answer {
        let empty = String::new();
        let prefix = request.query.get("prefix").unwrap_or(&empty);
        let is_flat = !request.query.contains_key("delimiter");
        let (mut contents, mut directories) = (String::new(), BTreeSet::new());
        for (key, (bytes, at)) in &self.objects {
            let Some(rest) = key.strip_prefix(prefix.as_str()) else {
                continue;
            };
            match rest.split_once('/') {
                Some((directory, _)) if !is_flat => {
                    directories.insert(format!("{prefix}{directory}/"));
                }
                _ => contents.push_str(&format!(
                    "<Contents><Key>{key}</Key><LastModified>2026-11-30T{}.000Z</LastModified>\
                     <ETag>{}</ETag><Size>{}</Size></Contents>",
                    time(*at),
                    tag(bytes).replace('"', "&quot;"),
                    bytes.len()
                )),
            }
        }
        let directories = directories.iter().map(|directory| {
            format!("<CommonPrefixes><Prefix>{directory}</Prefix></CommonPrefixes>")
        });
        let directories: String = directories.collect();
        Answer::xml(&format!(
            "<ListBucketResult>{contents}{directories}</ListBucketResult>"
        ))
    }

    fn delete(&mut self, request: &Request) -> Answer {
        let body = String::from_utf8_lossy(&request.body);
        let keys = body.split("<Key>").skip(1);
        let keys = keys.filter_map(|rest| rest.split("</Key>").next());
        let mut deleted = String::new();
        for key in keys {
            self.objects.remove(key);
            deleted.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
        }
        Answer::xml(&format!("<DeleteResult>{deleted}</DeleteResult>"))
    }
}

impl Answer {
    fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn xml(text: &str) -> Self {
        Self {
            status: 200,
            headers: vec![("Content-Type", "application/xml".to_owned())],
            body: text.as_bytes().to_vec(),
        }
    }

    fn write(&self, mut stream: &TcpStream, head_alone: bool) -> Result<()> {
        let mut head = format!("HTTP/1.1 {} x\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        stream.write_all(head.as_bytes())?;
        if !head_alone {
            stream.write_all(&self.body)?;
        }
        Ok(())
    }
}

/// A second for each object that was written.
fn time(written: u32) -> String {
    let (minute, second) = (written / 60, written % 60);
    format!("08:{minute:02}:{second:02}")
}

/// Differs where the bytes do, nearly always.
fn tag(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    format!("\"{sum:016x}\"")
}
