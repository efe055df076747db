//! Dead letters as JSON objects, for files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::json;
use crate::sink::DeadLetter;

/// Appends a dead letter: `reason`, `detail`, `topic`, `partition`, `offset`, `timestamp`
/// (milliseconds), `key` and `payload` in base64 (RFC 4648, section 4), so that every byte survives,
/// and `headers` as a list of `[name, base64 or null]`. What the record lacks is left out. Where card numbers
/// are hidden, `masked` says in what, and `payload_sha256` or `payload_hmac_sha256` what the payload was.
pub fn dead_letter_json(letter: &DeadLetter<'_>, out: &mut Vec<u8>) {
    let record = &letter.record;
    out.extend_from_slice(b"{\"reason\":");
    json::string(out, letter.reason);
    json::name(out, "detail");
    json::string(out, letter.detail);
    json::name(out, "topic");
    json::string(out, &letter.source.topic);
    json::name(out, "partition");
    json::integer(out, letter.source.partition);
    json::name(out, "offset");
    json::integer(out, record.offset);
    if let Some(timestamp) = record.timestamp_ms {
        json::name(out, "timestamp");
        json::integer(out, timestamp);
    }
    if let Some(key) = record.key {
        json::name(out, "key");
        bytes(out, key);
    }
    if let Some(payload) = record.payload {
        json::name(out, "payload");
        bytes(out, payload);
    }
    for (position, (name, value)) in record.headers().enumerate() {
        if position == 0 {
            json::name(out, "headers");
        }
        out.extend_from_slice(if position == 0 { b"[[" } else { b",[" });
        json::string(out, name);
        out.push(b',');
        match value {
            Some(value) => bytes(out, value),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b']');
    }
    if record.headers().next().is_some() {
        out.push(b']');
    }
    if let Some(mask) = letter.mask {
        json::name(out, "masked");
        json::string(out, &mask.parts);
        if let Some(payload) = &mask.payload {
            let name = if payload.is_keyed {
                "payload_hmac_sha256"
            } else {
                "payload_sha256"
            };
            json::name(out, name);
            json::string(out, &payload.digest);
        }
    }
    out.push(b'}');
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    json::string(out, &STANDARD.encode(bytes));
}
