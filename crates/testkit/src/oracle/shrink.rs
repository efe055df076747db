//! From a case that fails to the smallest that still does.

use tillwatch_records::RecordKind;

use super::{OracleAggregate, OracleFeature};
use crate::stream::{Event, START_MS};

/// Most trials of one shrinking, so that a slow test still says what failed.
const TRIALS_MAX: usize = 4_000;

/// What makes an event simpler; each is tried on all events at once and then one by one.
const SIMPLER: [fn(&mut Event); 17] = [
    |event| event.mti = None,
    |event| event.currency = None,
    |event| event.amount_minor = None,
    |event| event.response_code = None,
    |event| event.card_token = None,
    |event| event.lat = None,
    |event| event.lon = None,
    |event| event.stan = None,
    |event| event.rrn = None,
    |event| event.hardware_serial = None,
    |event| event.mcc = None,
    |event| event.event_type = None,
    |event| event.label_kind = None,
    |event| event.occurred_time_ms = None,
    |event| event.kind = RecordKind::Transaction,
    |event| event.timestamp_ms = event.timestamp_ms.max(event.event_time_ms),
    |event| event.amount_minor = event.amount_minor.map(|_| 100),
];

/// What makes a feature simpler, and leaves it one that a catalog may have.
const PLAINER: [fn(&mut OracleFeature); 8] = [
    |feature| {
        // A ratio needs one of them.
        if feature.aggregate != OracleAggregate::Ratio || feature.label.is_some() {
            feature.filter = None;
        }
    },
    |feature| feature.base = None,
    |feature| {
        if feature.aggregate != OracleAggregate::Ratio || feature.filter.is_some() {
            feature.label = None;
        }
    },
    |feature| feature.last = None,
    |feature| feature.delay_ms = 0,
    |feature| feature.resolution_ms = None,
    |feature| feature.exclude_current = false,
    |feature| {
        if feature.shrink.take().is_some() {
            feature.half_life_ms = None;
        }
    },
];

/// The smallest features and events found for which `fails` holds, as it must for those given:
/// fewer features, then fewer events, then simpler ones. `fails` must say no to what is no valid
/// input. Always the same for the same input.
pub fn shrink(
    features: &[OracleFeature],
    events: &[Event],
    mut fails: impl FnMut(&[OracleFeature], &[Event]) -> bool,
) -> (Vec<OracleFeature>, Vec<Event>) {
    let mut trials = 0;
    let mut fails = |features: &[OracleFeature], events: &[Event]| {
        trials += 1;
        trials <= TRIALS_MAX && fails(features, events)
    };
    let (mut features, mut events) = (features.to_vec(), events.to_vec());
    if let Some(culprit) = features
        .iter()
        .find(|feature| fails(std::slice::from_ref(feature), &events))
    {
        features = vec![culprit.clone()];
    } else {
        features = fewer(features, |features| fails(features, &events));
    }
    events = fewer(events, |events| fails(&features, events));
    for plainer in PLAINER {
        for place in 0..features.len() {
            let mut trial = features.clone();
            plainer(&mut trial[place]);
            if fails(&trial, &events) {
                features = trial;
            }
        }
    }
    events = simpler(events, |events| fails(&features, events));
    // What is simpler may need fewer.
    events = fewer(events, |events| fails(&features, events));
    (features, events)
}

/// Leaves out chunks, from halves down to single items, as long as `fails` holds.
fn fewer<T: Clone>(mut items: Vec<T>, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut chunk = items.len().div_ceil(2);
    while chunk > 0 {
        let mut start = 0;
        let mut has_shrunk = false;
        while start < items.len() {
            let end = (start + chunk).min(items.len());
            let rest = [&items[..start], &items[end..]].concat();
            if fails(&rest) {
                items = rest;
                has_shrunk = true;
            } else {
                start = end;
            }
        }
        if chunk > 1 || !has_shrunk {
            chunk /= 2;
        }
    }
    items
}

fn simpler(mut events: Vec<Event>, mut fails: impl FnMut(&[Event]) -> bool) -> Vec<Event> {
    // Times near the start of streams, in whole seconds, are easier to read.
    let round = |event: &mut Event| {
        event.event_time_ms -= (event.event_time_ms - START_MS).rem_euclid(1000);
    };
    for simplify in SIMPLER.into_iter().chain([round as fn(&mut Event)]) {
        let mut all = events.clone();
        all.iter_mut().for_each(simplify);
        if all == events {
            continue;
        }
        if fails(&all) {
            events = all;
            continue;
        }
        for place in 0..events.len() {
            let mut trial = events.clone();
            simplify(&mut trial[place]);
            if trial != events && fails(&trial) {
                events = trial;
            }
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Case;
    use crate::stream::{StreamSettings, events};

    #[test]
    fn finds_the_two_records_and_the_feature_that_matter() {
        let events = events(&StreamSettings {
            events: 300,
            ..StreamSettings::random(4)
        });
        let features = [
            OracleFeature::new("a", OracleAggregate::Count),
            OracleFeature {
                window_ms: 1000,
                last: Some(3),
                ..OracleFeature::new("b", OracleAggregate::Sum)
            },
            OracleFeature::new("c", OracleAggregate::Count),
        ];
        // Two records of one key, the second with the smaller amount, and a sum.
        let fails = |features: &[OracleFeature], events: &[Event]| {
            let has_pair = events.iter().enumerate().any(|(place, first)| {
                events[place + 1..].iter().any(|second| {
                    first.terminal_id == second.terminal_id
                        && second.amount_minor.is_some()
                        && first.amount_minor > second.amount_minor
                })
            });
            has_pair && features.iter().any(|f| f.aggregate == OracleAggregate::Sum)
        };
        let (features, small) = shrink(&features, &events, fails);
        assert_eq!(features.len(), 1);
        assert_eq!((features[0].name.as_str(), features[0].last), ("b", None));
        assert_eq!(small.len(), 2);
        assert!(fails(&features, &small));
        assert!(
            small
                .iter()
                .all(|e| e.card_token.is_none() && e.lat.is_none())
        );
        let is_plain = |event: &Event| event.amount_minor == Some(100);
        assert!(small.iter().any(is_plain), "{small:?}");
    }

    #[test]
    fn features_that_fail_together_are_kept_together() {
        let names = ["a", "b", "c", "d", "e"];
        let features = names.map(|name| OracleFeature::new(name, OracleAggregate::Count));
        let (kept, events) = shrink(&features, &[], |features, _| {
            ["b", "e"]
                .iter()
                .all(|name| features.iter().any(|f| f.name == *name))
        });
        let kept: Vec<&str> = kept.iter().map(|f| f.name.as_str()).collect();
        assert_eq!((kept, events.len()), (vec!["b", "e"], 0));
    }

    #[test]
    fn a_case_shrinks_and_says_what_it_is() {
        let case = Case::random(3);
        let small = case.shrink(|case| case.events.iter().any(|e| e.stan == Some(999_981)));
        assert_eq!(
            (small.features.len(), small.events.len()),
            (1, 1),
            "{}",
            case.describe()
        );
        let text = small.describe();
        assert!(
            text.contains("seed 3") && text.contains("stan 999981"),
            "{text}"
        );
    }
}
