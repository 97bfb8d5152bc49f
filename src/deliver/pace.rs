//! Not faster than a receiving domain likes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When the next mail to a domain may go.
pub(super) struct Pace {
    interval: Duration,
    next: Mutex<BTreeMap<String, Instant>>,
}

impl Pace {
    /// 0 a minute means no limit.
    pub(super) fn new(per_minute: u32) -> Self {
        Self {
            interval: Duration::from_secs(60)
                .checked_div(per_minute)
                .unwrap_or_default(),
            next: Mutex::new(BTreeMap::new()),
        }
    }

    /// Takes the next free moment of the recipient's domain, and says how long it is to it.
    pub(super) fn wait_for(&self, recipient: &str, now: Instant) -> Duration {
        if self.interval.is_zero() {
            return Duration::ZERO;
        }
        let domain = recipient.rsplit('@').next().unwrap_or_default();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = next.entry(domain.to_ascii_lowercase()).or_insert(now);
        let mine = (*slot).max(now);
        *slot = mine + self.interval;
        mine - now
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant will do")]
mod tests {
    use super::*;

    #[test]
    fn a_domain_waits_for_itself_and_no_other() {
        let (pace, now) = (Pace::new(30), Instant::now());
        let waits = ["a@x.example", "b@x.example", "c@X.example", "a@y.example"]
            .map(|to| pace.wait_for(to, now).as_secs());
        assert_eq!(waits, [0, 2, 4, 0]);
        assert_eq!(Pace::new(0).wait_for("a@x.example", now), Duration::ZERO);
    }
}
