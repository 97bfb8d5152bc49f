//! `preview --watch`: a change of any text shows in the file, a fault is said and can be mended.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::sandbox::Sandbox;

/// The watcher, and what it says.
struct Watcher {
    child: Child,
    said: Receiver<String>,
}

impl Watcher {
    fn new(sandbox: &Sandbox, out: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nachtwacht"))
            .args(["preview", "exposed-rdp", "--out", out, "--watch"])
            .current_dir(sandbox.path(""))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, said) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Self { child, said }
    }

    /// The next line that holds these words; everything before it is returned as well.
    #[track_caller]
    fn says(&self, words: &str) -> String {
        let mut all = String::new();
        while !all.contains(words) {
            let line = self.said.recv_timeout(Duration::from_secs(120));
            all += &line.unwrap_or_else(|e| panic!("{e}: no `{words}` in {all}"));
            all.push('\n');
        }
        all
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_change_of_any_text_is_seen_and_a_fault_is_said() {
    let sandbox = Sandbox::new(&[]);
    // In a folder that is watched: its own file must not wake it.
    let out = "templates/letter/out.txt";
    let mut watcher = Watcher::new(&sandbox, out);
    let letter = || fs::read_to_string(sandbox.path(out)).unwrap();
    watcher.says("written templates/letter/out.txt");
    assert!(letter().contains("Met vriendelijke groet"));
    let strings = "templates/letter/strings.nl.toml";
    sandbox.edit(strings, "Met vriendelijke groet", "Tot ziens");
    watcher.says("written");
    assert!(letter().contains("Tot ziens"), "{}", letter());
    let template = "templates/letter/letter.txt";
    sandbox.edit(template, "{{ reference }}", "{{ refrence }}");
    let fault = watcher.says("refrence");
    assert!(
        fault.contains("letter.txt") && !fault.contains("written"),
        "{fault}"
    );
    assert!(letter().contains("Tot ziens"), "the last good letter stays");
    sandbox.edit(template, "{{ refrence }}", "{{ reference }} (nieuw)");
    watcher.says("written");
    assert!(letter().contains(" (nieuw)"), "{}", letter());
    // The threat's own file, and the job's sender.
    let threat = sandbox.path("jobs/threats/exposed-rdp.toml");
    let text = fs::read_to_string(&threat).unwrap();
    fs::write(
        &threat,
        text.replacen("title = \"", "title = \"Anders: ", 2),
    )
    .unwrap();
    watcher.says("written");
    assert!(letter().contains("Anders: "), "{}", letter());
    let job = sandbox.path("jobs/nightly.toml");
    let text = fs::read_to_string(&job).unwrap();
    fs::write(&job, format!("{text}\nnonsense = 1\n")).unwrap();
    watcher.says("nonsense");
    fs::write(&job, text).unwrap();
    watcher.says("written");
    // Nothing changes: nothing is written. Then it is ended; not by SIGINT, which whoever runs this
    // test in the background may have told its children to ignore.
    let more = watcher.said.recv_timeout(Duration::from_secs(2));
    assert!(more.is_err(), "{more:?}");
    let id = watcher.child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(killed.success());
    assert_eq!(watcher.child.wait().unwrap().signal(), Some(15));
}

#[test]
fn watching_needs_a_file() {
    let sandbox = Sandbox::new(&[]);
    let ran = sandbox.call(&["preview", "exposed-rdp", "--watch"], &[]);
    ran.ended_with(2).says(&["--out"]);
}
