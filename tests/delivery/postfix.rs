//! A real Postfix on loopback: STARTTLS and implicit TLS with a certificate of our own authority,
//! a mailbox that it refuses, and one that it accepts and then returns.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::night::{NIGHT, delivering, recipients, states};
use super::server::{Script, Server};
use crate::harness::needs;
use crate::sandbox::tree;

/// A Postfix of its own in a folder; stopped when dropped.
pub struct Postfix {
    pub folder: tempfile::TempDir,
    /// STARTTLS.
    pub port: u16,
    /// TLS from the first byte.
    pub implicit: u16,
}

impl Postfix {
    fn control(&self, word: &str) -> bool {
        let config = self.folder.path().join("etc");
        let done = Command::new("postfix")
            .arg("-c")
            .arg(config)
            .arg(word)
            .output()
            .unwrap();
        done.status.success()
    }

    pub fn start(refused: &str, returned: &str, refuser: u16) -> Self {
        let folder = tempfile::Builder::new().prefix("nwpf").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["etc", "queue", "data", "mail"] {
            fs::create_dir(at(name)).unwrap();
        }
        make_certificate(folder.path());
        let root = folder.path().display();
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, implicit] = listeners.map(|l| l.local_addr().unwrap().port());
        let escaped = |s: &str| s.replace('.', "\\.").replace('+', "\\+");
        fs::write(at("etc/boxes"), format!("!/^{}$/ all/\n", escaped(refused))).unwrap();
        fs::write(at("etc/every"), "/./ OK\n").unwrap();
        let transport = format!("/^{}$/ smtp:[127.0.0.1]:{refuser}\n", escaped(returned));
        fs::write(at("etc/transport"), transport).unwrap();
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {root}/queue\ndata_directory = {root}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = mail.example\nmydestination =\n\
             local_recipient_maps =\nmaillog_file =\nvirtual_mailbox_domains = regexp:{root}/etc/every\n\
             virtual_mailbox_base = {root}/mail\nvirtual_mailbox_maps = regexp:{root}/etc/boxes\n\
             virtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\n\
             transport_maps = regexp:{root}/etc/transport\nsmtpd_tls_security_level = encrypt\n\
             smtpd_tls_cert_file = {root}/cert.pem\nsmtpd_tls_key_file = {root}/key.pem\n\
             smtpd_recipient_restrictions = reject_unauth_destination\nalias_maps =\n"
        );
        fs::write(at("etc/main.cf"), main).unwrap();
        let services = [
            "pickup unix n - n 60 1 pickup",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 1 1 qmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce",
            "flush unix n - n 1000? 0 flush",
            "proxymap unix - - n - - proxymap",
            "smtp unix - - n - - smtp",
            "error unix - - n - - error",
            "virtual unix - n n - - virtual",
            "anvil unix - - n - 1 anvil",
            "scache unix - - n - 1 scache",
            "tlsmgr unix - - n 1000? 1 tlsmgr",
            "postlog unix-dgram n - n - 1 postlogd",
            "retry unix - - n - - error",
        ]
        .join("\n");
        let master = format!(
            "127.0.0.1:{port} inet n - n - - smtpd\n\
             127.0.0.1:{implicit} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n{services}\n"
        );
        fs::write(at("etc/master.cf"), master).unwrap();
        let own = |name: &str, who: &str| {
            assert!(
                Command::new("chown")
                    .arg(who)
                    .arg(at(name))
                    .status()
                    .unwrap()
                    .success()
            );
        };
        own("data", "postfix");
        own("mail", "nobody:nogroup");
        // Daemons without privileges look for their folders below this one.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), open).unwrap();
        let this = Self {
            folder,
            port,
            implicit,
        };
        assert!(this.control("start"), "Postfix does not start");
        for port in [port, implicit] {
            wait_until("Postfix listens", || {
                TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
        }
        this
    }

    pub fn delivered(&self) -> Vec<Vec<u8>> {
        tree(&self.folder.path().join("mail/all/new"))
            .into_values()
            .collect()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.control("stop");
    }
}

/// An authority, and a certificate for 127.0.0.1 that it signed.
pub fn make_certificate(folder: &Path) {
    let subject = "basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\n";
    fs::write(folder.join("leaf.ext"), subject).unwrap();
    for words in [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca-key.pem -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout key.pem -out leaf.csr",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile leaf.ext -out cert.pem",
    ] {
        let made = Command::new("openssl")
            .args(words.split(' '))
            .current_dir(folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{said}");
    }
}

pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{what}: not within a minute"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn can_run() -> bool {
    let has = |program: &str| Command::new(program).arg("-h").output().is_ok();
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|o| o.stdout == b"0\n");
    needs(
        "postfix (and root, and openssl)",
        has("postfix") && is_root && has("openssl"),
    )
}

#[test]
fn a_real_mail_server_takes_refuses_and_returns() {
    if !can_run() {
        return;
    }
    let probe = delivering("[delivery]\nemail = \"files\"\n");
    probe.run(NIGHT).ended_with(0);
    let mut mailboxes: Vec<String> = recipients(&probe, NIGHT).into_iter().map(|r| r.1).collect();
    mailboxes.sort();
    let n = mailboxes.len();
    // Two mailboxes of one letter each: the sums below are simple then.
    let mut single = mailboxes.chunk_by(|a, b| a == b).filter(|m| m.len() == 1);
    let (refused, returned) = (&single.next().unwrap()[0], &single.next().unwrap()[0]);

    let refuser = Server::start(Script::Poisoned(returned.clone().leak(), 550));
    let postfix = Postfix::start(refused, returned, refuser.port);
    let table = format!(
        "[delivery]\nemail = \"smtp\"\n[delivery.smtp]\nhost = \"127.0.0.1\"\nport = {}\nreturn_path = \"bounces@nachtwacht.example\"\n",
        postfix.port
    );

    // A certificate whose authority nobody named is refused, before anything is claimed.
    let wary = delivering(&table);
    let said = wary.run(NIGHT).ended_with(2);
    said.says(&[
        "no authority that we trust",
        "nothing was sent",
        "`ca_file`",
    ]);
    assert!(wary.ledger("claim").is_empty());
    assert!(postfix.delivered().is_empty());

    // The authority's file lies beside the job.
    let sandbox = delivering(&table);
    let authority = postfix.folder.path().join("ca.pem");
    fs::copy(authority, sandbox.path("jobs/authority.pem")).unwrap();
    let named = "[delivery.smtp]\nca_file = \"authority.pem\"\n";
    sandbox.edit("jobs/nightly.toml", "[delivery.smtp]\n", named);
    sandbox.run(NIGHT).ended_with(1);
    let states = states(&sandbox, NIGHT);
    let n_of = |state: &str| {
        states
            .iter()
            .filter(|s| s.0 == "smtp" && s.1 == state)
            .count()
    };
    assert_eq!(n_of("failed"), 1);
    assert!(n_of("handed_over") >= n - 1);

    // All but the refused one and the returned one arrive, and one notification for the latter.
    // (The refused letter's next contact may be a mailbox, too.)
    let n_again = n_of("handed_over") + 1 - n;
    let n_letters = n - 2 + n_again;
    wait_until("everything is delivered", || {
        postfix.delivered().len() == n_letters + 1
    });
    let (bounces, letters): (Vec<_>, Vec<_>) = postfix
        .delivered()
        .into_iter()
        .partition(|m| String::from_utf8_lossy(m).contains("report-type=delivery-status"));
    assert_eq!((bounces.len(), letters.len()), (1, n_letters));
    for letter in &letters {
        let text = String::from_utf8_lossy(letter);
        let header = |name: &str| {
            text.lines()
                .find_map(|l| l.strip_prefix(name))
                .unwrap_or_default()
                .to_owned()
        };
        assert!(
            header("To: ").contains(&header("Delivered-To: ")),
            "{text:.600}"
        );
    }
    fs::write(sandbox.path("came-back.eml"), &bounces[0]).unwrap();
    let said = sandbox
        .call(&["bounces", "came-back.eml"], &[])
        .ended_with(0);
    let sent = recipients(&sandbox, NIGHT);
    let lost = sent.iter().find(|(_, to)| to == returned).unwrap();
    said.says(&[&format!("bounced: {}", lost.0)]);
}
