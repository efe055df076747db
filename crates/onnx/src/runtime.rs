//! The runtime's shared library.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::OnnxError;

/// Names the library's file.
pub(crate) const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// What a system calls it: with the development package, and without.
#[cfg(target_os = "macos")]
const NAMES: [&str; 2] = ["libonnxruntime.dylib", "libonnxruntime.1.dylib"];
#[cfg(not(target_os = "macos"))]
const NAMES: [&str; 2] = ["libonnxruntime.so", "libonnxruntime.so.1"];

/// Whether the process has a runtime.
static IS_OPEN: Mutex<bool> = Mutex::new(false);

/// Opens the runtime unless the process has one: `library`, or what the environment names, or what the
/// system finds.
///
/// # Errors
/// Says what was tried, and what to install.
pub(crate) fn open(library: Option<&Path>) -> Result<(), OnnxError> {
    let mut is_open = IS_OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if *is_open {
        return Ok(());
    }
    let mut tried = Vec::new();
    for candidate in candidates(library) {
        match ort::init_from(&candidate) {
            Ok(environment) => {
                environment
                    .with_name("tillwatch")
                    .with_telemetry(false)
                    .commit();
                *is_open = true;
                return Ok(());
            }
            Err(error) => tried.push(words(&candidate, &error)),
        }
    }
    Err(OnnxError::Runtime {
        oldest: ort::MINOR_VERSION,
        tried: tried.join(", "),
    })
}

fn candidates(library: Option<&Path>) -> Vec<PathBuf> {
    let named = std::env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty());
    match (library, named) {
        (Some(path), _) => vec![path.to_owned()],
        (None, Some(path)) => vec![path.into()],
        (None, None) => NAMES.map(PathBuf::from).to_vec(),
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
