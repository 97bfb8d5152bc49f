//! Prefix tables and lists of shared infrastructure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::{Brought, Checked};
use crate::diag::Failure;
use crate::matching;
use crate::model::address::parse_ip;
use crate::model::name::Domain;
use crate::model::net::{parse_prefix, parse_range};
use crate::model::row_numbers::line_of;

/// A CSV table with its names in lower case.
fn table(name: &str, bytes: &[u8]) -> Result<(Vec<String>, Vec<csv::StringRecord>), Failure> {
    let unreadable = |e: csv::Error| {
        Failure::fix_data(format!("cannot be read as CSV: {e}"))
            .at(name, "")
            .hint("fetch the file again: it may be cut")
    };
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader.headers().map_err(unreadable)?;
    let names = header
        .iter()
        .map(|n| n.trim().to_ascii_lowercase())
        .collect();
    let rows: Result<Vec<_>, _> = reader.records().collect();
    Ok((names, rows.map_err(unreadable)?))
}

fn at(record: &csv::StringRecord, column: Option<usize>) -> &str {
    column
        .and_then(|c| record.get(c))
        .unwrap_or_default()
        .trim()
}

fn line(cells: &[&str]) -> Result<String, Failure> {
    let bug = |e: &dyn std::fmt::Display| Failure::our_bug(format!("a row is no CSV: {e}"));
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells).map_err(|e| bug(&e))?;
    let bytes = writer.into_inner().map_err(|e| bug(&e))?;
    String::from_utf8(bytes).map_err(|e| bug(&e))
}

/// Range tables (IPv4, IPv6) and a table of names, as one: `start,end,asn,name`.
pub(super) fn prefix_asn(files: &[Brought]) -> Result<Checked, Failure> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut rows: BTreeMap<(IpAddr, IpAddr), (String, String)> = BTreeMap::new();
    let mut checked = Checked {
        extension: "csv",
        ..Checked::default()
    };
    for (file, bytes) in files {
        let (header, records) = table(file, bytes)?;
        let find = |wanted: &[&str]| {
            wanted
                .iter()
                .find_map(|w| header.iter().position(|h| h == w))
        };
        let (asn, name) = (find(&["asn"]), find(&["name", "as_name", "organisation"]));
        let start = find(&["start", "start_num", "first"]);
        if start.is_none() && asn.is_some() && name.is_some() {
            for record in &records {
                names.insert(at(record, asn).to_owned(), at(record, name).to_owned());
            }
            continue;
        }
        let (end, length) = (find(&["end", "last", "end_num"]), find(&["length"]));
        let missing = |column: &str| {
            Failure::fix_data(format!(
                "the column is missing; the header has `{}`",
                header.join("`, `")
            ))
            .at(file, column)
            .hint("expected `start,end,asn`, `start,length,asn` or `asn,name`")
        };
        if start.is_none() || asn.is_none() || (end.is_none() && length.is_none()) {
            return Err(missing(if asn.is_none() { "asn" } else { "start" }));
        }
        for record in &records {
            let wrong = |what: String| {
                Failure::fix_data(what)
                    .at(file, format!("line {}", line_of(bytes, record)))
                    .hint("expected a range of one family in rising order and an AS number")
            };
            let first = address(at(record, start)).map_err(wrong)?;
            let last = match end {
                Some(_) => address(at(record, end)),
                None => behind(first, at(record, length)),
            };
            let last = last.map_err(wrong)?;
            if first.is_ipv4() != last.is_ipv4() || first > last {
                return Err(wrong(format!("`{first}` to `{last}` is no range")));
            }
            let number = at(record, asn);
            let number = number.strip_prefix("AS").unwrap_or(number);
            let number: u32 = number
                .parse()
                .map_err(|_| wrong(format!("`{number}` is no AS number")))?;
            let stated = at(record, name).to_owned();
            let old = rows.insert((first, last), (number.to_string(), stated));
            if let Some((old, _)) = old.filter(|(old, _)| *old != number.to_string()) {
                checked.aside.push((
                    format!("{first}-{last}"),
                    format!("AS{old}: the range stands twice, the later row counts"),
                ));
            }
        }
    }
    checked.bytes = b"start,end,asn,name\n".to_vec();
    for ((first, last), (number, stated)) in rows {
        let name = names
            .get(&number)
            .filter(|_| stated.is_empty())
            .unwrap_or(&stated);
        let (first, last) = (first.to_string(), last.to_string());
        let text = line(&[&first, &last, &number, name])?;
        checked.bytes.extend_from_slice(text.as_bytes());
        checked
            .entries
            .insert(format!("{first}-{last}"), format!("AS{number} {name}"));
    }
    // The night's own reader has the last word.
    if !checked.entries.is_empty() {
        matching::read_prefix_table(&checked.bytes, "prefix_asn")?;
    }
    Ok(checked)
}

/// An address, or the number of an IPv4 address.
fn address(text: &str) -> Result<IpAddr, String> {
    if let Ok(number) = text.parse::<u32>() {
        return Ok(IpAddr::V4(number.into()));
    }
    parse_ip(text).map_err(|why| format!("`{text}`: {why}"))
}

/// The last of so many IPv4 addresses.
fn behind(first: IpAddr, length: &str) -> Result<IpAddr, String> {
    let wrong = || format!("`{length}` is no number of IPv4 addresses from `{first}` on");
    let IpAddr::V4(v4) = first else {
        return Err(wrong());
    };
    let length: u32 = length.parse().map_err(|_| wrong())?;
    let last = length
        .checked_sub(1)
        .and_then(|n| v4.to_bits().checked_add(n));
    last.map(|n| IpAddr::V4(n.into())).ok_or_else(wrong)
}

/// Kinds of the warning lists of MISP, by what their file name begins with; the longest counts.
const KINDS: &[(&str, &str)] = &[
    ("akamai", "cdn"),
    ("amazon", "cloud"),
    ("apple-private-relay", "proxy"),
    ("bunny-net", "cdn"),
    ("censys", "scanner"),
    ("cloudflare", "cdn"),
    ("dynamic-dns", "dynamic_dns"),
    ("fastly", "cdn"),
    ("google-gcp", "cloud"),
    ("internetcleanup", "scanner"),
    ("link-in-bio", "shared_site"),
    ("lots-project", "shared_site"),
    ("microsoft-azure", "cloud"),
    ("microsoft-office365", "cloud"),
    ("oracle-oci", "cloud"),
    ("ovh-cluster", "hosting"),
    ("parking-domain", "parking"),
    ("public-dns", "resolver"),
    ("rapid7", "scanner"),
    ("shadowserver", "scanner"),
    ("shodan", "scanner"),
    ("sinkholes", "sinkhole"),
    ("smtp-", "mail"),
    ("stackpath", "cdn"),
    ("umbrella-blockpage", "resolver"),
    ("url-shortener", "shared_site"),
    ("wikimedia", "hosting"),
    ("zscaler", "proxy"),
];

/// Kinds of providers in a table of ranges; what is not named here is a cloud.
const PROVIDERS: &[(&str, &str)] = &[
    ("akamai", "cdn"),
    ("apple", "proxy"),
    ("bing", "crawler"),
    ("cloudflare", "cdn"),
    ("fastly", "cdn"),
    ("googlebot", "crawler"),
    ("bunny", "cdn"),
    ("vpn", "proxy"),
    ("proton", "proxy"),
];

fn kind_of(name: &str, kinds: &[(&str, &'static str)]) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let fitting = kinds.iter().filter(|(begin, _)| name.starts_with(begin));
    fitting
        .max_by_key(|(begin, _)| begin.len())
        .map(|(_, kind)| *kind)
}

/// Warning lists and range tables, as one: `network,kind,name`.
pub(super) fn shared_infrastructure(files: &[Brought]) -> Result<Checked, Failure> {
    let mut checked = Checked {
        extension: "csv",
        ..Checked::default()
    };
    let mut rows: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (file, bytes) in files {
        if bytes.trim_ascii_start().starts_with(b"{") {
            warning_list(file, bytes, &mut rows, &mut checked.aside)?;
        } else {
            ranges(file, bytes, &mut rows, &mut checked.aside)?;
        }
    }
    checked.bytes = b"network,kind,name\n".to_vec();
    for (network, (kind, name)) in rows {
        let text = line(&[&network, &kind, &name])?;
        checked.bytes.extend_from_slice(text.as_bytes());
        checked.entries.insert(network, format!("{kind} {name}"));
    }
    if !checked.entries.is_empty() {
        matching::read_shared_infrastructure(&checked.bytes, "shared_infrastructure")?;
    }
    Ok(checked)
}

type Rows = BTreeMap<String, (String, String)>;
type Aside = Vec<(String, String)>;

fn warning_list(
    file: &str,
    bytes: &[u8],
    rows: &mut Rows,
    aside: &mut Aside,
) -> Result<(), Failure> {
    let broken = |what: String| {
        Failure::fix_data(what)
            .at(file, "")
            .hint("expected a warning list of MISP: `name`, `type` and `list`")
    };
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|e| broken(format!("cannot be read as JSON: {e}")))?;
    let list = value.get("list").and_then(Value::as_array);
    let list = list.ok_or_else(|| broken("the JSON has no `list`".into()))?;
    let title = value.get("name").and_then(Value::as_str).unwrap_or(file);
    let form = value
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let stem = file.rsplit('/').next().unwrap_or(file);
    let Some(kind) = kind_of(stem, KINDS) else {
        aside.push((
            file.to_owned(),
            "not a list of shared infrastructure".into(),
        ));
        return Ok(());
    };
    if !matches!(form, "cidr" | "hostname" | "string" | "substring") {
        aside.push((
            file.to_owned(),
            format!("entries of the form `{form}` cannot be looked up"),
        ));
        return Ok(());
    }
    for entry in list {
        let entry = entry.as_str().unwrap_or_default();
        add(file, entry, kind, title, rows, aside);
    }
    Ok(())
}

fn ranges(file: &str, bytes: &[u8], rows: &mut Rows, aside: &mut Aside) -> Result<(), Failure> {
    let (header, records) = table(file, bytes)?;
    let find = |wanted: &[&str]| {
        wanted
            .iter()
            .find_map(|w| header.iter().position(|h| h == w))
    };
    let network = find(&["network", "cidr", "range", "prefix", "ip"]);
    if network.is_none() {
        return Err(Failure::fix_data(format!(
            "the column is missing; the header has `{}`",
            header.join("`, `")
        ))
        .at(file, "network")
        .hint("expected `network,kind,name` or `provider,cidr`"));
    }
    let (kind, name) = (find(&["kind"]), find(&["name", "provider"]));
    for record in &records {
        let name = at(record, name);
        let kind = match at(record, kind) {
            "" => kind_of(name, PROVIDERS).unwrap_or("cloud"),
            kind => kind,
        };
        add(file, at(record, network), kind, name, rows, aside);
    }
    Ok(())
}

/// Several lists may hold an entry; the first one counts.
fn add(file: &str, entry: &str, kind: &str, name: &str, rows: &mut Rows, aside: &mut Aside) {
    let entry = entry.trim();
    let suffix = entry.trim_start_matches("*.").trim_start_matches('.');
    let network = if entry.contains('/') {
        parse_prefix(entry)
            .map(|net| net.to_string())
            .map_err(|why| why.to_string())
    } else if let Ok(ip) = parse_ip(entry) {
        Ok(ip.to_string())
    } else if parse_range(entry).is_ok() {
        Ok(entry.to_owned())
    } else {
        match suffix.parse::<Domain>() {
            // A bare top-level domain would be everybody's.
            Ok(name) if name.n_labels() > 1 => Ok(name.to_string()),
            _ => Err(
                "neither an address, a prefix, a range nor a name below a top-level domain".into(),
            ),
        }
    };
    match network {
        Ok(network) => {
            rows.entry(network)
                .or_insert_with(|| (kind.to_owned(), name.to_owned()));
        }
        Err(why) => aside.push((format!("{file}: {}", crate::diag::mask(entry)), why)),
    }
}
