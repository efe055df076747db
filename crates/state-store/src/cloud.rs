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
            Arc::new(
                builder
                    .build()
                    .map_err(|error| without_secrets(&error.to_string()))?,
            )
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

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(url: &str, options: &[(&str, &str)]) -> Result<Arc<dyn ObjectStore>, String> {
        let options = options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        open(&url.parse().unwrap(), options.collect())
    }

    #[test]
    fn buckets_of_each_provider_are_opened() {
        opened(
            "s3://bucket/prefix",
            &[("aws_region", "eu-central-1"), ("allow_http", "true")],
        )
        .unwrap();
        opened("gs://bucket/prefix", &[("google_skip_signature", "true")]).unwrap();
        opened(
            "az://container/prefix",
            &[("account_name", "a"), ("skip_signature", "true")],
        )
        .unwrap();
    }

    #[test]
    fn options_that_are_not_known_are_named() {
        for url in ["s3://bucket", "gs://bucket", "az://container"] {
            let error = opened(url, &[("regoin", "x")]).unwrap_err();
            assert!(error.contains("`regoin` is not known"), "{error}");
        }
    }
}
