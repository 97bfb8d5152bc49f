//! The pages of statistics with nothing but a keyboard, wide and at 320 pixels: real key strokes,
//! sent to a headless Chromium over its debugging pipe.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::axe::pages;
use crate::axe::browser;
use crate::harness::needs;

/// A browser with one page, and the two pipes that it listens and answers on.
struct Keys {
    child: Child,
    to: File,
    from: BufReader<File>,
    n: u64,
    session: Option<String>,
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Keys {
    fn open(program: &str, folder: &Path) -> Self {
        let [to, from] = ["to", "from"].map(|name| folder.join(name));
        let made = Command::new("mkfifo").args([&to, &from]).status().unwrap();
        assert!(made.success());
        let flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                     --disable-smooth-scrolling --remote-debugging-pipe";
        let child = Command::new("sh")
            .args(["-c", &format!("exec {program} {flags} --user-data-dir=\"$1/profile\" about:blank 3<\"$1/to\" 4>\"$1/from\"")])
            .arg("sh")
            .arg(folder)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = OpenOptions::new().write(true).open(to).unwrap();
        let from = BufReader::new(File::open(from).unwrap());
        let mut keys = Self {
            child,
            to,
            from,
            n: 0,
            session: None,
        };
        let targets = keys.ask("Target.getTargets", json!({}));
        let targets = targets["targetInfos"].as_array().unwrap();
        let page = targets.iter().find(|t| t["type"] == "page").unwrap()["targetId"].clone();
        let attached = keys.ask(
            "Target.attachToTarget",
            json!({"targetId": page, "flatten": true}),
        );
        keys.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        keys
    }

    /// Sends a command and waits for its answer.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.n += 1;
        let mut message = json!({"id": self.n, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to
            .write_all(format!("{message}\0").as_bytes())
            .unwrap();
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).unwrap();
            assert_eq!(answer.pop(), Some(0), "the browser is gone");
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            if answer["id"] == self.n {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    fn value(&mut self, script: &str) -> Value {
        let params = json!({"expression": script, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    fn press(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "char", "keyUp"] {
            if kind == "char" && key != "Enter" {
                continue;
            }
            let text = if kind == "char" { "\r" } else { "" };
            self.ask(
                "Input.dispatchKeyEvent",
                json!({"type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code}),
            );
        }
    }

    fn show(&mut self, file: &Path, width: u32) {
        let metrics =
            json!({"width": width, "height": 640, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", metrics);
        let url = format!("file://{}", file.display());
        self.ask("Page.navigate", json!({"url": url}));
        while self.value("document.readyState + location.href") != format!("complete{url}") {}
        assert_eq!(self.value("innerWidth"), width);
    }
}

/// Where the focus is: which of the page's stops, and how it shows.
const FOCUS: &str = "(() => {
  const at = document.activeElement, all = [...document.querySelectorAll('a[href], [tabindex]')];
  const box = at.getBoundingClientRect(), style = getComputedStyle(at);
  return {
    stop: all.indexOf(at),
    is_marked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    is_seen: box.width > 0 && box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight,
    is_wider: at.scrollWidth > at.clientWidth + 1,
  };
})()";

/// Tab from the top to the bottom: every stop once, each seen and marked; answers how many wide
/// tables there are, each of which arrows move.
fn tab_through(keys: &mut Keys, name: &str) -> usize {
    let n_stops = keys.value("document.querySelectorAll('a[href], [tabindex]').length");
    let n_stops = n_stops.as_u64().unwrap();
    assert!(n_stops > 10, "{name}: {n_stops}");
    let mut n_wide = 0;
    for stop in 0..n_stops {
        keys.press("Tab", 9);
        let focus = keys.value(FOCUS);
        assert_eq!(
            focus["stop"], stop,
            "{name}: the order is that of the page: {focus}"
        );
        assert_eq!(focus["is_marked"], true, "{name}, stop {stop}: {focus}");
        assert_eq!(focus["is_seen"], true, "{name}, stop {stop}: {focus}");
        if focus["is_wider"] == true {
            n_wide += 1;
            keys.press("ArrowRight", 39);
            let moved = "new Promise(done => setTimeout(() => done(document.activeElement.scrollLeft), 60))";
            let by = keys.value(moved);
            assert!(
                by.as_f64().unwrap() > 0.0,
                "{name}, stop {stop} does not move"
            );
        }
    }
    // Nothing holds the focus: the next stroke leaves the page.
    keys.press("Tab", 9);
    assert_ne!(keys.value(FOCUS)["stop"], n_stops - 1, "{name}");
    n_wide
}

#[test]
fn the_pages_of_statistics_are_used_with_a_keyboard_alone() {
    if !needs("chromium", browser().is_some()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut keys = Keys::open(browser().unwrap(), folder.path());
    for (name, page) in pages() {
        let file = folder.path().join("page.html");
        std::fs::write(&file, page).unwrap();
        for width in [1280, 320] {
            keys.show(&file, width);
            let sideways =
                "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(keys.value(sideways), 0, "{name} at {width}");
            let n_wide = tab_through(&mut keys, &format!("{name} at {width}"));
            assert!(
                width > 320 || n_wide > 0,
                "{name}: no table is wider than a phone"
            );
        }
        // The first stop leads past the list of sections.
        keys.show(&file, 320);
        keys.press("Tab", 9);
        keys.press("Enter", 13);
        let target = "document.querySelector('.skip').hash === location.hash && scrollY > 0";
        assert_eq!(keys.value(target), true, "{name}");
        keys.press("Tab", 9);
        let is_past = "!document.activeElement.closest('nav')";
        assert_eq!(keys.value(is_past), true, "{name}");
    }
}
