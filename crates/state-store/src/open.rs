//! From a URL to a store.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use url::Url;

use crate::error::StoreError;
use crate::failure::without_secrets;
use crate::io::{BUCKET_WAIT, DIRECTORY_WAIT, Io, Local, Patience};

/// What URLs may begin with, for messages.
const KNOWN: &str = "a directory, file:///…, s3://…, gs://… or az://…";

pub(crate) fn open(url: &str, options: Vec<(String, String)>) -> Result<Io, StoreError> {
    let wrong = |problem: String| settings(url, problem);
    if !url.contains("://") {
        refuse_options(url, &options)?;
        return directory(url, PathBuf::from(url));
    }
    let parsed = Url::parse(url).map_err(|error| wrong(format!("{error}; write {KNOWN}")))?;
    refuse_secrets(&parsed).map_err(|problem| wrong(problem.to_owned()))?;
    match parsed.scheme() {
        "file" => {
            refuse_options(url, &options)?;
            let path = parsed.to_file_path();
            let path = path.map_err(|()| {
                wrong("a file URL has three slashes and an absolute path".to_owned())
            })?;
            directory(url, path)
        }
        "memory" => {
            refuse_options(url, &options)?;
            let patience = Patience::new(BUCKET_WAIT);
            Io::new(Arc::new(InMemory::new()), Path::default(), None, patience)
        }
        "s3" | "s3a" | "gs" | "az" | "azure" | "abfs" | "abfss" | "adl" => {
            let prefix = Path::from_url_path(parsed.path());
            let prefix =
                prefix.map_err(|error| wrong(format!("its path cannot be used: {error}")))?;
            let store = cloud(url, &parsed, options)?;
            Io::new(store, prefix, None, Patience::new(BUCKET_WAIT))
        }
        other => Err(wrong(format!(
            "`{other}` is no kind of store; write {KNOWN}"
        ))),
    }
}

fn directory(url: &str, path: PathBuf) -> Result<Io, StoreError> {
    let patience = Patience::new(DIRECTORY_WAIT);
    let (reply, answer) = patience.ask();
    // A mount whose server is gone lets whoever touches it wait for ever.
    let opening = std::thread::Builder::new().name("state-open".to_owned());
    opening
        .spawn(move || reply.send(local(&path)))
        .map_err(|error| {
            settings(
                url,
                format!("no thread can be started to open it ({error})"),
            )
        })?;
    let local = answer.wait("open", url)?.map_err(|problem| {
        settings(
            url,
            format!("{problem}; give the process a directory that it can write to"),
        )
    })?;
    let files = Arc::new(local.files.clone());
    Io::new(files, Path::default(), Some(local), patience)
}

/// Makes the directory if it is missing. Errors say what cannot be done.
fn local(path: &FilePath) -> Result<Local, String> {
    std::fs::create_dir_all(path)
        .map_err(|error| format!("the directory cannot be made ({error})"))?;
    let root = FilePath::canonicalize(path)
        .map_err(|error| format!("the directory cannot be found ({error})"))?;
    let files = LocalFileSystem::new_with_prefix(&root)
        .map_err(|error| format!("the directory cannot be used ({error})"))?;
    Ok(Local { files, root })
}

/// A place is told in logs and messages, so it must hold nothing that nobody may read.
fn refuse_secrets(url: &Url) -> Result<(), &'static str> {
    // An Azure address has its container where others have a user.
    let may_have_user = matches!(url.scheme(), "az" | "abfs" | "abfss");
    if url.password().is_some() || !(url.username().is_empty() || may_have_user) {
        return Err(
            "credentials do not belong in it, since it is logged; set them in the environment, under the cloud's \
             own names",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(
            "it takes nothing after `?` or `#`; give options by their names, and what is secret in the \
             environment",
        );
    }
    Ok(())
}

fn refuse_options(url: &str, options: &[(String, String)]) -> Result<(), StoreError> {
    match options.first() {
        None => Ok(()),
        Some((key, _)) => Err(settings(
            url,
            format!("it takes no options, and `{key}` is one; remove it"),
        )),
    }
}

#[cfg(feature = "cloud")]
fn cloud(
    url: &str,
    parsed: &Url,
    options: Vec<(String, String)>,
) -> Result<Arc<dyn ObjectStore>, StoreError> {
    crate::cloud::open(parsed, options).map_err(|problem| settings(url, problem))
}

#[cfg(not(feature = "cloud"))]
fn cloud(
    url: &str,
    _parsed: &Url,
    _options: Vec<(String, String)>,
) -> Result<Arc<dyn ObjectStore>, StoreError> {
    Err(settings(
        url,
        "this build knows directories alone; build with `--features cloud`, as the container image is, or give \
         a directory"
            .to_owned(),
    ))
}

fn settings(url: &str, problem: String) -> StoreError {
    StoreError::Settings {
        url: without_secrets(url),
        problem,
    }
}
