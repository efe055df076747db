#!/usr/bin/env bash
# The unsafe code of crates/trees, watched: Miri interprets the AVX-512 code on small examples,
# AddressSanitizer runs all tests of tree models at full speed.
#
#   scripts/sanitize.sh            both
#   scripts/sanitize.sh miri       undefined behaviour: addresses, aliasing, alignment, values
#   scripts/sanitize.sh address    accesses outside of what they were given
#
# Needs nightly Rust with the components miri and rust-src; for the AVX-512 part of `address` also a CPU
# that has it. The first run builds, minutes; after that a run takes one or two.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A directory for each: what they build fits no other build.
TARGET="${CARGO_TARGET_DIR:-$PWD/target}/sanitize"
# Miri has no CPU: what it finds there is what the code is compiled for.
MIRI_FEATURES=+avx2,+bmi2,+popcnt,+avx512f,+avx512bw,+avx512vl,+avx512dq,+avx512vbmi

under_miri() {
    local flags=""
    [ "$(uname -m)" != x86_64 ] || flags="-Ctarget-feature=$MIRI_FEATURES"
    CARGO_TARGET_DIR="$TARGET/miri" RUSTFLAGS="$flags" \
        cargo +nightly miri test --locked -p tillwatch-trees --test predict
}

under_address_sanitizer() {
    local host
    host="$(rustc +nightly -vV | sed -n 's/^host: //p')"
    CARGO_TARGET_DIR="$TARGET/address" RUSTFLAGS="-Zsanitizer=address -Cdebug-assertions" \
        cargo +nightly test --locked --target "$host" -p tillwatch-trees --lib --tests
}

case "${1:-both}" in
    miri) under_miri ;;
    address) under_address_sanitizer ;;
    both)
        under_miri
        under_address_sanitizer
        ;;
    *)
        sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 2
        ;;
esac
