//! A mail server that does what a script says: refuses, breaks off, garbles, loses its answer.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;

/// Where a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the greeting.
    Connect,
    /// The greeting says "not now".
    Greeting,
    /// Before the answer to EHLO.
    Ehlo,
    /// Before the answer to RSET, with which a pooled connection is tried.
    Reset,
    /// Before the answer to MAIL.
    Mail,
    /// Before the answer to RCPT.
    Rcpt,
    /// Before the answer to DATA.
    Data,
    /// In the middle of the content.
    Content,
    /// After the final dot; the mail is not taken.
    DotLost,
    /// After the final dot; the mail is taken, its answer lost.
    DotTaken,
    /// The mail is taken, its answer is no SMTP.
    Garbled,
    /// The mail is taken and answered, then the connection breaks.
    Afterwards,
}

impl Phase {
    pub const ALL: [Self; 12] = [
        Self::Connect,
        Self::Greeting,
        Self::Ehlo,
        Self::Reset,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Content,
        Self::DotLost,
        Self::DotTaken,
        Self::Garbled,
        Self::Afterwards,
    ];
}

/// What the server does, and when.
#[derive(Clone, Copy, Debug)]
pub enum Script {
    /// Everything is well.
    Kind,
    /// Breaks at the phase each time that the phase was reached so often again.
    Every(Phase, usize),
    /// Answers RCPT to this mailbox with a code.
    Poisoned(&'static str, u16),
    /// Breaks at the phase for this mailbox.
    BreaksFor(&'static str, Phase),
    /// Loses the first mail for this mailbox after the final dot; RCPT gets this answer from then on.
    LosesFirst(&'static str, &'static str),
    /// Answers MAIL with a code.
    SenderRefused(u16),
    /// Takes nothing before this user has logged in with this password.
    Login(&'static str, &'static str),
}

#[derive(Default)]
struct State {
    reached: usize,
    accepted: BTreeMap<String, Vec<(String, String)>>,
    logins: Vec<String>,
}

pub struct Server {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let mut talk = Talk {
                        script,
                        state,
                        recipient: String::new(),
                        is_known: !matches!(script, Script::Login(..)),
                    };
                    let _ = talk.run(&stream);
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        Self { port, state }
    }

    /// How often each mail was taken, by Message-ID.
    pub fn accepted(&self) -> BTreeMap<String, usize> {
        let state = self.state.lock().unwrap();
        state
            .accepted
            .iter()
            .map(|(id, mails)| (id.clone(), mails.len()))
            .collect()
    }

    /// User and password of every try to log in.
    pub fn logins(&self) -> Vec<String> {
        self.state.lock().unwrap().logins.clone()
    }

    /// Envelope recipient and content of every mail that was taken.
    pub fn mails(&self) -> Vec<(String, String)> {
        let state = self.state.lock().unwrap();
        state.accepted.values().flatten().cloned().collect()
    }
}

struct Talk {
    script: Script,
    state: Arc<Mutex<State>>,
    recipient: String,
    is_known: bool,
}

impl Talk {
    /// Does the script break the connection here?
    fn breaks(&self, phase: Phase) -> bool {
        match self.script {
            Script::Every(at, n) if at == phase => {
                let mut state = self.state.lock().unwrap();
                state.reached += 1;
                state.reached.is_multiple_of(n)
            }
            Script::BreaksFor(mailbox, at) => at == phase && self.recipient == mailbox,
            Script::LosesFirst(mailbox, _) => {
                let is_due = phase == Phase::DotLost && self.recipient == mailbox;
                let breaks = is_due && !self.has_lost();
                self.state.lock().unwrap().reached += usize::from(breaks);
                breaks
            }
            _ => false,
        }
    }

    fn has_lost(&self) -> bool {
        self.state.lock().unwrap().reached > 0
    }

    fn take(&self, content: &str) {
        let id = content
            .lines()
            .find_map(|l| l.strip_prefix("Message-ID: "))
            .unwrap_or("none")
            .to_owned();
        let mut state = self.state.lock().unwrap();
        let mails = state.accepted.entry(id).or_default();
        mails.push((self.recipient.clone(), content.to_owned()));
    }

    /// `AUTH PLAIN` with its answer in the same line (RFC 4616): base64 of `NUL user NUL password`.
    fn login(&mut self, line: &str) -> &'static str {
        let sent = line.trim_end().rsplit(' ').next().unwrap_or_default();
        let Ok(plain) = base64::engine::general_purpose::STANDARD.decode(sent) else {
            return "501 no base64";
        };
        let plain = String::from_utf8(plain).unwrap_or_default();
        let said = plain.trim_start_matches('\0').replace('\0', " ");
        self.is_known = matches!(self.script, Script::Login(user, password) if said == format!("{user} {password}"));
        self.state.lock().unwrap().logins.push(said);
        match self.is_known {
            true => "235 welcome",
            false => "535 who are you",
        }
    }

    /// `None` ends the connection.
    fn run(&mut self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let say = |line: &str| {
            let mut stream = stream;
            stream.write_all(format!("{line}\r\n").as_bytes()).ok()
        };
        let go = |breaks: bool| (!breaks).then_some(());
        go(self.breaks(Phase::Connect))?;
        if self.breaks(Phase::Greeting) {
            say("421 not now")?;
            return None;
        }
        say("220 scripted")?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let command = line.trim_end().to_ascii_uppercase();
            match command.get(..4)? {
                "EHLO" => {
                    go(self.breaks(Phase::Ehlo))?;
                    say("250-scripted")?;
                    if matches!(self.script, Script::Login(..)) {
                        say("250-AUTH PLAIN")?;
                    }
                    say("250 DSN")?;
                }
                "AUTH" => say(self.login(&line))?,
                "MAIL" if !self.is_known => say("530 log in first")?,
                "RSET" => {
                    go(self.breaks(Phase::Reset))?;
                    say("250 ok")?;
                }
                "MAIL" => {
                    go(self.breaks(Phase::Mail))?;
                    match self.script {
                        Script::SenderRefused(code) => say(&format!("{code} who are you"))?,
                        _ => say("250 ok")?,
                    }
                }
                "RCPT" => {
                    let address = line.split(['<', '>']).nth(1)?;
                    self.recipient = address.to_owned();
                    go(self.breaks(Phase::Rcpt))?;
                    match self.script {
                        Script::Poisoned(mailbox, code) if mailbox == self.recipient => {
                            say(&format!("{code} not this one"))?;
                        }
                        Script::LosesFirst(mailbox, answer)
                            if mailbox == self.recipient && self.has_lost() =>
                        {
                            say(answer)?;
                        }
                        _ => say("250 ok")?,
                    }
                }
                "DATA" => {
                    go(self.breaks(Phase::Data))?;
                    say("354 go on")?;
                    let mut content = String::new();
                    let mut is_first = true;
                    loop {
                        let mut line = String::new();
                        if reader.read_line(&mut line).ok()? == 0 {
                            return None;
                        }
                        if line == ".\r\n" {
                            break;
                        }
                        go(std::mem::take(&mut is_first) && self.breaks(Phase::Content))?;
                        let unstuffed = line.strip_prefix('.').unwrap_or(&line);
                        content.push_str(unstuffed);
                    }
                    go(self.breaks(Phase::DotLost))?;
                    self.take(&content);
                    go(self.breaks(Phase::DotTaken))?;
                    if self.breaks(Phase::Garbled) {
                        say("hello \u{1f4a9}")?;
                        return None;
                    }
                    say("250 2.0.0 queued")?;
                    go(self.breaks(Phase::Afterwards))?;
                }
                "QUIT" => {
                    say("221 bye")?;
                    return None;
                }
                _ => say("502 what")?,
            }
        }
    }
}
