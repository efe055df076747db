//! Why a graph is refused.

/// Why a graph is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OnnxError {
    /// There is no runtime to run it.
    #[error(
        "needs ONNX Runtime 1.{oldest} or newer, and {tried}; install it (`pip install onnxruntime` brings \
         onnxruntime/capi/libonnxruntime.so.<version>, package managers have libonnxruntime) and name the \
         file in {variable}, then start again"
    )]
    Runtime {
        /// Minor version of the oldest one that will do.
        oldest: u32,
        /// Environment variable that names the runtime's file.
        variable: &'static str,
        /// What was tried and came of it.
        tried: String,
    },
    /// The runtime does not take it.
    #[error("ONNX Runtime refuses it: {0}")]
    Refused(String),
    /// The runtime took it and could not run it.
    #[error("ONNX Runtime cannot run it: {0}")]
    Run(String),
    /// Its inputs are not those of model.toml.
    #[error("{0}")]
    Inputs(String),
    /// It has no output that can be the score.
    #[error("{0}")]
    Output(String),
}
