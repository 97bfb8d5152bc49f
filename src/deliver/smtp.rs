//! A mail server: pooled connections, patience with "not now", no second try where the answer
//! was lost.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

use super::pace::Pace;
use super::session::{NoSession, Session, Turn};
use super::settings::SmtpSettings;
use super::tls::{Authorities, connector};
use super::{Carrier, Mail, Sent};
use crate::diag::Failure;

/// User and password.
pub type Credentials = (String, String);

/// No wait between two tries is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The carrier for a mail server.
pub struct Smtp {
    settings: SmtpSettings,
    credentials: Option<Credentials>,
    tls: TlsConnector,
    runtime: Runtime,
    idle: Mutex<Vec<Session>>,
    pace: Pace,
}

impl Smtp {
    /// Opens nothing yet. `authorities` count instead of those that the machine trusts.
    ///
    /// # Errors
    /// `TryLater` where the system has no threads, `FixJob` where it trusts nobody.
    pub fn new(
        settings: SmtpSettings,
        credentials: Option<Credentials>,
        authorities: Option<&Authorities>,
    ) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|e| Failure::try_later(format!("no runtime for the mail server: {e}")))?;
        Ok(Self {
            pace: Pace::new(settings.per_domain_per_minute),
            tls: connector(authorities)?,
            settings,
            credentials,
            runtime,
            idle: Mutex::new(Vec::new()),
        })
    }

    fn take_idle(&self) -> Option<Session> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn give_back(&self, session: Session) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(session);
    }

    /// An idle connection that still answers, or a new one.
    async fn session(&self) -> Result<Session, NoSession> {
        while let Some(mut session) = self.take_idle() {
            if session.is_alive().await {
                return Ok(session);
            }
        }
        Session::open(&self.settings, self.credentials.as_ref(), &self.tls).await
    }

    /// One try. A connection on which a mail was decided is kept.
    async fn turn(
        &self,
        mail: &Mail<'_>,
        begin: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Turn, NoSession> {
        let mut session = self.session().await?;
        let turn = session.send(mail, &self.settings.return_path, begin).await;
        if matches!(turn, Turn::Done(Sent::Accepted(_) | Sent::Refused(_))) {
            self.give_back(session);
        }
        Ok(turn)
    }

    fn away(&self, why: &str) -> Failure {
        Failure::try_later(format!("the mail server does not take our mail: {why}"))
            .at(format!("{}:{}", self.settings.host, self.settings.port), "")
            .hint("run the same command again: letters that did not leave are sent then")
    }

    fn wait(&self, n_tries: u32) -> Duration {
        let factor = 1u32.checked_shl(n_tries).unwrap_or(u32::MAX);
        self.settings
            .first_wait
            .saturating_mul(factor)
            .min(LONGEST_WAIT)
    }
}

impl Carrier for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }

    fn lanes(&self) -> usize {
        self.settings.connections.get()
    }

    fn ready(&self) -> Result<(), Failure> {
        let mut why = String::new();
        for n in 0..=self.settings.retries {
            if n > 0 {
                std::thread::sleep(self.wait(n - 1));
            }
            match self.runtime.block_on(self.session()) {
                Ok(session) => {
                    self.give_back(session);
                    return Ok(());
                }
                Err(NoSession::Never(failure)) => return Err(failure),
                Err(NoSession::NotNow(said)) => why = said,
            }
        }
        Err(self.away(&why))
    }

    /// A server does not tell what it took.
    fn has(&self, _: &str) -> Result<bool, Failure> {
        Ok(false)
    }

    fn send(
        &self,
        mail: &Mail<'_>,
        begin: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Sent, Failure> {
        if let Some(why) = impossible(mail) {
            return Ok(Sent::Refused(why.to_owned()));
        }
        #[expect(clippy::disallowed_methods, reason = "a pace is measured by the clock")]
        std::thread::sleep(self.pace.wait_for(mail.recipient, Instant::now()));
        let (mut was_taken_up, mut why) = (false, String::new());
        for n in 0..=self.settings.retries {
            if n > 0 {
                std::thread::sleep(self.wait(n - 1));
            }
            match self.runtime.block_on(self.turn(mail, begin)) {
                Ok(Turn::Done(sent)) => return Ok(sent),
                Ok(Turn::Never(failure)) | Err(NoSession::Never(failure)) => return Err(failure),
                Ok(Turn::NotNow(said)) => {
                    was_taken_up = true;
                    why = said;
                }
                Err(NoSession::NotNow(said)) => why = said,
            }
        }
        // A server that was there and did not want this mail must not stop the others.
        if was_taken_up {
            let n = self.settings.retries + 1;
            return Ok(Sent::Refused(format!("given up after {n} tries: {why}")));
        }
        Err(self.away(&why))
    }
}

/// What may not go into a command or onto the wire, whoever wrote it.
fn impossible(mail: &Mail<'_>) -> Option<&'static str> {
    let is_plain = |c: u8| c.is_ascii_graphic() && !matches!(c, b'<' | b'>');
    if !mail.recipient.contains('@') || !mail.recipient.bytes().all(is_plain) {
        return Some("not sent: the recipient is not one plain mail address");
    }
    let mut before = 0u8;
    for byte in mail.message {
        if (*byte == b'\n') != (before == b'\r') {
            return Some("not sent: the message holds a bare carriage return or line feed");
        }
        before = *byte;
    }
    (before == b'\r').then_some("not sent: the message ends in a bare carriage return")
}
