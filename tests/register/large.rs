//! A whole country's register, checked and compared: time and memory of the command itself.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::root;

const COMPANIES: u32 = 250_000;
const ASSETS: u32 = 1_000_000;

fn companies(changed: bool) -> String {
    let mut text = String::from(
        "company_key,name,party_kind,language,sector,sector_scheme,size_class,province,street,house_number,postcode,town\n",
    );
    for i in 0..COMPANIES {
        let town = if changed && i % 1000 == 0 {
            "Nieuwdorp"
        } else {
            "Molendorp"
        };
        let _ = writeln!(
            text,
            "kvk:{i:08},Bedrijf Nummer {i} B.V.,registered,nl,6201,SBI2008,10-49,Utrecht,Molenpad,{},1234AB,{town}",
            i % 300
        );
    }
    text
}

fn assets(changed: bool) -> String {
    let mut text = String::from("company_key,kind,value,valid_from,source\n");
    for i in 0..ASSETS {
        let owner = if changed && i % 1000 == 7 {
            (i + 4) / 4
        } else {
            i / 4
        };
        let _ = match i % 4 {
            0 => writeln!(
                text,
                "kvk:{owner:08},domain,bedrijf-{i}.example,2025-01-01,form"
            ),
            1 => writeln!(
                text,
                "kvk:{owner:08},host,www.bedrijf-{i}.example,2025-01-01,form"
            ),
            2 => writeln!(
                text,
                "kvk:{owner:08},ip,240.{}.{}.{},2025-01-01,form",
                i >> 16,
                (i >> 8) & 255,
                i & 255
            ),
            _ => writeln!(
                text,
                "kvk:{owner:08},cidr,3fff:{:x}:{:x}::/48,2025-01-01,rir",
                i >> 16,
                i & 0xffff
            ),
        };
    }
    text
}

/// Runs the command and gives its output, time and highest resident memory in MiB.
fn measured(args: &[&str], base: &str) -> (String, Duration, u64) {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_nachtwacht"))
        .args(["register", "check"])
        .args(args)
        .args(["jobs/nightly.toml", "--base", base])
        .current_dir(root())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut highest = 0;
    let path = format!("/proc/{}/status", child.id());
    let mut out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut out, &mut text).unwrap();
        text
    });
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
        highest = highest.max(kib.unwrap_or(0) >> 10);
        std::thread::sleep(Duration::from_millis(5));
    }
    (reader.join().unwrap(), began.elapsed(), highest)
}

/// The figures of the acceptance: under 30 s and 1 GiB for both tables together.
#[test]
#[ignore = "a minute of work; for figures"]
fn a_quarter_of_a_million_companies_and_a_million_assets_are_compared_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    let register = base.join("data-samples/register");
    let suffixes = base.join("data-samples/reference/public-suffix");
    for folder in [&register, &suffixes] {
        fs::create_dir_all(folder).unwrap();
    }
    let list = root().join("data-samples/reference/public-suffix/2026-03-01.dat");
    fs::copy(list, suffixes.join("2026-03-01.dat")).unwrap();
    let base_text = base.to_str().unwrap();
    let file = |name: &str, text: String| {
        let path = base.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let out = register.to_str().unwrap();
    let (first, _, _) = measured(
        &[&file("c.csv", companies(false)), "--first", "--out", out],
        base_text,
    );
    assert!(first.contains("250000 usable"), "{first}");
    // The assets of a first register are held against companies that are there already.
    let empty = "company_key,kind,value\n".to_owned();
    let (none, _, _) = measured(
        &[&file("none.csv", empty), "--first", "--out", out],
        base_text,
    );
    assert!(none.contains("0 rows"), "{none}");
    let (all, _, _) = measured(
        &[
            &file("a.csv", assets(false)),
            "--list",
            "1",
            "--out",
            base.join("new").to_str().unwrap(),
        ],
        base_text,
    );
    assert!(all.contains("1000000 usable"), "{all}");
    fs::rename(
        base.join("new/assets.parquet"),
        register.join("assets.parquet"),
    )
    .unwrap();
    let (text, time_c, mib_c) = measured(
        &[&file("c2.csv", companies(true)), "--list", "1"],
        base_text,
    );
    assert!(text.contains("changed: 250\n"), "{text}");
    let (text, time_a, mib_a) =
        measured(&[&file("a2.csv", assets(true)), "--list", "1"], base_text);
    assert!(text.contains("moved between companies: 1000\n"), "{text}");
    println!("companies {time_c:?} {mib_c} MiB; assets {time_a:?} {mib_a} MiB");
    assert!(
        time_c + time_a < Duration::from_secs(30),
        "{time_c:?} {time_a:?}"
    );
    assert!(mib_c.max(mib_a) < 1024, "{mib_c} {mib_a} MiB");
}
