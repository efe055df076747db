//! Names of the headers that tillwatch gives records.

/// Why a record was refused. The first of ours on a dead letter: what stands before it is the record's.
pub(crate) const REASON: &str = "tillwatch.reason";
/// What was wrong with it, in words.
pub(crate) const DETAIL: &str = "tillwatch.detail";
/// Topic that it came from.
pub(crate) const TOPIC: &str = "tillwatch.topic";
/// Partition that it came from.
pub(crate) const PARTITION: &str = "tillwatch.partition";
/// Offset that it had there.
pub(crate) const OFFSET: &str = "tillwatch.offset";
/// Its timestamp in milliseconds since 1970.
pub(crate) const TIMESTAMP: &str = "tillwatch.timestamp";

/// Why a dead letter is reduced.
pub(crate) const REDUCED: &str = "tillwatch.reduced";
/// Bytes of the record's key.
pub(crate) const KEY_BYTES: &str = "tillwatch.key.bytes";
/// Bytes of the record's payload.
pub(crate) const PAYLOAD_BYTES: &str = "tillwatch.payload.bytes";
/// SHA-256 of the record's payload, in hexadecimal digits.
pub(crate) const PAYLOAD_SHA256: &str = "tillwatch.payload.sha256";
/// Its HMAC-SHA-256 with the site's key of card tokens, in place of that.
pub(crate) const PAYLOAD_HMAC: &str = "tillwatch.payload.hmac_sha256";
/// What of the record holds card numbers whose digits are hidden: `payload`, `key`, `headers`.
pub(crate) const MASKED: &str = "tillwatch.masked";
/// How many headers the record had.
pub(crate) const HEADERS: &str = "tillwatch.headers";
/// Bytes of these.
pub(crate) const HEADERS_BYTES: &str = "tillwatch.headers.bytes";

/// On a record that is sent again: how often it was sent again, this time included.
pub(crate) const ATTEMPTS: &str = "tillwatch.redrive.attempts";
/// On a record that is sent again: where it first was, as `topic/partition/offset`.
pub(crate) const ORIGIN: &str = "tillwatch.redrive.origin";

/// On a note in the dead-letter topic that says which letters of its partition are done with: `sent` or
/// `discarded`.
pub(crate) const DONE: &str = "tillwatch.redriven";
