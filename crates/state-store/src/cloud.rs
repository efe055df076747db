//! Buckets of cloud providers. Credentials come from the environment, as `object_store` documents.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{ObjectStore, RetryConfig};
use url::Url;

use crate::failure::without_secrets;

/// Opens the bucket of a URL whose scheme is one of a cloud's. Errors say what to change.
pub(crate) fn open(
    url: &Url,
    options: Vec<(String, String)>,
) -> Result<Arc<dyn ObjectStore>, String> {
    let secrets = Secrets::of(&options);
    // The builders have the same methods and no trait.
    macro_rules! bucket {
        ($builder:ty) => {{
            let mut builder = <$builder>::from_env()
                .with_url(url.as_str())
                .with_retry(retry());
            for (key, value) in options {
                let known = key.to_ascii_lowercase().parse();
                builder = builder.with_config(known.map_err(|error| unknown(&key, &error))?, value);
            }
            Arc::new(builder.build().map_err(|error| refused(&secrets, &error))?)
        }};
    }
    Ok(match url.scheme() {
        "gs" => bucket!(GoogleCloudStorageBuilder),
        "s3" | "s3a" => bucket!(AmazonS3Builder),
        _ => bucket!(MicrosoftAzureBuilder),
    })
}

/// Short, since callers try again with a back-off of their own, and other lanes wait for the answer.
fn retry() -> RetryConfig {
    RetryConfig {
        max_retries: 3,
        retry_timeout: Duration::from_secs(20),
        ..RetryConfig::default()
    }
}

fn unknown(key: &str, error: &impl Display) -> String {
    format!(
        "the option `{key}` is not known ({error}); write one of `object_store`'s keys for this kind of store"
    )
}

fn refused(secrets: &Secrets, error: &impl Display) -> String {
    format!(
        "{}; check its options, and the variables of the cloud in the environment",
        secrets.hidden_in(&error.to_string())
    )
}

/// What variables of clouds begin with.
const VARIABLES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// What is in the names of options and variables that hold secrets.
const SECRET_NAMES: [&str; 6] = ["key", "secret", "token", "password", "sas", "credential"];

/// Shorter values are in too many words to be hidden, and guessed at once.
const SECRET_BYTES_MIN: usize = 4;

/// Values that no message may show: a parser that refuses one may quote it.
struct Secrets(Vec<String>);

impl Secrets {
    /// Those among `options` and in the environment.
    fn of(options: &[(String, String)]) -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let is_clouds = VARIABLES.iter().any(|begin| name.starts_with(begin));
            is_clouds.then_some((name, value.into_string().ok()?))
        });
        let given = options.iter().cloned().chain(variables);
        let secret = given.filter(|(name, value)| {
            let name = name.to_ascii_lowercase();
            value.len() >= SECRET_BYTES_MIN && SECRET_NAMES.iter().any(|word| name.contains(word))
        });
        Self(secret.map(|(_, value)| value).collect())
    }

    fn hidden_in(&self, said: &str) -> String {
        let hide = |said: String, secret: &String| said.replace(secret.as_str(), "…");
        self.0.iter().fold(without_secrets(said), hide)
    }
}

#[cfg(test)]
mod tests {
    use crate::StateStore;

    fn options(options: &[(&str, &str)]) -> Vec<(String, String)> {
        let options = options.iter();
        let owned = options.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    fn opened(url: &str, given: &[(&str, &str)]) -> Result<StateStore, String> {
        StateStore::open(url, options(given)).map_err(|error| error.to_string())
    }

    #[test]
    fn buckets_of_each_provider_are_opened() {
        let azure = &[("account_name", "a"), ("skip_signature", "true")][..];
        let google = &[("google_skip_signature", "true")][..];
        let aws = &[("aws_region", "eu-central-1"), ("allow_http", "true")][..];
        for (url, given) in [
            ("s3://bucket/prefix", aws),
            ("s3a://bucket", aws),
            ("gs://bucket/prefix/", google),
            ("az://container/prefix", azure),
            ("azure://container", azure),
            (
                "abfss://container@account.dfs.core.windows.net/prefix",
                &[("skip_signature", "true")][..],
            ),
        ] {
            let store = opened(url, given).unwrap();
            assert_eq!(store.directory(), None, "{url}");
        }
    }

    #[test]
    fn options_that_are_not_known_are_named() {
        for url in ["s3://bucket", "gs://bucket", "az://container"] {
            let error = opened(url, &[("regoin", "hunter2")]).unwrap_err();
            assert!(error.contains("`regoin` is not known"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_a_bucket_lacks_is_said_with_what_to_do() {
        for (url, given) in [
            ("s3:///prefix", &[][..]),
            ("gs://bucket", &[("google_service_account", "/nowhere")][..]),
            ("az://with.dots", &[("account_name", "a")][..]),
            ("s3://bucket", &[("allow_http", "perhaps")][..]),
        ] {
            let error = opened(url, given).unwrap_err();
            assert!(error.contains("check its options"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_in_no_message_and_in_no_debug_output() {
        let quoted = "\"hunter2hunter2\"";
        let error = opened("gs://bucket", &[("google_service_account_key", quoted)]).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        let error = opened(
            "az://container",
            &[("account_name", "a"), ("account_key", "hunter2!")],
        )
        .unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        for (url, given) in [
            (
                "s3://bucket/prefix",
                [
                    ("aws_access_key_id", "AKIA"),
                    ("aws_secret_access_key", "hunter2hunter2"),
                ],
            ),
            (
                // Debug output would show its bytes.
                "az://container/prefix",
                [("account_name", "a"), ("account_key", "aHVudGVyMg==")],
            ),
        ] {
            let store = opened(url, &given).unwrap();
            let shown = format!("{store:?}");
            assert!(
                shown.contains("(bucket)") || shown.contains("container: container"),
                "{shown}"
            );
            for secret in ["hunter2", "aHVudGVyMg", "104, 117, 110"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}
