//! What a letter costs: text and HTML, PDF/A-2a with PDF/UA-1, on one core and on both, and
//! whether memory stays flat. See `benches/README.md`.
//!
//! `cargo bench --profile dev --bench letters -- [letters]`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a bench may panic, reads the clock and prints"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;
use nachtwacht::model::company::Language;
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::identity::{LetterId, Reference, Secret};
use nachtwacht::model::letter::{Form, Letter};
use nachtwacht::render::{self, Look, Mark};

/// PDFs that typst's Python package makes for the comparison.
const BY_PYTHON: usize = 100;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (format!("{prefix}{name}"), fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// The job's own look; a warning of the catalogue, which takes two pages; and a correction, which
/// takes one.
fn house() -> (Look, [Letter; 2]) {
    let job_text = fs::read_to_string(root().join("jobs/nightly.toml")).unwrap();
    let job = nachtwacht::config::job("nightly.toml", &job_text).unwrap();
    let texts = |folder: &str| -> Vec<(String, String)> {
        let found = files(&root().join("jobs").join(folder), "");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        found.into_iter().map(|(n, b)| (n, text(b))).collect()
    };
    let catalogue = nachtwacht::config::catalogue(&texts("threats"), &texts("triggers")).unwrap();
    let mut templates = files(&root().join("templates/letter"), "letter/");
    templates.extend(files(&root().join("templates/fonts"), "fonts/"));
    let zone = TimeZone::get("Europe/Amsterdam").unwrap();
    let look = Look::load(&templates, job.sender, zone).unwrap();
    let threat = &catalogue.threats[0];
    let letters = [ItemKind::First, ItemKind::Correction].map(|kind| {
        let mut letter = render::sample_letter(threat, Language::Nl, kind, &look).unwrap();
        letter.sections[0].findings.truncate(1);
        letter.sections[0].facts.clear();
        letter
    });
    (look, letters)
}

/// Another company, address and reference: nothing of one letter comes again in another.
fn letter(model: &Letter, n: usize) -> Letter {
    let mut letter = model.clone();
    let mut company = (*letter.company).clone();
    company.name = format!("Voorbeeldbedrijf {n} in de Molenstraat");
    company.key = format!("kvk:{n:08}").parse().unwrap();
    letter.id = LetterId::of(&company.key, &[]);
    letter.reference = Reference::of(&Secret::new(b"bench"), letter.night, letter.id);
    letter.company = Arc::new(company);
    letter.addressee = Arc::clone(&letter.company);
    if let Some(finding) = letter.sections[0].findings.first_mut() {
        let ip = std::net::Ipv4Addr::from_bits(0xcb00_7100 | n as u32 & 0xff);
        (finding.ip, finding.target) = (Some(ip.into()), ip.to_string());
    }
    letter
}

fn memory_mib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or(0) / 1024
}

fn rate(what: &str, n: usize, seconds: f64) -> f64 {
    let rate = n as f64 / seconds;
    println!("{what:<44} {rate:9.1} letters/s");
    rate
}

fn by_python(look: &Look, model: &Letter) -> Option<f64> {
    let python = std::env::var("NACHTWACHT_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_typst = Command::new(&python)
        .args(["-c", "import typst"])
        .stderr(Stdio::null())
        .status();
    if !has_typst.is_ok_and(|status| status.success()) {
        println!(
            "no comparison: `{python}` has no package typst (NACHTWACHT_PYTHON names another)"
        );
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("fonts")).unwrap();
    let sources: BTreeMap<String, Vec<u8>> = files(&root().join("templates/letter"), "")
        .into_iter()
        .chain(files(&root().join("templates/fonts"), "fonts/"))
        .collect();
    for (name, bytes) in sources {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let json = render::letter_json(model, look, Mark::None).unwrap();
    fs::write(folder.path().join("letter.json"), json).unwrap();
    let ran = Command::new(&python)
        .arg(root().join("benches/typst_letters.py"))
        .arg(folder.path())
        .arg(BY_PYTHON.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let seconds = said.trim().parse::<f64>();
    Some(seconds.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr))))
}

fn pool(threads: usize) -> rayon::ThreadPool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.stack_size(32 << 20).build().unwrap()
}

fn seconds(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_secs_f64()
}

/// Text and HTML, best of three passes.
fn texts(look: &Look, model: &Letter, n: usize) {
    let pass = || {
        for i in 0..n {
            render::render_texts(&letter(model, i), look, Mark::None).unwrap();
        }
    };
    let best = (0..3).map(|_| seconds(pass)).fold(f64::MAX, f64::min);
    rate("text and HTML, one core", n, best);
}

/// PDFs of one letter: one core, both, and typst's own package.
fn pdfs(look: &Look, model: &Letter, n: usize) {
    let pages = render::render(model, look, Mark::None).unwrap().pages;
    println!("PDF/A-2a + PDF/UA-1, a letter of {pages} page(s)");
    let pdf = |n: usize| render::render_form(&letter(model, n), look, Form::Pdf, Mark::None);
    let mut at_tenth = 0;
    pool(1).install(|| (0..50).for_each(|n| drop(pdf(n).unwrap())));
    let one = seconds(|| {
        pool(1).install(|| {
            for i in 0..n {
                pdf(i).unwrap();
                if i == n / 10 {
                    at_tenth = memory_mib("VmRSS");
                }
            }
        });
    });
    let one = rate("  one core", n, one);
    let at_end = memory_mib("VmRSS");
    println!("  memory {at_tenth} MiB after a tenth, {at_end} MiB at the end");
    let all: Vec<usize> = (0..n).collect();
    let both = seconds(|| {
        let made = pool(2).install(|| nachtwacht::run::side_by_side(&all, |&n| pdf(n).is_ok()));
        assert!(made.unwrap().iter().all(|is_made| *is_made));
    });
    let both = rate("  both cores", n, both);
    println!("  {:.2} x one", both / one);
    if let Some(seconds) = by_python(look, model) {
        let theirs = rate("  bare typst through Python", BY_PYTHON, seconds);
        println!("  ours is {:.2} x that", one / theirs);
    }
}

fn main() {
    let n = std::env::args()
        .find_map(|a| a.parse::<usize>().ok())
        .unwrap_or(2_000);
    let (look, [warning, correction]) = house();
    texts(&look, &warning, n * 5);
    pdfs(&look, &correction, n);
    pdfs(&look, &warning, n);
    println!("peak memory {} MiB", memory_mib("VmHWM"));
}
