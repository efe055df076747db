//! Distance and speed from the place of the record before.
//!
//! Cost: O(1). Space: 28 bytes per key, shared by the two.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::Parts;
use crate::plan::column::Float;
use crate::plan::{Made, Memory, MemoryRead};

#[derive(Debug)]
pub(super) struct Travel {
    read: MemoryRead,
    what: &'static str,
    signature: &'static Signature,
}

pub(super) static DISTANCE_KM: Travel = Travel {
    read: MemoryRead::DistanceKm,
    what: "distance",
    signature: &signature("distance_km"),
};

pub(super) static SPEED_KMH: Travel = Travel {
    read: MemoryRead::SpeedKmh,
    what: "speed",
    signature: &signature("speed_kmh"),
};

const fn signature(name: &'static str) -> Signature {
    Signature {
        name,
        takes: Takes::Place,
        span: Span::None,
        keys: &[],
        check: Signature::no_check,
    }
}

impl Definition for Travel {
    fn signature(&self) -> &'static Signature {
        self.signature
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let place = Memory::Place {
            lat: parts.number(spec, 0),
            lon: parts.number(spec, 1),
        };
        let bit = parts.counted(spec);
        let memory = parts.memory(bit, place);
        let (slot, cost) = parts.remembered(memory, self.read);
        let subject = parts.plan.memory_subject(memory);
        let words = format!("{} from the last {subject}", self.what);
        parts.made(Float(slot), words, cost)
    }
}
