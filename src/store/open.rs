//! From a base URL to a store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::Settings;
use crate::diag::Failure;

type Opened = (Arc<dyn ObjectStore>, Path, Option<PathBuf>);

pub(super) fn open(
    base: &Url,
    settings: &Settings,
    env: &BTreeMap<String, String>,
) -> Result<Opened, Failure> {
    let refuse = |e: &dyn std::fmt::Display| {
        Failure::fix_job(format!("the base cannot be opened: {e}"))
            .at(base.as_str(), "")
            .hint("check the URL, and the variables of the environment that hold its credentials")
    };
    let (scheme, path) = ObjectStoreScheme::parse(base).map_err(|e| refuse(&e))?;
    let prefix = Path::parse(path.as_ref()).map_err(|e| refuse(&e))?;
    let client = ClientOptions::new()
        .with_timeout(Duration::from_secs(settings.timeout_secs))
        .with_connect_timeout(Duration::from_secs(settings.connect_timeout_secs));
    let retry = RetryConfig {
        max_retries: usize::try_from(settings.retries).unwrap_or(usize::MAX),
        retry_timeout: Duration::from_secs(settings.timeout_secs.saturating_mul(4)),
        backoff: BackoffConfig::default(),
    };
    // Unknown variables are no options of the store; `try_from` tells them apart.
    macro_rules! cloud {
        ($builder:ty) => {{
            let mut builder = <$builder>::new()
                .with_url(base.as_str())
                .with_client_options(client)
                .with_retry(retry);
            for (name, value) in env {
                if let Ok(key) = name.to_ascii_lowercase().parse() {
                    builder = builder.with_config(key, value);
                }
            }
            Arc::new(builder.build().map_err(|e| refuse(&e))?) as Arc<dyn ObjectStore>
        }};
    }
    let store: Arc<dyn ObjectStore> = match scheme {
        ObjectStoreScheme::Local => {
            let root = base
                .to_file_path()
                .map_err(|()| refuse(&"not a path of this machine"))?;
            let store = LocalFileSystem::new_with_prefix(&root).map_err(|e| refuse(&e))?;
            return Ok((Arc::new(store), Path::default(), Some(root)));
        }
        ObjectStoreScheme::Memory => Arc::new(InMemory::new()),
        ObjectStoreScheme::AmazonS3 => cloud!(AmazonS3Builder),
        ObjectStoreScheme::GoogleCloudStorage => cloud!(GoogleCloudStorageBuilder),
        ObjectStoreScheme::MicrosoftAzure => cloud!(MicrosoftAzureBuilder),
        _ => return Err(refuse(&"not a kind of store that this program knows")),
    };
    Ok((store, prefix, None))
}
