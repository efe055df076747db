//! The runtime's shared library.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::error::OnnxError;

/// Names the library's file.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// What the system's loader is asked for.
#[cfg(target_os = "macos")]
const NAME: &str = "libonnxruntime.dylib";
#[cfg(not(target_os = "macos"))]
const NAME: &str = "libonnxruntime.so";

/// What came of opening it. The binding may be asked to open a library once: after a failure it takes
/// whatever is asked for next as opened.
static OPENED: OnceLock<Result<(), OnnxError>> = OnceLock::new();

/// Opens the runtime unless the process has tried already: `library`, or what the environment
/// names, or what the system finds.
///
/// # Errors
/// Says what was tried, and what to install; the same for the rest of the process.
pub(crate) fn open(library: Option<&Path>) -> Result<(), OnnxError> {
    OPENED.get_or_init(|| try_open(&wanted(library))).clone()
}

fn try_open(library: &Path) -> Result<(), OnnxError> {
    let environment = ort::init_from(library).map_err(|error| OnnxError::Runtime {
        oldest: ort::MINOR_VERSION,
        variable: LIBRARY_VARIABLE,
        tried: words(library, &error),
    })?;
    environment
        .with_name("tillwatch")
        .with_telemetry(false)
        .commit();
    Ok(())
}

fn wanted(library: Option<&Path>) -> PathBuf {
    let named = || std::env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty());
    match library {
        Some(path) => path.to_owned(),
        None => named().map_or_else(|| NAME.into(), PathBuf::from),
    }
}

fn words(path: &Path, error: &ort::LoadDynamicError) -> String {
    let path = path.display();
    match error {
        // The loader's words name the file already.
        ort::LoadDynamicError::Dlopen { error, .. } => {
            format!("`{path}` cannot be opened ({error})")
        }
        ort::LoadDynamicError::MissingApi { .. } => format!("`{path}` is no ONNX Runtime"),
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            format!("`{path}` is version {version_str}")
        }
    }
}
