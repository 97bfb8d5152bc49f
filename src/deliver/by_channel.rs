//! E-mail by one outbox, everything else by another.

use super::{Dispatch, Handed, Outbox, Trace};
use crate::diag::Failure;
use crate::model::company::Channel;

/// Two outboxes behind one door.
pub struct ByChannel {
    /// Takes letters that go by e-mail.
    pub email: Box<dyn Outbox>,
    /// Takes all others.
    pub other: Box<dyn Outbox>,
}

impl ByChannel {
    fn of(&self, channel: Channel) -> &dyn Outbox {
        match channel {
            Channel::Email => self.email.as_ref(),
            Channel::Post | Channel::Phone => self.other.as_ref(),
        }
    }
}

impl Outbox for ByChannel {
    fn name(&self, channel: Channel) -> &'static str {
        self.of(channel).name(channel)
    }

    fn lanes(&self, channel: Channel) -> usize {
        self.of(channel).lanes(channel)
    }

    fn ready(&self) -> Result<(), Failure> {
        self.email.ready()?;
        self.other.ready()
    }

    fn trace(&self, dispatch: &Dispatch<'_>) -> Result<Trace, Failure> {
        self.of(dispatch.channel).trace(dispatch)
    }

    fn hand_over(&self, dispatch: &Dispatch<'_>) -> Result<Handed, Failure> {
        self.of(dispatch.channel).hand_over(dispatch)
    }
}
