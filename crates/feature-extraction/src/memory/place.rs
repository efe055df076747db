//! Distance and speed from the place of the record before.
//!
//! Great circle on a sphere of the Earth's mean radius, at most 0.6 % from the distance on the
//! ellipsoid.
//!
//! Cost: two sines, two cosines and an arc sine for one that moved, a comparison for one that did not.
//! Space: 28 bytes per key.

use tillwatch_predicate::haversine_km;

use crate::words::{get_float, get_time, set_float, set64};

/// Shortest time that a speed is taken over, so that two records at once do not give an infinite one.
const ELAPSED_MIN_MS: i64 = 1000;

const MS_PER_HOUR: f64 = 3_600_000.0;

const TIME: usize = 0;
const LAT: usize = 2;
const LON: usize = 4;
/// 1 once there was a place.
const SEEN: usize = 6;

/// Words per key.
pub(crate) const WORDS: usize = 7;

/// A point in degrees, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub(crate) lat: f64,
    pub(crate) lon: f64,
}

/// How a record got to its place; NaN where there is no place before, or none now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Travel {
    pub(crate) distance_km: f64,
    pub(crate) speed_kmh: f64,
}

/// The way from the previous counted record's place to that of a record at `now_ms`.
#[inline]
pub(crate) fn read(memory: &[u32], now_ms: i64, to: Place) -> Travel {
    if memory[SEEN] == 0 || !to.counts() {
        return Travel {
            distance_km: f64::NAN,
            speed_kmh: f64::NAN,
        };
    }
    let from = Place {
        lat: get_float(memory, LAT),
        lon: get_float(memory, LON),
    };
    let elapsed_ms = now_ms.saturating_sub(get_time(memory, TIME));
    let hours = elapsed_ms.max(ELAPSED_MIN_MS) as f64 / MS_PER_HOUR;
    let distance_km = from.distance_km(to);
    Travel {
        distance_km,
        speed_kmh: distance_km / hours,
    }
}

/// Takes in a record in order. One without both coordinates does not count.
#[inline]
pub(crate) fn update(memory: &mut [u32], now_ms: i64, place: Place) {
    if place.counts() {
        set64(memory, TIME, now_ms.cast_unsigned());
        set_float(memory, LAT, place.lat);
        set_float(memory, LON, place.lon);
        memory[SEEN] = 1;
    }
}

impl Place {
    /// Whether both coordinates are there.
    #[inline]
    pub(crate) fn counts(self) -> bool {
        self.lat.is_finite() && self.lon.is_finite()
    }

    #[inline]
    fn distance_km(self, to: Self) -> f64 {
        // Most keys stay where they are.
        if self == to {
            return 0.0;
        }
        haversine_km(self.lat, self.lon, to.lat, to.lon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{assert_close, samples};

    const RADIUS_KM: f64 = 6371.0088;

    const PARIS: Place = Place {
        lat: 48.8566,
        lon: 2.3522,
    };
    const LONDON: Place = Place {
        lat: 51.5074,
        lon: -0.1278,
    };

    fn place(lat: f64, lon: f64) -> Place {
        Place { lat, lon }
    }

    #[test]
    fn knows_distances() {
        // A quarter and a half of a great circle, a degree of latitude, and over the date line.
        let circle = std::f64::consts::TAU * RADIUS_KM;
        assert_close(place(0.0, 0.0).distance_km(place(0.0, 90.0)), circle / 4.0);
        assert_close(
            place(90.0, 13.0).distance_km(place(-90.0, 7.0)),
            circle / 2.0,
        );
        assert_close(
            place(40.0, 7.0).distance_km(place(41.0, 7.0)),
            circle / 360.0,
        );
        assert_close(
            place(0.0, 179.5).distance_km(place(0.0, -179.5)),
            circle / 360.0,
        );
        assert!((PARIS.distance_km(LONDON) - 343.56).abs() < 0.01);
        assert_eq!(PARIS.distance_km(PARIS), 0.0);
    }

    #[test]
    fn travels() {
        let mut memory = [0; WORDS];
        assert!(read(&memory, 0, PARIS).distance_km.is_nan());
        assert!(read(&memory, 0, PARIS).speed_kmh.is_nan());
        update(&mut memory, 0, PARIS);
        let flight = read(&memory, 3_600_000, LONDON);
        assert!((flight.speed_kmh - 343.56).abs() < 0.01);
        assert_eq!(flight.speed_kmh, flight.distance_km);
        // Within less than a second, over a second.
        let at_once = read(&memory, 0, LONDON);
        assert_eq!(at_once, read(&memory, 1000, LONDON));
        assert_close(at_once.speed_kmh, flight.distance_km * 3600.0);
        assert_eq!(read(&memory, 0, PARIS).speed_kmh, 0.0);
        // The place without coordinates is no place, the Gulf of Guinea is one.
        assert!(read(&memory, 0, place(f64::NAN, 1.0)).distance_km.is_nan());
        update(&mut memory, 60_000, place(1.0, f64::NAN));
        assert_eq!(read(&memory, 3_600_000, LONDON), flight);
        let mut memory = [0; WORDS];
        update(&mut memory, 0, place(0.0, 0.0));
        assert_eq!(read(&memory, 0, place(0.0, 0.0)).distance_km, 0.0);
    }

    #[test]
    fn is_the_angle_between_vectors() {
        let vector = |p: Place| {
            let (lat, lon) = (p.lat.to_radians(), p.lon.to_radians());
            [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
        };
        let places = samples(4, 400);
        let places = places
            .chunks(2)
            .map(|two| place(two[0].value % 90.0, two[1].value % 180.0));
        let places: Vec<Place> = places.collect();
        for pair in places.windows(2) {
            let (a, b) = (vector(pair[0]), vector(pair[1]));
            let chord = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
            let expected = RADIUS_KM * 2.0 * (chord.sqrt() / 2.0).asin();
            let found = pair[0].distance_km(pair[1]);
            assert!(
                (found - expected).abs() < 1e-6,
                "{pair:?}: {found} {expected}"
            );
        }
    }
}
