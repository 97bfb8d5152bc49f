//! Published test data: what other programs agree on. The files lie beside the repository.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;

use ipnet::IpNet;
use nachtwacht::diag::RejectReason;
use nachtwacht::matching::{Index, PrefixTable, Settings, Shared, read_prefix_table};
use nachtwacht::model::address::parse_ip;
use nachtwacht::model::name::Domain;
use nachtwacht::model::net::{Span, parse_prefix, parse_range, span};
use serde_json::Value;

use super::{Row, asset, key_columns};
use crate::harness::shared;

fn json(file: &str) -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(shared(file)?).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn text(file: &str) -> Option<String> {
    let bytes = std::fs::read(shared(file)?).unwrap();
    if !file.ends_with(".gz") {
        return Some(String::from_utf8(bytes).unwrap());
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    Some(text)
}

fn field<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

#[test]
fn ip_text_has_the_reading_that_other_programs_agree_on_or_none() {
    let Some(cases) = json("ip-text/ip-text-cases.json") else {
        return;
    };
    let mut seen = BTreeMap::new();
    for case in &cases {
        let (text, class) = (field(case, "text"), field(case, "class"));
        *seen.entry(class).or_insert(0) += 1;
        let mapped = |text: &str| text.parse::<IpAddr>().unwrap().to_canonical();
        let (address, prefix) = (parse_ip(text), parse_prefix(text));
        match class {
            "address" => assert_eq!(
                address,
                Ok(field(case, "canonical").parse().unwrap()),
                "{text:?}"
            ),
            "address-v4-mapped" => {
                assert_eq!(
                    address,
                    Ok(field(case, "v4_mapped").parse().unwrap()),
                    "{text:?}"
                );
            }
            // CPython reads a host mask; others would read the same text as a netmask.
            "cidr" if text == "192.0.2.0/0.0.0.255" => {
                assert_eq!(prefix, Err(RejectReason::BadPrefix))
            }
            "cidr" => {
                let (first, length) = field(case, "canonical").split_once('/').unwrap();
                let (first, length): (IpAddr, u8) = (mapped(first), length.parse().unwrap());
                let in_ipv6 = first.is_ipv4() && text.contains(':');
                let want = IpNet::new(first, if in_ipv6 { length - 96 } else { length }).unwrap();
                assert_eq!(prefix, Ok(want), "{text:?}");
                assert!(address.is_err(), "{text:?}");
            }
            "cidr-host-bits-set" => assert_eq!(prefix, Err(RejectReason::HostBits), "{text:?}"),
            "legacy-inet-aton-only" | "invalid" => {
                assert!(prefix.is_err(), "{text:?}");
                // Blanks around an address have one reading; a line feed has none.
                let trimmed = text.trim_matches([' ', '\t']);
                if trimmed != text && trimmed.parse::<IpAddr>().is_ok() {
                    assert_eq!(address, Ok(mapped(trimmed)));
                    continue;
                }
                let why = address.expect_err(text);
                if class == "legacy-inet-aton-only" && !text.ends_with('\n') {
                    assert_eq!(why, RejectReason::AmbiguousAddress, "{text:?}");
                }
                if text.starts_with('[') {
                    assert_eq!(why, RejectReason::BracketedAddress, "{text:?}");
                }
            }
            other => panic!("a class without a rule: {other}"),
        }
        if class != "address" && !class.starts_with("cidr") {
            assert!(parse_range(text).is_err(), "{text:?}");
        }
    }
    assert_eq!(seen.len(), 6);
}

#[test]
fn a_prefix_holds_what_other_programs_agree_on() {
    let Some(cases) = json("ip-text/containment-cases.json") else {
        return;
    };
    let mut n_compared = 0;
    for case in &cases {
        let (outer, inner) = (field(case, "outer"), field(case, "inner"));
        if case["host_bits_set"].as_bool().unwrap() {
            let refused = [outer, inner]
                .iter()
                .any(|text| parse_prefix(text) == Err(RejectReason::HostBits));
            assert!(refused, "{outer} {inner}");
            continue;
        }
        let inner = parse_prefix(inner).unwrap_or_else(|_| parse_ip(inner).unwrap().into());
        let index = Index::build(
            &[asset(&format!("1 cidr {outer}"))],
            &Shared::default(),
            &PrefixTable::default(),
            &Settings::default(),
        );
        let ends = [inner.network(), inner.broadcast()];
        let rows = ends.map(|ip| Row {
            ip: Some(ip.to_string()),
            ..Row::at(0)
        });
        let found = index
            .match_batch(&key_columns(&rows), "o")
            .unwrap()
            .matched_rows();
        assert_eq!(
            found == [0, 1],
            case["contains"].as_bool().unwrap(),
            "{outer} {inner}"
        );
        n_compared += 1;
    }
    assert!(n_compared > 20, "{n_compared}");
}

#[test]
fn formats_of_addresses_are_read_as_json_schema_has_them() {
    for (file, is_v4) in [("formats/ipv4.json", true), ("formats/ipv6.json", false)] {
        for case in json(file).into_iter().flatten() {
            let value = field(&case, "value");
            // The schema knows neither blanks nor the other family.
            let ours =
                parse_ip(value).is_ok() && value.trim() == value && value.contains(':') != is_v4;
            assert_eq!(ours, case["valid"].as_bool().unwrap(), "{case}");
        }
    }
}

#[test]
fn formats_of_host_names_are_read_as_json_schema_has_them() {
    /// UTS 46 reads these; IDNA 2008, which the schema follows, has CONTEXTO rules on top, and
    /// the plain host name form knows no Unicode.
    const READ_ALL_THE_SAME: &[&str] = &[
        "Exceptions that are DISALLOWED",
        "A-label that decodes to a disallowed code point",
        "IDN label separator",
        "invalid non-ASCII KELVIN SIGN (U+212A)",
        "MIDDLE DOT",
        "Greek KERAIA",
        "Hebrew GERESH",
        "Hebrew GERSHA",
        "KATAKANA MIDDLE DOT",
    ];
    let mut n_allowed = 0;
    for case in ["formats/hostname.json", "formats/idn-hostname.json"]
        .into_iter()
        .filter_map(json)
        .flatten()
    {
        let (value, says) = (field(&case, "value"), field(&case, "description"));
        let ours = value.parse::<Domain>().is_ok();
        if ours != case["valid"].as_bool().unwrap() {
            let is_known = READ_ALL_THE_SAME
                .iter()
                .any(|known| says.starts_with(known));
            // A trailing dot, in whatever script, is the root.
            let is_rooted = says == "trailing fullwidth full stop";
            assert!(ours && (is_known || is_rooted), "{case}");
            n_allowed += 1;
        }
    }
    assert!(n_allowed <= 16, "{n_allowed}");
}

#[test]
fn punycode_decodes_to_what_was_encoded() {
    for case in json("idna/punycode-cases.json").into_iter().flatten() {
        let (decoded, encoded) = (field(&case, "decoded"), field(&case, "encoded"));
        let Ok(domain) = decoded.parse::<Domain>() else {
            continue;
        };
        // A name is folded before it is encoded, so the oracle is the lower-case form.
        if decoded.to_lowercase() == decoded && !decoded.is_ascii() {
            assert_eq!(domain.as_str(), format!("xn--{encoded}"), "{decoded}");
        }
    }
}

/// `\uXXXX` and `\x{XXXX}`, as in the file; `None` for half a surrogate pair.
fn unescape(text: &str) -> Option<String> {
    if text == "\"\"" {
        return Some(String::new());
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (hex, after) = match rest.strip_prefix("x{") {
            Some(hex) => hex.split_once('}').unwrap(),
            None => rest[1..].split_at(4),
        };
        out.push(char::from_u32(u32::from_str_radix(hex, 16).unwrap())?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[test]
fn names_become_the_a_labels_of_the_unicode_test_file() {
    let Some(file) = text("idna/IdnaTestV2-third.txt") else {
        return;
    };
    let (mut n_read, mut n_refused) = (0, 0);
    for line in file
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
    {
        let line = line.rsplit_once('#').map_or(line, |(columns, _)| columns);
        let columns: Vec<&str> = line.split(';').map(str::trim).collect();
        let or = |n: usize, other: &'_ str| {
            if columns[n].is_empty() {
                other.to_owned()
            } else {
                columns[n].to_owned()
            }
        };
        let Some(source) = unescape(columns[0]) else {
            continue;
        };
        let unicode = or(1, columns[0]);
        let unicode_status = or(2, "[]");
        let (ascii, status) = (or(3, &unicode), or(4, &unicode_status));
        let Some(want) = unescape(&ascii) else {
            continue;
        };
        // Codes of the checks that we do not make (V2: hyphens in the third and fourth place) or
        // that fall on what we let through (U1: the underscore).
        let errors: Vec<&str> = status
            .trim_matches(['[', ']'])
            .split(", ")
            .filter(|code| !matches!(*code, "" | "V2" | "U1"))
            .collect();
        let ours = source.parse::<Domain>();
        let want = want.strip_suffix('.').unwrap_or(&want);
        // A rooted name is fine for us; the file counts its empty last label as a fault.
        let is_rooted =
            errors == ["A4_2"] && !want.is_empty() && !want.split('.').any(str::is_empty);
        if errors.is_empty() || is_rooted {
            let is_ours = want.split('.').all(|l| {
                (1..=63).contains(&l.len())
                    && !l.starts_with('-')
                    && !l.ends_with('-')
                    && l.bytes().all(|b| {
                        b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_'
                    })
            }) && want.len() <= 253
                && !want
                    .rsplit('.')
                    .next()
                    .unwrap()
                    .bytes()
                    .all(|b| b.is_ascii_digit());
            assert_eq!(
                ours.as_ref().map(Domain::as_str).ok(),
                is_ours.then_some(want),
                "{line}"
            );
            n_read += usize::from(is_ours);
        } else {
            // The library lets unassigned U+3E8AC through; its A-label is still one reading.
            assert!(
                ours.is_err() || source.contains('\u{3e8ac}'),
                "{line}: {ours:?}"
            );
            n_refused += 1;
        }
    }
    assert!(
        n_read > 200 && n_refused > 200,
        "{n_read} read, {n_refused} refused"
    );
}

#[test]
fn delegated_prefixes_are_read_and_found_by_their_ends() {
    let (Some(v4), Some(v6)) = (
        text("nl-prefixes/nl-ipv4.txt"),
        text("nl-prefixes/nl-ipv6.txt"),
    ) else {
        return;
    };
    let nets: Vec<IpNet> = v4
        .lines()
        .chain(v6.lines())
        .map(|line| parse_prefix(line).expect(line))
        .collect();
    let assets: Vec<_> = v4
        .lines()
        .chain(v6.lines())
        .map(|line| asset(&format!("1 cidr {line}")))
        .collect();
    let index = Index::build(
        &assets,
        &Shared::default(),
        &PrefixTable::default(),
        &Settings::default(),
    );
    let rows: Vec<Row> = nets
        .iter()
        .flat_map(|net| match span(net) {
            Span::V4(a, b) => [Some(a), Some(b), a.checked_sub(1), b.checked_add(1)].map(|ip| {
                ip.map(|ip| Row {
                    ip_v4: Some(ip),
                    ..Row::at(0)
                })
            }),
            Span::V6(a, b) => [Some(a), Some(b), a.checked_sub(1), b.checked_add(1)].map(|ip| {
                ip.map(|ip| Row {
                    ip_v6: Some(ip),
                    ..Row::at(0)
                })
            }),
        })
        .flatten()
        .collect();
    let found = index.match_batch(&key_columns(&rows), "o").unwrap();
    let mut found: Vec<(u32, u32)> = found.matches.iter().map(|m| (m.row, m.asset)).collect();
    // A plain loop over all pairs, by number.
    let mut slow = Vec::new();
    for (row, seen) in (0u32..).zip(&rows) {
        for (asset, net) in (0u32..).zip(&nets) {
            let inside = match (span(net), seen.ip_v4, seen.ip_v6) {
                (Span::V4(a, b), Some(ip), _) => a <= ip && ip <= b,
                (Span::V6(a, b), _, Some(ip)) => a <= ip && ip <= b,
                _ => false,
            };
            if inside {
                slow.push((row, asset));
            }
        }
    }
    found.sort_unstable();
    assert_eq!(found, slow);
    assert!(slow.len() > 15_000, "{}", slow.len());
}

#[test]
fn real_prefix_tables_are_read_and_answer_at_their_ends() {
    for (file, n_rows) in [
        ("asn/nl-asn-ipv4.csv", 8_319),
        ("asn/nl-asn-ipv6.csv", 2_830),
        ("asn/world-asn-ipv4.csv.gz", 411_961),
        ("asn/world-asn-ipv6.csv.gz", 103_197),
    ] {
        let Some(csv) = text(file) else { continue };
        let table = read_prefix_table(csv.as_bytes(), file).unwrap();
        assert_eq!(table.n_rows(), n_rows, "{file}");
        let (mut n_differing, mut n) = (0, 0);
        for line in csv.lines().skip(1).step_by(7) {
            let columns: Vec<&str> = line.split(',').collect();
            let asn: u32 = columns[2].parse().unwrap();
            let ends = match columns[0].parse::<u32>() {
                Ok(start) => [start, start + columns[1].parse::<u32>().unwrap() - 1]
                    .map(|ip| IpAddr::V4(ip.into())),
                Err(_) => [columns[0], columns[1]].map(|ip| ip.parse().unwrap()),
            };
            for ip in ends {
                n += 1;
                n_differing += usize::from(table.asn_of(ip) != Some(asn));
            }
        }
        // Two rows of the world table overlap, as found.
        assert!(n_differing <= 2 && n > 500, "{file}: {n_differing} of {n}");
    }
}

#[test]
fn addresses_of_a_registered_as_are_its_own_by_the_prefix_table() {
    let Some(csv) = text("asn/nl-asn-ipv4.csv") else {
        return;
    };
    let table = read_prefix_table(csv.as_bytes(), "asn").unwrap();
    let index = Index::build(
        &[asset("1 asn 1103")],
        &Shared::default(),
        &table,
        &Settings::default(),
    );
    let lines: Vec<Vec<&str>> = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    let rows: Vec<Row> = lines
        .iter()
        .map(|columns| Row {
            ip: Some(columns[1].into()),
            ..Row::at(0)
        })
        .collect();
    let found = index
        .match_batch(&key_columns(&rows), "o")
        .unwrap()
        .matched_rows();
    let want: Vec<u32> = (0u32..)
        .zip(&lines)
        .filter(|(_, columns)| columns[2] == "1103")
        .map(|(n, _)| n)
        .collect();
    assert_eq!(found, want);
    assert!(!want.is_empty());
}

#[test]
fn real_host_names_are_read() {
    let mut n_names = 0;
    for file in [
        "domains/nl-popular-domains.txt",
        "domains/nl-domains-with-security-txt-2024.txt",
    ] {
        for line in text(file)
            .unwrap_or_default()
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
        {
            assert_eq!(
                line.parse::<Domain>().map(|d| d.to_string()),
                Ok(line.to_lowercase())
            );
            n_names += 1;
        }
    }
    println!("{n_names} names");
}
