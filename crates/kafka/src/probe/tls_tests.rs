//! What is said of brokers that are there and refuse us, or are refused by us: a TLS listener of our own
//! with certificates made for each case.

use std::io::Read;
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{HandshakeError, SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use super::*;
use crate::Cluster;
use crate::properties::Properties;

/// 2020 and 2017, in seconds since 1970.
const SOME_YEARS_AGO: i64 = 1_600_000_000;
const LONG_AGO: i64 = 1_500_000_000;

/// A certificate with its key.
struct Identity {
    certificate: X509,
    key: PKey<Private>,
}

/// What a certificate says.
#[derive(Clone, Copy)]
struct Says<'a> {
    name: &'a str,
    /// A host that it is for; none for an authority.
    host: Option<&'a str>,
    has_expired: bool,
}

impl Identity {
    /// Signed by `issuer`, or by itself.
    fn new(says: Says<'_>, issuer: Option<&Self>) -> Self {
        let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", says.name).unwrap();
        let name = name.build();
        let (from, to) = match says.has_expired {
            true => (
                Asn1Time::from_unix(LONG_AGO),
                Asn1Time::from_unix(SOME_YEARS_AGO),
            ),
            false => (
                Asn1Time::from_unix(SOME_YEARS_AGO),
                Asn1Time::days_from_now(30),
            ),
        };
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&name).unwrap();
        let issuer_name = issuer.map_or(&*name, |issuer| issuer.certificate.subject_name());
        builder.set_issuer_name(issuer_name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&from.unwrap()).unwrap();
        builder.set_not_after(&to.unwrap()).unwrap();
        let extension = match says.host {
            Some(host) => {
                let issuer = issuer.map(|issuer| &*issuer.certificate);
                let context = builder.x509v3_context(issuer, None);
                SubjectAlternativeName::new().dns(host).build(&context)
            }
            None => BasicConstraints::new().critical().ca().build(),
        };
        builder.append_extension(extension.unwrap()).unwrap();
        let signer = issuer.map_or(&key, |issuer| &issuer.key);
        builder.sign(signer, MessageDigest::sha256()).unwrap();
        Self {
            certificate: builder.build(),
            key,
        }
    }

    fn authority(name: &str) -> Self {
        let says = Says {
            name,
            host: None,
            has_expired: false,
        };
        Self::new(says, None)
    }

    fn write(&self, path: &Path) {
        std::fs::write(path, self.certificate.to_pem().unwrap()).unwrap();
    }
}

/// A TLS listener that never says anything; ends with the process. Gives its port.
fn listen(identity: &Identity, client_authority: Option<&Identity>) -> u16 {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&identity.key).unwrap();
    acceptor.set_certificate(&identity.certificate).unwrap();
    if let Some(authority) = client_authority {
        let certificate = authority.certificate.clone();
        acceptor.cert_store_mut().add_cert(certificate).unwrap();
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // The connection stays open until the client ends it. One that is closed with something unread is
            // reset, and the client may then lose the alert that says why.
            match acceptor.accept(stream.unwrap()) {
                Ok(mut accepted) => drain(&mut accepted),
                Err(HandshakeError::Failure(mut refused)) => {
                    let _ = refused.get_ref().shutdown(Shutdown::Write);
                    drain(refused.get_mut());
                }
                Err(_) => {}
            }
        }
    });
    port
}

/// Reads until the client ends the connection, which it may do in any way.
fn drain(from: &mut impl Read) {
    let _ = from.read_to_end(&mut Vec::new());
}

/// The trouble of connecting to `server` with `properties`.
fn trouble(server: &str, properties: &[(&str, &str)]) -> BrokerTrouble {
    let address = [("bootstrap.servers", server)];
    let all = address.into_iter().chain(properties.iter().copied());
    let config = ClientConfig::new(&Properties::of(all), &[]).unwrap();
    let question = Question {
        topics: vec!["t".to_owned()],
        group: None,
        timeout: Duration::from_secs(4),
    };
    let started = now();
    let mut findings = ask(&config, &question).unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(findings.cluster.is_err());
    assert_eq!(findings.troubles.len(), 1, "{:?}", findings.troubles);
    findings.troubles.remove(0)
}

/// The trouble of connecting over TLS, to a listener whose certificate says `says`, with an authority that is
/// trusted or not.
fn of_certificate(says: Says<'_>, is_trusted: bool) -> BrokerTrouble {
    let directory = tempfile::tempdir().unwrap();
    let (ours, other) = (Identity::authority("ours"), Identity::authority("other"));
    let port = listen(&Identity::new(says, Some(&ours)), None);
    let authority = directory.path().join("ca.pem");
    if is_trusted { &ours } else { &other }.write(&authority);
    trouble(
        &format!("localhost:{port}"),
        &[
            ("security.protocol", "ssl"),
            ("ssl.ca.location", authority.to_str().unwrap()),
        ],
    )
}

const RIGHT: Says<'_> = Says {
    name: "broker",
    host: Some("localhost"),
    has_expired: false,
};

#[test]
fn each_fault_of_a_certificate_is_told_apart() {
    let expired = Says {
        has_expired: true,
        ..RIGHT
    };
    let elsewhere = Says {
        host: Some("elsewhere.example"),
        ..RIGHT
    };
    for (says, is_trusted, words) in [
        (RIGHT, false, "the authority that signed it is not known"),
        (expired, true, "it has expired"),
        (elsewhere, true, "it is another host's"),
    ] {
        let trouble = of_certificate(says, is_trusted);
        assert_eq!(trouble.code, ErrorCode::SSL, "{trouble:?}");
        assert!(trouble.words.contains(words), "{trouble:?}");
        assert!(trouble.words.contains("subject=/CN=broker"), "{trouble:?}");
        assert!(trouble.advice().contains("ssl.ca.location"));
    }
}

#[test]
fn a_listener_that_asks_for_a_certificate_of_ours_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let ours = Identity::authority("ours");
    let port = listen(&Identity::new(RIGHT, Some(&ours)), Some(&ours));
    let authority = directory.path().join("ca.pem");
    ours.write(&authority);
    let trouble = trouble(
        &format!("localhost:{port}"),
        &[
            ("security.protocol", "ssl"),
            ("ssl.ca.location", authority.to_str().unwrap()),
        ],
    );
    assert!(
        trouble.words.contains("certificate required"),
        "{trouble:?}"
    );
    assert!(trouble.advice().contains("ssl.certificate.location"));
}

#[test]
fn the_wrong_protocol_is_told_both_ways() {
    let ours = Identity::authority("ours");
    let port = listen(&Identity::new(RIGHT, Some(&ours)), None);
    let plain = trouble(&format!("localhost:{port}"), &[]);
    assert!(plain.words.contains("Disconnected"), "{plain:?}");
    assert!(plain.advice().contains("security.protocol"), "{plain:?}");
    let cluster = Cluster::start(1, &[("t", 1)]).unwrap();
    let tls = trouble(cluster.brokers(), &[("security.protocol", "ssl")]);
    assert!(tls.words.starts_with("SSL handshake failed"), "{tls:?}");
    assert!(tls.advice().contains("security.protocol"), "{tls:?}");
}
