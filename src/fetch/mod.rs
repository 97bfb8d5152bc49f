//! Fetches security.txt files, politely: the one room that speaks to strangers' servers.
//!
//! It runs apart from the night, which reads what it wrote. Everything is bounded: time, size,
//! redirects, requests at once, and a pause between two requests to one host. Private addresses
//! are never asked, whatever a name or a redirect says.

mod guard;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use reqwest::{Client, Response, StatusCode, redirect};
use url::{Host, Url};

use crate::contacts::{Lookup, LookupKind, LookupOutcome};
use crate::diag::Failure;
use crate::model::name::Domain;
use guard::{Pauses, PublicOnly};

/// How to fetch.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest time for one request, from the name to the last byte.
    pub timeout: Duration,
    /// Requests at once.
    pub concurrency: usize,
    /// Least time between two requests to one host.
    pub pause: Duration,
    /// Largest file, in bytes.
    pub max_bytes: usize,
    /// Redirects that are followed.
    pub max_redirects: usize,
    /// Who asks, and where to complain.
    pub user_agent: String,
    /// One more authority to trust, in PEM.
    pub authority: Option<Vec<u8>>,
    /// For tests: every name is at this address, which may be private.
    pub everything_at: Option<SocketAddr>,
}

impl Default for Settings {
    /// 32 KiB is far above any file in use; three redirects as browsers' people expect them.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            concurrency: 16,
            pause: Duration::from_secs(2),
            max_bytes: 32 << 10,
            max_redirects: 3,
            user_agent: format!("nachtwacht/{}", env!("CARGO_PKG_VERSION")),
            authority: None,
            everything_at: None,
        }
    }
}

/// Where RFC 9116 puts the file, and where it was before (section 3).
const PATHS: [&str; 2] = ["/.well-known/security.txt", "/security.txt"];

/// Fetches the files of these names; each name gives one result, in the order of the names.
/// `done` is called after each.
///
/// # Errors
/// `FixJob` where the extra authority is no PEM certificate, `TryLater` where no connection can
/// be made at all. What happens at a name is a result, never an error.
pub fn security_txt(
    settings: &Settings,
    names: &BTreeSet<Domain>,
    now: Timestamp,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<Lookup>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::try_later(format!("no threads for fetching: {e}")))?;
    let fetcher = Fetcher {
        client: client(settings)?,
        pauses: Pauses::new(settings.pause),
        settings,
        now,
    };
    let mut lookups = runtime.block_on(async {
        let fetches = names.iter().map(|name| async {
            let lookup = fetcher.fetch(name).await;
            done();
            lookup
        });
        futures::stream::iter(fetches)
            .buffer_unordered(settings.concurrency.max(1))
            .collect::<Vec<Lookup>>()
            .await
    });
    lookups.sort_by(|a, b| a.subject.cmp(&b.subject));
    Ok(lookups)
}

fn client(settings: &Settings) -> Result<Client, Failure> {
    let mut builder = Client::builder()
        .user_agent(&settings.user_agent)
        .timeout(settings.timeout)
        .connect_timeout(settings.timeout)
        .redirect(redirect::Policy::none())
        // A proxy would resolve names itself, past our guard.
        .no_proxy()
        .pool_max_idle_per_host(1)
        .dns_resolver(Arc::new(PublicOnly {
            everything_at: settings.everything_at,
        }));
    if let Some(pem) = &settings.authority {
        let authority = reqwest::Certificate::from_pem(pem)
            .map_err(|e| Failure::fix_job(format!("no certificate in PEM: {e}")).at("", "--ca"))?;
        builder = builder.add_root_certificate(authority);
    }
    builder
        .build()
        .map_err(|e| Failure::try_later(format!("no connections can be made: {e}")))
}

struct Fetcher<'a> {
    client: Client,
    pauses: Pauses,
    settings: &'a Settings,
    now: Timestamp,
}

/// What one path came to.
enum Came {
    File {
        urls: Vec<String>,
        content_type: Option<String>,
        body: Vec<u8>,
    },
    /// The server says that nothing is there.
    Nothing(String),
    /// No answer.
    Unknown(String),
}

impl Fetcher<'_> {
    async fn fetch(&self, name: &Domain) -> Lookup {
        let result = |outcome, reason: String| {
            let kind = LookupKind::SecurityTxt;
            Lookup::without(kind, name.to_string(), self.now, outcome, reason)
        };
        let mut nothing = None;
        for path in PATHS {
            match self.path(name, path).await {
                Came::File {
                    urls,
                    content_type,
                    body,
                } => {
                    let found = result(LookupOutcome::Found, String::new());
                    return Lookup {
                        urls,
                        content_type,
                        ..found.with_body(&body)
                    };
                }
                // The old place is asked only where the right one is known to be empty.
                Came::Nothing(reason) => nothing = nothing.or(Some(reason)),
                Came::Unknown(reason) => return result(LookupOutcome::Unknown, reason),
            }
        }
        result(LookupOutcome::None, nothing.unwrap_or_default())
    }

    async fn path(&self, name: &Domain, path: &str) -> Came {
        let port = self.settings.everything_at.map_or(443, |at| at.port());
        let Ok(mut url) = Url::parse(&format!("https://{name}:{port}{path}")) else {
            return Came::Unknown("bad_name".into());
        };
        let mut urls = vec![shown(&url)];
        for _ in 0..=self.settings.max_redirects {
            if let Err(reason) = self.may_ask(&url) {
                return Came::Unknown(reason.into());
            }
            self.pauses.wait(url.host_str().unwrap_or_default()).await;
            let response = match self.client.get(url.clone()).send().await {
                Ok(response) => response,
                Err(e) => return Came::Unknown(reason_of(&e).into()),
            };
            let status = response.status();
            if status.is_redirection() {
                match target(&response, &url) {
                    Some(next) => url = next,
                    None => return Came::Unknown("bad_redirect".into()),
                }
                urls.push(shown(&url));
                continue;
            }
            return match status {
                StatusCode::OK if !url.path().ends_with("/security.txt") => {
                    Came::Nothing("redirected_away".into())
                }
                StatusCode::OK => self.body(response, urls).await,
                StatusCode::NOT_FOUND | StatusCode::GONE => {
                    Came::Nothing(format!("http_status_{}", status.as_u16()))
                }
                status => Came::Unknown(format!("http_status_{}", status.as_u16())),
            };
        }
        Came::Unknown("too_many_redirects".into())
    }

    /// Redirects lead to HTTPS at a name, at the usual port; to an address never.
    fn may_ask(&self, url: &Url) -> Result<(), &'static str> {
        if url.scheme() != "https" {
            return Err("redirected_to_http");
        }
        if !matches!(url.host(), Some(Host::Domain(_))) {
            return Err("redirected_to_address");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("bad_redirect");
        }
        let port = self.settings.everything_at.map_or(443, |at| at.port());
        match url.port_or_known_default() {
            Some(443) => Ok(()),
            Some(other) if other == port => Ok(()),
            _ => Err("redirected_to_port"),
        }
    }

    async fn body(&self, mut response: Response, urls: Vec<String>) -> Came {
        let header = response.headers().get(reqwest::header::CONTENT_TYPE);
        let content_type = header.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.settings.max_bytes => {
                    return Came::Unknown("too_large".into());
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(e) => return Came::Unknown(reason_of(&e).into()),
            }
        }
        Came::File {
            urls,
            content_type,
            body,
        }
    }
}

/// As a `Canonical` field would write it: without the port that HTTPS has anyway.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    url.to_string()
}

fn target(response: &Response, from: &Url) -> Option<Url> {
    let location = response.headers().get(reqwest::header::LOCATION)?;
    from.join(location.to_str().ok()?).ok()
}

/// A code for what went wrong; the words of the libraries would name addresses.
fn reason_of(error: &reqwest::Error) -> &'static str {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        text.push_str(&error.to_string().to_lowercase());
        text.push('\n');
        cause = error.source();
    }
    if text.contains(guard::PRIVATE) {
        "private_address"
    } else if error.is_timeout() {
        "timeout"
    } else if text.contains("certificate") {
        "invalid_cert"
    } else if text.contains("dns") || text.contains("lookup address") {
        "dns"
    } else if error.is_connect() {
        "connect"
    } else {
        "broken_answer"
    }
}
