//! Arbitrary bytes against loaders.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

const ANY_TOML: &str = "name = \"m\"\nversion = \"1\"\nkind = \"lightgbm\"\nartefact = \"m\"\n";

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn loaders_survive_arbitrary_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        kind in 0..7_usize,
        description in "\\PC{0,100}",
    ) {
        let kinds = ModelKinds::standard();
        let names: Vec<&str> = kinds.names().collect();
        let kind = names[kind % names.len()];
        let known = ANY_TOML.replace("lightgbm", kind);
        for description in [known, description] {
            let files = ModelFiles {
                description,
                files: [("m".to_owned(), bytes.clone())].into(),
                ..ModelFiles::default()
            };
            prop_assert!(kinds.load(&files, &scope()).is_err());
        }
    }
}
