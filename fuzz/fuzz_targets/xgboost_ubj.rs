//! Arbitrary bytes as an XGBoost UBJSON model: they are refused, or score.
#![no_main]

mod forest;

use libfuzzer_sys::fuzz_target;
use tillwatch_trees::Format;

fuzz_target!(|bytes: &[u8]| forest::check(bytes, Format::XgBoostUbj));
