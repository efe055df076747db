//! The natural logarithm in single precision, as XGBoost gets it.
//!
//! XGBoost calls the platform's `logf`, and on Linux that is the one of Arm's optimized routines (glibc
//! from 2.27 on and musl): table and polynomial in doubles, right to 0.82 units in the last place but
//! not always rounded correctly. A margin must have its bits, not better ones.
//!
//! Algorithm, table and coefficients are those of `logf` there, copyright (c) 2017-2018 Arm Limited,
//! under the MIT licence: its text is in NOTICE.

/// 1/c and ln c for c near the middle of each sixteenth of [√½, √2), nearly; the entry of 1 is exact.
const TABLE: [(f64, f64); 16] = [
    (
        f64::from_bits(0x3ff6_61ec_79f8_f3be),
        f64::from_bits(0xbfd5_7bf7_808c_aade),
    ),
    (
        f64::from_bits(0x3ff5_71ed_4aaf_883d),
        f64::from_bits(0xbfd2_bef0_a7c0_6ddb),
    ),
    (
        f64::from_bits(0x3ff4_9539_f0f0_10b0),
        f64::from_bits(0xbfd0_1eae_7f51_3a67),
    ),
    (
        f64::from_bits(0x3ff3_c995_b0b8_0385),
        f64::from_bits(0xbfcb_31d8_a682_24e9),
    ),
    (
        f64::from_bits(0x3ff3_0d19_0c88_64a5),
        f64::from_bits(0xbfc6_574f_0ac0_7758),
    ),
    (
        f64::from_bits(0x3ff2_5e22_7b0b_8ea0),
        f64::from_bits(0xbfc1_aa2b_c79c_8100),
    ),
    (
        f64::from_bits(0x3ff1_bb4a_4a1a_343f),
        f64::from_bits(0xbfba_4e76_ce8c_0e5e),
    ),
    (
        f64::from_bits(0x3ff1_2358_f08a_e5ba),
        f64::from_bits(0xbfb1_973c_5a61_1ccc),
    ),
    (
        f64::from_bits(0x3ff0_953f_4199_00a7),
        f64::from_bits(0xbfa2_52f4_38e1_0c1e),
    ),
    (1.0, 0.0),
    (
        f64::from_bits(0x3fee_608c_fd9a_47ac),
        f64::from_bits(0x3faa_a5aa_5df2_5984),
    ),
    (
        f64::from_bits(0x3fec_a4b3_1f02_6aa0),
        f64::from_bits(0x3fbc_5e53_aa36_2eb4),
    ),
    (
        f64::from_bits(0x3feb_2036_576a_fce6),
        f64::from_bits(0x3fc5_26e5_7720_db08),
    ),
    (
        f64::from_bits(0x3fe9_c2d1_63a1_aa2d),
        f64::from_bits(0x3fcb_c286_0d22_4770),
    ),
    (
        f64::from_bits(0x3fe8_86e6_0378_41ed),
        f64::from_bits(0x3fd1_058b_c8a0_7ee1),
    ),
    (
        f64::from_bits(0x3fe7_67dc_f553_4862),
        f64::from_bits(0x3fd4_0430_57b6_ee09),
    ),
];

/// ln(1 + r) less r, for small r, divided by r².
const POLYNOMIAL: [f64; 3] = [
    f64::from_bits(0xbfd0_0ea3_48b8_8334),
    f64::from_bits(0x3fd5_575b_0be0_0b6a),
    f64::from_bits(0xbfdf_fffe_f20a_4123),
];

/// The natural logarithm of a number above 0.
pub(super) fn logf(x: f32) -> f32 {
    if x.is_nan() || x <= 0.0 || x.is_infinite() {
        return match x {
            0.0 => f32::NEG_INFINITY,
            f32::INFINITY => f32::INFINITY,
            _ => f32::NAN,
        };
    }
    if x == 1.0 {
        return 0.0;
    }
    // Subnormal numbers are scaled up to have a leading one.
    let bits = match x.is_subnormal() {
        true => (x * 8_388_608.0).to_bits().wrapping_sub(23 << 23),
        false => x.to_bits(),
    };
    // x = 2^k z with z in the table's range, which starts at the number of these bits.
    let offset = bits.wrapping_sub(0x3f33_0000);
    let entry = (offset >> 19) as usize % TABLE.len();
    let k = (offset as i32) >> 23;
    let z = f64::from(f32::from_bits(bits.wrapping_sub(offset & 0xff80_0000)));
    let (inverse, logarithm) = TABLE[entry];
    // glibc takes a fused variant where the processor has one; in single precision both say the same.
    let r = libm::fma(z, inverse, -1.0);
    let start = libm::fma(f64::from(k), std::f64::consts::LN_2, logarithm);
    let r2 = r * r;
    let y = libm::fma(POLYNOMIAL[1], r, POLYNOMIAL[2]);
    let y = libm::fma(POLYNOMIAL[0], r2, y);
    libm::fma(y, r2, start + r) as f32
}

#[cfg(test)]
mod tests {
    use super::logf;

    /// Arguments and what glibc says of them, as bits. It rounds the first eight to the farther neighbour.
    const GLIBC: [(u32, u32); 13] = [
        (0x3f80_56ed, 0x3b2d_9f13),
        (0x3f82_3f1b, 0x3c8e_877d),
        (0x3fbb_5d7a, 0x3ec3_163e),
        (0x3bc9_1e49, 0xc0a2_fc6e),
        (0x3f33_4033, 0xbeb6_78f7),
        (0x3f93_d231, 0x3e13_6d74),
        (0x3f81_6a26, 0x3c34_14b8),
        (0x3f84_0afe, 0x3cfe_beea),
        (0x0000_0001, 0xc2ce_8ed0),
        (0x0000_0123, 0xc2c3_3612),
        (0x007f_ffff, 0xc2ae_ac50),
        (0x7f7f_ffff, 0x42b1_7218),
        (0x3f00_0000, 0xbf31_7218),
    ];

    #[test]
    fn has_the_bits_of_glibc() {
        for (x, expected) in GLIBC {
            let ours = logf(f32::from_bits(x));
            assert_eq!(ours.to_bits(), expected, "of {}: {ours}", f32::from_bits(x));
        }
        assert_eq!(logf(0.0), f32::NEG_INFINITY);
        assert_eq!(logf(f32::INFINITY), f32::INFINITY);
        assert!(logf(-1.0).is_nan() && logf(f32::NAN).is_nan());
    }
}
