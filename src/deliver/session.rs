//! One connection to a mail server, and one mail over it, phase by phase (RFC 5321).
//!
//! What a broken phase means for the mail is all that matters here: before the final dot nobody
//! has it; after the final dot and without an answer, nobody can tell.

use std::time::Duration;

use mail_send::smtp::message::Parameters;
use mail_send::{Error, SmtpClient, SmtpClientBuilder};
use smtp_proto::EXT_DSN;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::settings::{SmtpSettings, Tls};
use super::{Mail, Sent, tls};
use crate::diag::Failure;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// An open connection that is greeted and, where the job says so, logged in.
pub(super) struct Session {
    client: SmtpClient<Box<dyn Stream>>,
    can_dsn: bool,
}

/// Why no connection came about.
pub(super) enum NoSession {
    /// Worth another try.
    NotNow(String),
    /// A person must act.
    Never(Failure),
}

/// How one transaction went.
pub(super) enum Turn {
    /// It is decided.
    Done(Sent),
    /// The server does not have the mail; worth another try.
    NotNow(String),
    /// The server refuses us, whatever the mail.
    Never(Failure),
}

impl Session {
    pub(super) async fn open(
        settings: &SmtpSettings,
        credentials: Option<&(String, String)>,
        tls: &TlsConnector,
    ) -> Result<Self, NoSession> {
        let (host, port) = (settings.host.clone(), settings.port.get());
        let mut builder = SmtpClientBuilder::new_with_tls_connector(host, port, tls.clone())
            .implicit_tls(settings.tls == Tls::Implicit)
            .helo_host(settings.hello.clone())
            .timeout(settings.timeout);
        if let Some((user, password)) = credentials {
            builder = builder.credentials((user.clone(), password.clone()));
        }
        let opened = timeout(settings.timeout, async {
            let stream: Box<dyn Stream> = match settings.tls {
                Tls::None => Box::new(builder.connect_plain().await?.stream),
                Tls::StartTls | Tls::Implicit => Box::new(builder.connect().await?.stream),
            };
            let mut client = SmtpClient {
                stream,
                timeout: settings.timeout,
            };
            let offered = client.capabilities(&settings.hello, false).await?;
            Ok(Self {
                client,
                // RFC 3461: a bounce can bear our reference.
                can_dsn: offered.has_capability(EXT_DSN),
            })
        });
        match opened.await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(e)) => Err(no_session(&e, settings)),
            Err(_) => Err(NoSession::NotNow("the server is silent".into())),
        }
    }

    /// Is the connection still there?
    pub(super) async fn is_alive(&mut self) -> bool {
        self.client.rset().await.is_ok()
    }

    /// Sends one mail. `begin` is called before its content.
    pub(super) async fn send(
        &mut self,
        mail: &Mail<'_>,
        return_path: &str,
        begin: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Turn {
        let (mut from, mut to) = (Parameters::new(), Parameters::new());
        if self.can_dsn {
            from.add(("RET", "HDRS")).add(("ENVID", mail.name));
            to.add(("NOTIFY", "FAILURE"));
        }
        match self.client.mail_from(return_path, &from).await {
            Ok(()) => {}
            Err(e) if is_permanent(&e) => {
                return Turn::Never(
                    Failure::fix_job(format!(
                        "the mail server refuses our sender `{return_path}`: {}",
                        words(&e)
                    ))
                    .hint("see `delivery.smtp.return_path` in the job"),
                );
            }
            Err(e) => return Turn::NotNow(words(&e)),
        }
        match self.client.rcpt_to(mail.recipient, &to).await {
            Ok(()) => {}
            Err(e) => return about_the_mail(&e),
        }
        match self.client.cmd(b"DATA\r\n").await {
            Ok(reply) if reply.code == 354 => {}
            Ok(reply) => return about_the_mail(&Error::UnexpectedReply(reply)),
            Err(e) => return about_the_mail(&e),
        }
        if let Err(failure) = begin() {
            return Turn::Never(failure);
        }
        match self.content(mail.message).await {
            Ok(()) => {}
            // Without its final dot no server may deliver it (RFC 5321, section 4.1.1.4).
            Err(why) => return Turn::NotNow(why),
        }
        match self.client.cmd(b".\r\n").await {
            Ok(reply) if (200..300).contains(&reply.code) => {
                Turn::Done(Sent::Accepted(format!("{} {}", reply.code, reply.message)))
            }
            Ok(reply) if (400..600).contains(&reply.code) => {
                about_the_mail(&Error::UnexpectedReply(reply))
            }
            Ok(reply) => Turn::Done(Sent::Unknown(format!(
                "an answer that means nothing here: {} {}",
                reply.code, reply.message
            ))),
            Err(e) => Turn::Done(Sent::Unknown(format!("no answer: {}", words(&e)))),
        }
    }

    /// The content without its final dot; a line that begins with a dot gets a second one.
    async fn content(&mut self, message: &[u8]) -> Result<(), String> {
        let mut stuffed = Vec::with_capacity(message.len() + 64);
        for line in message.split_inclusive(|b| *b == b'\n') {
            if line.starts_with(b".") {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
        if !stuffed.ends_with(b"\r\n") {
            stuffed.extend_from_slice(b"\r\n");
        }
        let limit = self.client.timeout.max(Duration::from_secs(1));
        let written = timeout(limit, async {
            self.client.stream.write_all(&stuffed).await?;
            self.client.stream.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(format!("the connection broke: {e}")),
            Err(_) => Err("the server stopped reading".into()),
        }
    }
}

/// A refusal of the mailbox or of the mail, or a "not now".
fn about_the_mail(e: &Error) -> Turn {
    if is_permanent(e) {
        Turn::Done(Sent::Refused(words(e)))
    } else {
        Turn::NotNow(words(e))
    }
}

fn no_session(e: &Error, settings: &SmtpSettings) -> NoSession {
    let never = |what: String, hint: &str| {
        let at = format!("{}:{}", settings.host, settings.port);
        NoSession::Never(Failure::fix_job(what).at(at, "").hint(hint))
    };
    match e {
        Error::AuthenticationFailed(reply) if reply.code >= 500 => never(
            format!("the mail server refuses our credentials: {}", words(e)),
            "see the two environment variables that `delivery.smtp` names",
        ),
        Error::UnsupportedAuthMechanism | Error::MissingCredentials => never(
            format!("the mail server offers no way to log in that we know: {e}"),
            "leave `user_env` and `password_env` out where the server asks for no login",
        ),
        Error::MissingStartTls => never(
            "the mail server offers no STARTTLS".into(),
            "ask its owner; `tls = \"implicit\"` is the other secure way",
        ),
        Error::Tls(e) => never(
            format!(
                "the connection to the mail server cannot be secured: {}; nothing was sent",
                tls::why(e, &settings.host)
            ),
            match settings.ca_file {
                Some(_) => {
                    "the certificate must bear the name in `delivery.smtp.host` and be signed by an authority in `ca_file`"
                }
                None => {
                    "the certificate must bear the name in `delivery.smtp.host` and be signed by an authority that this machine trusts; name one of your own with `ca_file`"
                }
            },
        ),
        Error::InvalidTLSName => never(
            format!("`{}` is no name that a certificate can bear", settings.host),
            "see `delivery.smtp.host` in the job",
        ),
        e => NoSession::NotNow(words(e)),
    }
}

/// 5xx: trying again would change nothing.
fn is_permanent(e: &Error) -> bool {
    matches!(e, Error::UnexpectedReply(reply) | Error::AuthenticationFailed(reply)
        if (500..600).contains(&reply.code))
}

/// The server's words, or what happened instead.
fn words(e: &Error) -> String {
    match e {
        Error::UnexpectedReply(r) | Error::AuthenticationFailed(r) => {
            format!("{} {}", r.code, r.message.trim())
        }
        e => e.to_string(),
    }
}
