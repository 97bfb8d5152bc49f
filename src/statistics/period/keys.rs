//! A random number for everything that is counted, out of the secret of the ledger.

use crate::model::identity::Secret;
use crate::model::night::Night;
use crate::statistics::guard::mixed;

/// Numbers of companies, findings and triggers, by their positions in the facts.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    secret: Secret,
    companies: Vec<u64>,
    findings: Vec<u64>,
    triggers: Vec<u64>,
}

impl Keys {
    pub(super) const fn new(secret: Secret) -> Self {
        Self {
            secret,
            companies: Vec::new(),
            findings: Vec::new(),
            triggers: Vec::new(),
        }
    }

    fn number(&self, what: &str, of: &[u8]) -> u64 {
        let mut message = format!("cell-key/1|{what}|").into_bytes();
        message.extend(of);
        let hash = self.secret.hmac(&message);
        hash.iter().take(8).fold(0, |n, b| (n << 8) | u64::from(*b))
    }

    /// Takes what was numbered last, where it is new.
    pub(super) fn company(&mut self, number: u32, of: u128) {
        if number as usize == self.companies.len() {
            self.companies
                .push(self.number("company", &of.to_be_bytes()));
        }
    }

    pub(super) fn finding(&mut self, number: u32, of: u128) {
        if number as usize == self.findings.len() {
            self.findings
                .push(self.number("finding", &of.to_be_bytes()));
        }
    }

    pub(super) fn trigger(&mut self, number: u32, of: &str) {
        if number as usize == self.triggers.len() {
            self.triggers.push(self.number("trigger", of.as_bytes()));
        }
    }

    pub(super) fn of_company(&self, number: u32) -> u64 {
        self.companies
            .get(number as usize)
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn of_finding(&self, number: u32) -> u64 {
        self.findings
            .get(number as usize)
            .copied()
            .unwrap_or_default()
    }

    /// A company's notification of a trigger on a night.
    pub(super) fn of_notification(&self, company: u32, trigger: u32, night: Night) -> u64 {
        let trigger = self
            .triggers
            .get(trigger as usize)
            .copied()
            .unwrap_or_default();
        let date = night.date();
        let day = (u64::from(date.year().unsigned_abs()) << 16)
            | u64::from(date.day_of_year().unsigned_abs());
        mixed(self.of_company(company) ^ mixed(trigger.wrapping_add(day)))
    }
}
