//! What is typical of a kind of merchant and of a place. Figures are plausible, not measured: they
//! give a population its shape.

/// Relative business by local hour.
pub type DayProfile = [f32; 24];

/// What is typical of a merchant category.
#[derive(Debug)]
pub struct Category {
    /// ISO 18245.
    pub mcc: &'static [u8; 4],
    /// Share of terminals, per thousand.
    pub per_mille: u32,
    /// Transactions per hour of a typical terminal at its busiest hour.
    pub peak_per_hour: f32,
    /// Median ticket in minor units.
    pub median_minor: f64,
    /// Sigma of the logarithm of the ticket.
    pub sigma: f64,
    /// Mean terminals per merchant; chains are longer.
    pub terminals_per_merchant: u32,
    /// Share of contactless among card reads.
    pub contactless: f64,
    /// When it is open.
    pub day: &'static DayProfile,
    /// Factor on Sundays.
    pub sunday: f32,
    /// How far a terminal moves around its site, in 1e-4 degrees (taxis).
    pub roams: u32,
}

/// Cash machines: their transactions are withdrawals.
pub const CASH_MCC: &[u8; 4] = b"6011";

const fn hours(from: usize, to: usize, ramp: f32) -> DayProfile {
    let mut day = [0.0; 24];
    let mut hour = from;
    while hour < to {
        // A flat day with a rising first and a falling last hour.
        day[hour] = if hour == from || hour + 1 == to {
            ramp
        } else {
            0.9
        };
        hour += 1;
    }
    day
}

const SHOP: DayProfile = hours(9, 20, 0.5);
const GROCERY: DayProfile = hours(7, 22, 0.4);
const FOOD: DayProfile = [
    0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.3, 0.5, 0.5, 0.5, 0.8, 1.0, 1.0, 0.6, 0.4, 0.4, 0.6, 0.9,
    1.0, 1.0, 0.8, 0.5, 0.3,
];
const ROUND_THE_CLOCK: DayProfile = [
    0.1, 0.06, 0.05, 0.05, 0.08, 0.2, 0.5, 0.9, 1.0, 0.8, 0.7, 0.7, 0.8, 0.8, 0.7, 0.8, 0.9, 1.0,
    1.0, 0.8, 0.6, 0.4, 0.3, 0.2,
];

macro_rules! categories {
    ($($mcc:literal $share:literal $rate:literal $median:literal $sigma:literal $chain:literal
       $contactless:literal $day:ident $sunday:literal $roams:literal;)*) => {
        /// Every category; shares sum to 1,000.
        pub const CATEGORIES: &[Category] = &[$(Category {
            mcc: $mcc, per_mille: $share, peak_per_hour: $rate, median_minor: $median,
            sigma: $sigma, terminals_per_merchant: $chain, contactless: $contactless,
            day: &$day, sunday: $sunday, roams: $roams,
        },)*];
    };
}

categories! {
    // mcc  share  rate  median  sigma chain contactless day     sunday roams
    b"5411" 220    15.0   2400.0 0.8   8     0.70        GROCERY 0.3    0;
    b"5812" 160     6.0   3200.0 0.7   2     0.60        FOOD    1.1    0;
    b"5814" 100    14.0    950.0 0.5   3     0.82        FOOD    1.0    0;
    b"5541"  80    10.0   4500.0 0.6   3     0.60        ROUND_THE_CLOCK 0.8 0;
    b"5912"  70     8.0   1800.0 0.7   2     0.72        SHOP    0.1    0;
    b"5651" 100     4.5   5500.0 0.7   4     0.62        SHOP    0.1    0;
    b"5732"  40     3.0  12000.0 1.0   2     0.45        SHOP    0.1    0;
    b"5999" 100     4.5   2600.0 0.9   1     0.66        SHOP    0.1    0;
    b"4111"  40    20.0    280.0 0.3  10     0.92        ROUND_THE_CLOCK 0.7 0;
    b"4121"  30     1.8   1800.0 0.5   1     0.68        ROUND_THE_CLOCK 1.0 900;
    b"7011"  30     1.8  16000.0 0.8   2     0.40        ROUND_THE_CLOCK 1.0 0;
    b"6011"  30     8.0  10000.0 0.6   3     0.15        ROUND_THE_CLOCK 0.8 0;
}

/// A place where merchants and card holders live.
#[derive(Debug)]
pub struct Region {
    /// Latitude of its centre, in 1e-4 degrees.
    pub lat_e4: i32,
    /// Longitude of its centre, in 1e-4 degrees.
    pub lon_e4: i32,
    /// Local time minus UTC in winter, hours. Summer time is left out.
    pub utc_offset_hours: i64,
    /// ISO 3166.
    pub country: &'static str,
    /// ISO 4217; all have two decimals.
    pub currency: &'static [u8; 3],
}

/// Every region, equally large.
pub const REGIONS: &[Region; 16] = &[
    region(523_702, 48_952, 1, "NL", b"EUR"),
    region(525_200, 134_050, 1, "DE", b"EUR"),
    region(488_566, 23_522, 1, "FR", b"EUR"),
    region(404_168, -37_038, 1, "ES", b"EUR"),
    region(419_028, 124_964, 1, "IT", b"EUR"),
    region(387_223, -91_393, 0, "PT", b"EUR"),
    region(482_082, 163_738, 1, "AT", b"EUR"),
    region(508_503, 43_517, 1, "BE", b"EUR"),
    region(601_699, 249_384, 2, "FI", b"EUR"),
    region(379_838, 237_275, 2, "GR", b"EUR"),
    region(533_498, -62_603, 0, "IE", b"EUR"),
    region(481_351, 115_820, 1, "DE", b"EUR"),
    region(454_642, 91_900, 1, "IT", b"EUR"),
    region(413_874, 21_686, 1, "ES", b"EUR"),
    region(515_074, -1_278, 0, "GB", b"GBP"),
    region(522_297, 210_122, 1, "PL", b"PLN"),
];

const fn region(
    lat_e4: i32,
    lon_e4: i32,
    utc_offset_hours: i64,
    country: &'static str,
    currency: &'static [u8; 3],
) -> Region {
    Region {
        lat_e4,
        lon_e4,
        utc_offset_hours,
        country,
        currency,
    }
}

const HOUR_MS: i64 = 3_600_000;

/// Transactions per hour of a terminal of `category` in `region` with the given activity, in the
/// hour of `time_ms`.
pub fn rate_per_hour(category: &Category, region: &Region, activity: f32, time_ms: i64) -> f32 {
    let local_hours = time_ms.div_euclid(HOUR_MS) + region.utc_offset_hours;
    let hour = local_hours.rem_euclid(24) as usize;
    // 1970-01-01 was a Thursday, so Sunday is day 3.
    let sunday = local_hours.div_euclid(24).rem_euclid(7) == 3;
    let factor = if sunday { category.sunday } else { 1.0 };
    category.peak_per_hour * category.day[hour] * activity * factor
}
