//! Named maxima. Every buffer, queue and field that outside data can grow is bounded by one of
//! these, each with its reason.

/// Largest payload that is decoded, in bytes: Kafka's own default `message.max.bytes`. A larger
/// record is refused and dead-lettered whole.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// Longest text that a column holds, in bytes. The longest ISO 8583 field we read is DE43 with 40
/// characters; `detail` of a terminal event is free text.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Columns of a site's own. As many as there are canonical ones, with room: each is a buffer of every lane.
pub const OWN_COLUMNS_MAX: usize = 64;

/// Longest name of a column of a site's own, in bytes: what a person reads in a rule and its reason.
pub const OWN_COLUMN_NAME_BYTES_MAX: usize = 64;

/// Longest entity key, in bytes: acquirer (11) + merchant (15) + terminal (16) with room for sites
/// that use longer names.
pub const KEY_BYTES_MAX: usize = 256;

/// Deepest nesting of a JSON record. Deeper ones are refused, so that hostile input cannot exhaust
/// the stack.
pub const JSON_DEPTH_MAX: usize = 32;

/// Largest amount in minor units, exclusive. DE4 is `n 12`. Sums of 9 million such amounts still
/// fit `i64`, sums of their squares fit `i128`.
pub const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;

/// Records in one batch. Larger batches gain nothing: fixed costs are already spread thin, and
/// latency and memory grow.
pub const BATCH_RECORDS_MAX: usize = 8192;

/// Bytes in one raw batch: 8,192 records of 1 KiB; a `u32` offset addresses it.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reasons on one score: more than five are not read by anybody.
pub const REASONS_MAX: usize = 5;

/// Features in one catalog.
pub const FEATURES_MAX: usize = 512;

/// Longest window, in milliseconds: 400 days covers a year and its reporting delay.
pub const WINDOW_MS_MAX: i64 = 400 * 24 * 3600 * 1000;

/// Earliest event time accepted, in milliseconds since 1970: 2000-01-01T00:00:00Z. Anything before
/// is a unit error (seconds read as milliseconds).
pub const EVENT_TIME_MS_MIN: i64 = 946_684_800_000;

/// Latest event time accepted, exclusive: 2100-01-01T00:00:00Z. Anything after is a unit error
/// (microseconds read as milliseconds).
pub const EVENT_TIME_MS_MAX: i64 = 4_102_444_800_000;

/// Size of a configuration, catalog or model description file, in bytes.
pub const CONFIG_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Size of a model artefact, in bytes.
pub const MODEL_BYTES_MAX: usize = 512 * 1024 * 1024;
