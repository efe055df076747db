//! What the operator of the fleet knows of its terminals.

use crate::json::hex;
use crate::merchant::{Category, Region};
use crate::rng::mix;
use crate::terminal::{Terminal, VERSIONS};
use crate::transaction::{KEY_BYTES, key_of};

/// A row of reference data, a terminal as its operator knows it: its own device at its own site.
/// What a fraudster adds to the stream (another device, another place, another version) is in no
/// such row.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceRow {
    /// Acquirer, merchant and terminal id joined by `/`, as in [`crate::Emitted::key`].
    pub key: [u8; KEY_BYTES],
    /// Serial number of the device, as `hardware_serial` in records.
    pub hardware_serial: String,
    /// Device model.
    pub model: &'static str,
    /// Merchant category, ISO 18245.
    pub mcc: &'static str,
    /// Country of the site, ISO 3166.
    pub country: &'static str,
    /// Latitude and longitude of the site in degrees; about which a mobile terminal moves.
    pub site: (f64, f64),
    /// Whether it is carried around (taxis).
    pub is_mobile: bool,
    /// IANA name of the zone of the site's clocks. The simulation has no summer time, and neither have
    /// the fixed zones that are named here.
    pub time_zone: &'static str,
    /// When it takes customers, as OpenStreetMap writes it: `09:00-20:00`, `24/7`.
    pub opening_hours: String,
    /// Application versions that may run on it, separated by `;`.
    pub app_versions: String,
    /// Amount from which a transaction must go online, in minor units of the site's currency.
    pub floor_limit_minor: i64,
    /// Amount from which the card holder must be verified, likewise.
    pub cvm_limit_minor: i64,
}

const MODELS: [&str; 4] = ["CT-100", "CT-200", "MP-70", "MP-90"];

/// Floor limits are multiples of this.
const FLOOR_LIMIT_STEP_MINOR: f64 = 1_000.0;

impl ReferenceRow {
    /// The entry of `terminal`, which is number `index` of the fleet.
    pub(crate) fn new(terminal: &Terminal, index: u32) -> Self {
        let (category, region) = (terminal.category(), terminal.region());
        let mut serial = [0; 8];
        hex(terminal.serial.into(), &mut serial);
        let model = mix(u64::from(terminal.serial)) % MODELS.len() as u64;
        let versions = VERSIONS.map(|version| String::from_utf8_lossy(version));
        let floor_limit = (2.0 * category.median_minor / FLOOR_LIMIT_STEP_MINOR).ceil();
        Self {
            key: key_of(terminal, index),
            hardware_serial: String::from_utf8_lossy(&serial).into_owned(),
            model: MODELS[model as usize],
            mcc: std::str::from_utf8(category.mcc).unwrap_or_default(),
            country: region.country,
            site: (degrees(terminal.lat_e4), degrees(terminal.lon_e4)),
            is_mobile: category.roams > 0,
            time_zone: time_zone(region),
            opening_hours: opening_hours(category),
            app_versions: versions.join(";"),
            floor_limit_minor: (floor_limit * FLOOR_LIMIT_STEP_MINOR) as i64,
            cvm_limit_minor: if region.currency == b"EUR" {
                5_000
            } else {
                10_000
            },
        }
    }

    /// Acquirer, merchant and terminal id.
    pub fn ids(&self) -> [&str; 3] {
        let text = std::str::from_utf8(&self.key).unwrap_or_default();
        let mut parts = text.split('/');
        [(); 3].map(|()| parts.next().unwrap_or_default())
    }
}

fn degrees(e4: i32) -> f64 {
    f64::from(e4) / 10_000.0
}

/// The sign of these zones' names is that of POSIX: west is positive.
fn time_zone(region: &Region) -> &'static str {
    match region.utc_offset_hours {
        1 => "Etc/GMT-1",
        2 => "Etc/GMT-2",
        other => {
            debug_assert_eq!(other, 0, "regions lie between Lisbon and Helsinki");
            "Etc/UTC"
        }
    }
}

/// The hours in which anybody comes; every day, as Sundays are only quieter.
fn opening_hours(category: &Category) -> String {
    let closed = |hour: usize| category.day[hour % 24] == 0.0;
    let opens = (0..24).find(|hour| closed(hour + 23) && !closed(*hour));
    let closes = (0..24).find(|hour| !closed(hour + 23) && closed(*hour));
    match (opens, closes) {
        (Some(opens), Some(closes)) => format!("{opens:02}:00-{closes:02}:00"),
        _ => "24/7".to_owned(),
    }
}
