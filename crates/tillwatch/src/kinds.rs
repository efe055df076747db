//! The kinds of model that this build can load.

use tillwatch_scoring::ModelKinds;

/// Every kind in this build, with names that switch parts of models on. Kind `onnx` is built
/// in by the feature `onnx`; without it such a model is refused with that advice.
pub fn of_this_build(flags: &[String]) -> ModelKinds {
    let mut kinds = ModelKinds::standard().with_flags(flags);
    #[cfg(feature = "onnx")]
    kinds.register(tillwatch_onnx::Factory::new());
    #[cfg(not(feature = "onnx"))]
    kinds.register(without_onnx::Factory);
    kinds
}

#[cfg(not(feature = "onnx"))]
mod without_onnx {
    use tillwatch_scoring::{LoadContext, MemberKind, ModelFactory, ScoringError};

    /// Stands where the kind `onnx` would be: it is known, and not here.
    pub(super) struct Factory;

    impl ModelFactory for Factory {
        fn kind(&self) -> &'static str {
            "onnx"
        }

        fn load(&self, _: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError> {
            let message = "tillwatch was built without onnx; build with --features onnx";
            Err(context.error(message))
        }
    }
}
