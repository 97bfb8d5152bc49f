//! What keeps the fetcher polite and out of private networks.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Mutex;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

use crate::model::net::is_reserved;

/// Marks our refusal among a library's errors.
pub(super) const PRIVATE: &str = "no public address";

/// Resolves names to public addresses alone: a name in somebody's zone may point into our own
/// network, and may point elsewhere when it is asked again. What is checked is what is used.
pub(super) struct PublicOnly {
    pub(super) everything_at: Option<SocketAddr>,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        if let Some(at) = self.everything_at {
            let one: Addrs = Box::new(std::iter::once(at));
            return Box::pin(std::future::ready(Ok(one)));
        }
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::task::spawn_blocking(move || (host.as_str(), 0).to_socket_addrs())
                .await
                .map_err(|e| io::Error::other(e.to_string()))??;
            let public: Vec<SocketAddr> = found.filter(|at| is_public(at.ip())).collect();
            if public.is_empty() {
                return Err(io::Error::other(PRIVATE).into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

/// An IPv6 address that only wraps an IPv4 one is judged by that.
pub(super) fn is_public(ip: IpAddr) -> bool {
    !is_reserved(&IpNet::from(ip.to_canonical()))
}

/// When each host may be asked again.
pub(super) struct Pauses {
    pause: Duration,
    next: Mutex<BTreeMap<String, Instant>>,
}

impl Pauses {
    pub(super) const fn new(pause: Duration) -> Self {
        Self {
            pause,
            next: Mutex::new(BTreeMap::new()),
        }
    }

    /// Waits for this host's turn, and takes it.
    pub(super) async fn wait(&self, host: &str) {
        let now = Instant::now();
        let turn = {
            let mut next = self
                .next
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let turn = next.get(host).map_or(now, |next| (*next).max(now));
            next.insert(host.to_owned(), turn + self.pause);
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_space_is_not_public_in_any_notation() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "ff02::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["8.8.8.8", "2a00:1450:400e::1"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
