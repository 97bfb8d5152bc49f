//! Dated reference data in the layouts of their publishers, the samples' key and a raw file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::chance::Chance;
use super::country::{HOSTING, NETWORKS};

/// CVE, vendor, product, name, day on which CISA listed it, day by which to act, known from
/// ransomware. Facts from CISA's catalogue of 2025-08-25 (CC0).
#[rustfmt::skip]
const KEV: &[(&str, &str, &str, &str, &str, &str, &str)] = &[
    ("CVE-2018-13379", "Fortinet", "FortiOS", "Fortinet FortiOS SSL VPN Path Traversal Vulnerability", "2021-11-03", "2022-05-03", "Known"),
    ("CVE-2019-0708", "Microsoft", "Remote Desktop Services", "Microsoft Remote Desktop Services Remote Code Execution Vulnerability", "2021-11-03", "2022-05-03", "Known"),
    ("CVE-2019-11510", "Ivanti", "Pulse Connect Secure", "Ivanti Pulse Connect Secure Arbitrary File Read Vulnerability", "2021-11-03", "2021-04-23", "Known"),
    ("CVE-2021-22893", "Ivanti", "Pulse Connect Secure", "Ivanti Pulse Connect Secure Use-After-Free Vulnerability", "2021-11-03", "2021-04-23", "Known"),
    ("CVE-2021-26855", "Microsoft", "Exchange Server", "Microsoft Exchange Server Remote Code Execution Vulnerability", "2021-11-03", "2021-04-16", "Known"),
    ("CVE-2021-31207", "Microsoft", "Exchange Server", "Microsoft Exchange Server Security Feature Bypass Vulnerability", "2021-11-03", "2021-11-17", "Known"),
    ("CVE-2021-34473", "Microsoft", "Exchange Server", "Microsoft Exchange Server Remote Code Execution Vulnerability", "2021-11-03", "2021-11-17", "Known"),
    ("CVE-2021-34523", "Microsoft", "Exchange Server", "Microsoft Exchange Server Privilege Escalation Vulnerability", "2021-11-03", "2021-11-17", "Known"),
    ("CVE-2021-44228", "Apache", "Log4j2", "Apache Log4j2 Remote Code Execution Vulnerability", "2021-12-10", "2021-12-24", "Known"),
    ("CVE-2022-40684", "Fortinet", "Multiple Products", "Fortinet Multiple Products Authentication Bypass Vulnerability", "2022-10-11", "2022-11-01", "Known"),
    ("CVE-2023-3519", "Citrix", "NetScaler ADC and NetScaler Gateway", "Citrix NetScaler ADC and NetScaler Gateway Code Injection Vulnerability", "2023-07-19", "2023-08-09", "Known"),
    ("CVE-2023-4966", "Citrix", "NetScaler ADC and NetScaler Gateway", "Citrix NetScaler ADC and NetScaler Gateway Buffer Overflow Vulnerability", "2023-10-18", "2023-11-08", "Known"),
    ("CVE-2024-1709", "ConnectWise", "ScreenConnect", "ConnectWise ScreenConnect Authentication Bypass Vulnerability", "2024-02-22", "2024-02-29", "Known"),
    ("CVE-2024-21887", "Ivanti", "Connect Secure and Policy Secure", "Ivanti Connect Secure and Policy Secure Command Injection Vulnerability", "2024-01-10", "2024-01-22", "Unknown"),
];

/// Scores in FIRST's layout; invented, in ten-thousandths: first day, a week later.
const EPSS: &[(&str, u32, u32)] = &[
    ("CVE-2018-13379", 9_446, 9_447),
    ("CVE-2019-0708", 9_445, 9_445),
    ("CVE-2019-11510", 9_439, 9_441),
    ("CVE-2021-22893", 4_717, 4_722),
    ("CVE-2021-26855", 9_441, 9_440),
    ("CVE-2021-31207", 9_307, 9_311),
    ("CVE-2021-34473", 9_418, 9_418),
    ("CVE-2021-34523", 9_390, 9_387),
    ("CVE-2021-44228", 9_435, 9_436),
    ("CVE-2022-40684", 9_440, 9_440),
    ("CVE-2023-3519", 9_231, 9_254),
    ("CVE-2023-4966", 9_433, 9_434),
    ("CVE-2024-1709", 9_432, 9_431),
    ("CVE-2024-21887", 9_442, 9_442),
];

/// A small list in the format of publicsuffix.org, written for the samples.
const SUFFIXES: &str = "\
// A small list in the format of https://publicsuffix.org/list/, written for the samples.

// ===BEGIN ICANN DOMAINS===

be
com
de
eu
example
fr
it
net
nl
org
uk
co.uk
*.ck
!www.ck

// ===END ICANN DOMAINS===
// ===BEGIN PRIVATE DOMAINS===

// Kasteelhosting: every customer has a name of his own below these
sites.kasteelhosting.example
*.wolkenpakhuis.example
!www.wolkenpakhuis.example
dyn.waterjuffer-access.example

// ===END PRIVATE DOMAINS===
";

const KEY: &str = "samples-only:5b0c2f6d9e1a48c7b3f2e6d1907a4c58\n";

pub fn write(files: &mut BTreeMap<String, Vec<u8>>) {
    let mut put = |path: &str, text: String| files.insert(path.into(), text.into_bytes());
    put("reference/kev/2026-03-01.json", kev());
    put(
        "reference/epss/2026-03-01.csv",
        epss("2026-03-01", |(_, first, _)| *first),
    );
    put(
        "reference/epss/2026-03-08.csv",
        epss("2026-03-08", |(_, _, second)| *second),
    );
    put("reference/public-suffix/2026-03-01.dat", SUFFIXES.into());
    put("reference/prefix-asn/2026-03-01.csv", prefix_asn());
    put(
        "reference/shared-infrastructure/2026-03-01.csv",
        shared_infrastructure(),
    );
    put("keys/samples-only.key", KEY.into());
}

fn kev() -> String {
    let rows: Vec<serde_json::Value> = KEV
        .iter()
        .map(|(cve, vendor, product, name, added, due, ransomware)| {
            serde_json::json!({
                "cveID": cve,
                "vendorProject": vendor,
                "product": product,
                "vulnerabilityName": name,
                "dateAdded": added,
                "shortDescription": name,
                "requiredAction": "Apply updates per vendor instructions.",
                "dueDate": due,
                "knownRansomwareCampaignUse": ransomware,
                "notes": format!("https://nvd.nist.gov/vuln/detail/{cve}"),
                "cwes": [],
            })
        })
        .collect();
    let file = serde_json::json!({
        "title": "Selection from the CISA Catalog of Known Exploited Vulnerabilities, for samples",
        "catalogVersion": "2026.03.01",
        "dateReleased": "2026-03-01T12:00:00.000Z",
        "count": rows.len(),
        "vulnerabilities": rows,
    });
    format!("{}\n", serde_json::to_string_pretty(&file).unwrap())
}

fn epss(day: &str, score: impl Fn(&(&str, u32, u32)) -> u32) -> String {
    let mut text =
        format!("#model_version:samples,score_date:{day}T00:00:00+0000\ncve,epss,percentile\n");
    for row in EPSS {
        let score = score(row);
        writeln!(text, "{},0.{score:04}0,0.{}", row.0, 99_000 + score / 10).unwrap();
    }
    text
}

fn prefix_asn() -> String {
    let mut rows: Vec<(std::net::IpAddr, std::net::IpAddr, u32)> = Vec::new();
    for network in NETWORKS {
        rows.push((
            network.first_v4().into(),
            network.last_v4().into(),
            network.asn,
        ));
        let last = std::net::Ipv6Addr::from(u128::from(network.v6(0, 0)) | (u128::MAX >> 24));
        rows.push((network.v6(0, 0).into(), last.into(), network.asn));
    }
    for (octet, asn) in (1..=4).zip(64_505..) {
        rows.push(([241, octet, 0, 0].into(), [241, octet, 15, 255].into(), asn));
    }
    rows.sort_unstable();
    rows.iter()
        .fold("start,end,asn\n".into(), |text, (first, last, asn)| {
            format!("{text}{first},{last},{asn}\n")
        })
}

fn shared_infrastructure() -> String {
    let mut text = String::from("network,kind,name\n");
    for network in NETWORKS.iter().filter(|n| !n.shared.is_empty()) {
        writeln!(
            text,
            "{}/{},{},{}",
            network.first_v4(),
            network.v4_length,
            network.shared,
            network.name
        )
        .unwrap();
        writeln!(
            text,
            "{}/24,{},{}",
            network.v6(0, 0),
            network.shared,
            network.name
        )
        .unwrap();
    }
    let hosting = NETWORKS[HOSTING].name;
    writeln!(text, "sites.kasteelhosting.example,hosting,{hosting}").unwrap();
    writeln!(
        text,
        "dyn.waterjuffer-access.example,dynamic_dns,Waterjuffer Access"
    )
    .unwrap();
    writeln!(text, "240.128.250.0-240.128.250.99,parking,{hosting}").unwrap();
    text
}

/// Columns of the report `scan_rdp` (The Shadowserver Foundation, report_schema of 2026-03-24).
const RAW_COLUMNS: &str = "timestamp,severity,ip,protocol,port,hostname,tag,asn,geo,region,city,naics,\
hostname_source,sector,handshake,rdp_protocol,cert_length,subject_common_name,issuer_common_name,\
cert_issue_date,cert_expiration_date,sha1_fingerprint,cert_serial_number,ssl_version,\
signature_algorithm,key_algorithm,sha256_fingerprint,sha512_fingerprint,md5_fingerprint,\
tlsv13_support,tlsv13_cipher,jarm";

/// A small file as the feed delivers it, for `ingest`: quoted fields, one row with a field too
/// many, one with a bad address, one with a comma and a quote inside a field.
pub fn raw(chance: &mut Chance, files: &mut BTreeMap<String, Vec<u8>>) {
    let mut text = format!("\"{}\"\n", RAW_COLUMNS.replace(',', "\",\""));
    for n in 0..24 {
        let ip = match n {
            9 => "240.1.1".to_owned(),
            _ => format!(
                "240.{}.{}.{}",
                8 + n % 3,
                chance.below(256),
                chance.below(256)
            ),
        };
        let name = match n {
            4 => "KANTOOR \"\"OOST\"\", PC-4".to_owned(),
            _ => format!("PC-{}", chance.hex(3).to_uppercase()),
        };
        let (hour, minute) = (n / 2, chance.below(60));
        let (sha1, sha256, md5) = (chance.hex(20), chance.hex(32), chance.hex(16));
        let mut line = format!(
            "\"2026-03-12 {hour:02}:{minute:02}:11\",\"high\",\"{ip}\",\"tcp\",3389,,\"rdp\",64496,\"NL\",\"UTRECHT\",\"KOMKOMMERVEEN\",,,,\
             \"RDP\",\"RDP\",2048,\"{name}\",\"{name}\",\"2025-11-02 10:00:00\",\"2026-05-04 10:00:00\",\"{sha1}\",\"{}\",2,\
             \"sha256WithRSAEncryption\",\"rsaEncryption\",\"{sha256}\",,\"{md5}\",,,",
            chance.hex(8)
        );
        if n == 15 {
            line.push_str(",\"te veel\"");
        }
        writeln!(text, "{line}").unwrap();
    }
    files.insert(
        "raw/2026-03-13-scan_rdp-voorbeeldland.csv".into(),
        text.into_bytes(),
    );
}
