//! `tillwatch health`: asks a running process how it is, where there is neither shell nor curl.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::cli::HealthArgs;
use crate::clock;
use crate::exit;

/// More than the longest list of reasons; what comes after is not read.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Asks once and prints the answer. The exit code is 0 for yes, 1 for no and for no answer.
pub fn health(args: &HealthArgs) -> Result<ExitCode> {
    let path = if args.live { "/healthz" } else { "/readyz" };
    let address = args.address;
    let answer = ask(address, path, args.timeout.as_std()).map_err(|error| {
        anyhow!(
            "no answer from {address}{path} ({error}); start `tillwatch run`, or give its [http] listen \
             as --address"
        )
    })?;
    println!("{}", answer.body.trim_end());
    Ok(match answer.status {
        200 => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::FAILED),
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: String,
}

/// The answer to a GET, all of it within `timeout`, however slowly it comes.
fn ask(address: SocketAddr, path: &str, timeout: Duration) -> io::Result<Answer> {
    let until = clock::now() + timeout;
    let mut stream = TcpStream::connect_timeout(&address, left(until)?)?;
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while answer.len() < ANSWER_BYTES_MAX {
        stream.set_read_timeout(Some(left(until)?))?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&part[..read]),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                // Which of the two a socket says depends on the system.
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(too_late()),
                _ => return Err(error),
            },
        }
    }
    read_answer(&String::from_utf8_lossy(&answer))
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "what came is no HTTP answer"))
}

/// The time until `until`; an error when it is over.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(clock::now());
    match left.is_zero() {
        true => Err(too_late()),
        false => Ok(left),
    }
}

fn too_late() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "it takes too long")
}

fn read_answer(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    // The status may be all that stands on its line.
    let status = status.lines().next()?.parse().ok()?;
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Serves one connection with `serve`; gives the address.
    fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(listener.accept().unwrap().0));
        address
    }

    /// Reads a request to its end; gives its first line.
    fn request(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        let mut byte = [0];
        while !text.ends_with("\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            text.push(char::from(byte[0]));
        }
        text.lines().next().unwrap().to_owned()
    }

    #[test]
    fn an_answer_has_status_and_body() {
        let address = server(|mut stream| {
            assert_eq!(request(&mut stream), "GET /readyz HTTP/1.0");
            stream
                .write_all(b"HTTP/1.0 503 Service Unavailable\r\nx: y\r\n\r\nno broker answers\n")
                .unwrap();
        });
        let answer = ask(address, "/readyz", Duration::from_secs(10)).unwrap();
        let wanted = Answer {
            status: 503,
            body: "no broker answers\n".to_owned(),
        };
        assert_eq!(answer, wanted);
        assert_eq!(read_answer("HTTP/1.1 200\r\n\r\nok").unwrap().status, 200);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for bytes in [
            "",
            "SSH-2.0-OpenSSH_9.2\r\n\r\n",
            "HTTP/1.0 200 OK\r\n",
            "HTTP/1.0 ok\r\n\r\n",
        ] {
            let address = server(|mut stream| {
                request(&mut stream);
                stream.write_all(bytes.as_bytes()).unwrap();
            });
            let error = ask(address, "/healthz", Duration::from_secs(10)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{bytes:?}");
        }
    }

    #[test]
    fn a_server_that_is_silent_or_slow_is_not_waited_for() {
        let timeout = Duration::from_millis(200);
        let silent = server(|mut stream| {
            // Ends when the client has gone.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let slow = server(|mut stream| {
            while stream.write_all(b"H").is_ok() {
                clock::wait(Duration::from_millis(20));
            }
        });
        for address in [silent, slow] {
            let started = clock::now();
            let error = ask(address, "/healthz", timeout).unwrap_err();
            assert_eq!(error.to_string(), "it takes too long");
            assert!(started.elapsed() < Duration::from_secs(10));
        }
    }

    #[test]
    fn an_answer_without_end_is_cut() {
        let endless = server(|mut stream| {
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
        });
        let answer = ask(endless, "/healthz", Duration::from_secs(10)).unwrap();
        assert!(answer.body.len() <= ANSWER_BYTES_MAX + 1024);
    }
}
