//! Parquet files of strangers: read, or refused by name without a crash.

use std::collections::BTreeMap;

use nachtwacht::diag::Kind;
use nachtwacht::scan;
use nachtwacht::store::{Place, Settings};
use url::Url;

use crate::harness::{root, shared};

fn place(folder: &std::path::Path) -> Place {
    let base = Url::from_directory_path(folder.canonicalize().unwrap()).unwrap();
    Place::open(&base, &Settings::default(), &BTreeMap::new()).unwrap()
}

#[test]
fn malformed_files_are_refused_by_name() {
    let Some(folder) = shared("parquet/bad") else {
        return;
    };
    let place = place(&folder);
    for object in place
        .list("")
        .unwrap()
        .iter()
        .filter(|o| o.path.ends_with(".parquet"))
    {
        let whole = scan::read_table(&place, &object.path);
        let opened = scan::open(&place, &object.path, object.size, &BTreeMap::new());
        for (how, failure) in [("whole", whole.err()), ("opened", opened.err())] {
            let Some(failure) = failure else {
                panic!("{} was read ({how})", object.path)
            };
            assert_eq!(failure.kind, Kind::FixData, "{failure}");
            assert!(failure.to_string().contains(&object.path), "{failure}");
        }
    }
}

#[test]
fn well_formed_files_of_other_programs_are_read() {
    let Some(folder) = shared("parquet/good") else {
        return;
    };
    let place = place(&folder);
    let mut n_read = 0;
    for object in place
        .list("")
        .unwrap()
        .iter()
        .filter(|o| o.path.ends_with(".parquet"))
    {
        match scan::read_table(&place, &object.path) {
            Ok((batches, _)) => n_read += usize::from(!batches.is_empty()),
            // Some use an encryption, a codec or a type that a scan feed has no use for.
            Err(failure) => assert_eq!(failure.kind, Kind::FixData, "{failure}"),
        }
    }
    assert!(n_read >= 15, "only {n_read} were read");
}

#[test]
fn a_file_cut_anywhere_is_refused_and_never_half_read() {
    let file = "snapshots/2026-03-02/shadowserver/scan_rdp.parquet";
    let bytes = std::fs::read(root().join("data-samples").join(file)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    for (n, part) in [
        0,
        1,
        4,
        11,
        12,
        13,
        bytes.len() / 3,
        bytes.len() / 2,
        bytes.len() - 9,
        bytes.len() - 1,
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{n}.parquet");
        std::fs::write(folder.path().join(&name), &bytes[..part]).unwrap();
        let opened = scan::open(
            &place,
            &name,
            u64::try_from(part).unwrap(),
            &BTreeMap::new(),
        );
        let failure = opened
            .err()
            .unwrap_or_else(|| panic!("{part} bytes were opened"));
        assert!(failure.to_string().contains(&name), "{failure}");
    }
}

/// A footer that lies about where columns are must not lead outside the file or into a panic.
#[test]
fn flipped_bytes_in_a_footer_never_panic() {
    use nachtwacht::model::matches::RowGroups;
    let file = "snapshots/2026-03-02/shadowserver/scan_rdp.parquet";
    let bytes = std::fs::read(root().join("data-samples").join(file)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let size = u64::try_from(bytes.len()).unwrap();
    let footer = bytes.len()
        - 8
        - usize::try_from(u32::from_le_bytes(
            bytes[bytes.len() - 8..][..4].try_into().unwrap(),
        ))
        .unwrap();
    let mut n_refused = 0;
    for (n, at) in (footer..bytes.len() - 8).step_by(17).enumerate() {
        let mut broken = bytes.clone();
        broken[at] ^= 0x55;
        let name = format!("{n}.parquet");
        std::fs::write(folder.path().join(&name), &broken).unwrap();
        match scan::open(&place, &name, size, &BTreeMap::new()) {
            Err(_) => n_refused += 1,
            Ok(opened) => {
                for group in 0..opened.snapshot.n_groups() {
                    let _ = opened.snapshot.read_keys(group, None);
                    let _ = opened.snapshot.read_rows(group, &[0, 1]);
                }
            }
        }
    }
    assert!(n_refused > 0);
}

/// A group that its statistics leave out holds nothing that matching would have found or rejected.
#[test]
fn a_row_group_that_is_left_out_unread_holds_no_match() {
    use nachtwacht::matching::{Index, PrefixTable, Settings as Matching, Shared};
    use nachtwacht::model::asset::{Asset, AssetKind, AssetValue};
    use nachtwacht::model::matches::{Near, RowGroups};
    let folder = tempfile::tempdir().unwrap();
    let path = sorted_snapshot(folder.path());
    let place = place(folder.path());
    let asset = |kind, value: AssetValue| Asset {
        company: "kvk:00000001".parse().unwrap(),
        kind,
        value,
        canonical: String::new(),
        original: String::new(),
        valid: nachtwacht::model::night::Validity::default(),
        source: String::new(),
        confirmed_at: None,
        row: 0,
    };
    let net = |text: &str| AssetValue::Nets(vec![text.parse().unwrap()]);
    let few = vec![asset(AssetKind::Cidr, net("240.0.0.0/16"))];
    let mut named = few.clone();
    named.push(asset(
        AssetKind::Domain,
        AssetValue::Name("example".parse().unwrap()),
    ));
    let (mut n_left_out, mut n_parts, mut n_read) = (0, 0, 0);
    for assets in [few, named] {
        let index = Index::build(
            &assets,
            &Shared::default(),
            &PrefixTable::default(),
            &Matching::default(),
        );
        let size = place.list("").unwrap()[0].size;
        let opened = scan::open(&place, path, size, &BTreeMap::new()).unwrap();
        for group in 0..opened.snapshot.n_groups() {
            let keys = opened.snapshot.read_keys(group, None).unwrap();
            let found = index.match_batch(&keys, path).unwrap();
            let outline = opened.snapshot.outline(group);
            match outline.as_ref().map(|outline| index.near(outline)) {
                Some(Near::Nothing) => {
                    n_left_out += 1;
                    assert_eq!(outline.unwrap().n_rows, u64::from(found.n_rows));
                    assert!(
                        found.matches.is_empty() && found.rejected.is_empty(),
                        "group {group}"
                    );
                }
                Some(Near::Rows(rows)) => {
                    n_parts += 1;
                    let n_rows: u32 = rows.iter().map(|r| r.end - r.start).sum();
                    assert!(n_rows < found.n_rows, "{rows:?}");
                    let keys = opened.snapshot.read_keys(group, Some(&rows)).unwrap();
                    let part = index.match_batch(&keys, path).unwrap().of_rows(&rows);
                    assert_eq!(part.n_rows, n_rows);
                    assert_eq!(part.matches, found.matches, "group {group}");
                    assert_eq!(part.rejected, found.rejected, "group {group}");
                }
                _ => n_read += 1,
            }
        }
    }
    // Ten groups; the range lies in one. The last three have host names, one of them a missing time.
    // Pages hold a hundred rows.
    assert_eq!((n_left_out, n_parts, n_read), (8 + 6, 1 + 1, 1 + 3));
}

/// Ten groups of a thousand rows, sorted by address over 240.0.0.0/4; names in the last three, and
/// a row without a time in the last.
fn sorted_snapshot(folder: &std::path::Path) -> &'static str {
    use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray, UInt32Array};
    use parquet::file::properties::WriterProperties;
    use std::sync::Arc;
    let rows = 0..10_000u32;
    let times: TimestampMicrosecondArray =
        rows.clone().map(|n| (n != 9_999).then_some(1)).collect();
    let v4: UInt32Array = rows
        .clone()
        .map(|n| Some(0xF000_0000 + n * 0x1_0000 / 4))
        .collect();
    let names: StringArray = rows
        .map(|n| (n >= 7_000).then(|| format!("h{n}.example")))
        .collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("observed_at", Arc::new(times)),
        ("ip_v4", Arc::new(v4)),
        ("hostname", Arc::new(names)),
    ];
    let batch = arrow::record_batch::RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1_000))
        .set_data_page_row_count_limit(100)
        .set_write_batch_size(100)
        .build();
    let file = std::fs::File::create(folder.join("sorted.parquet")).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    "sorted.parquet"
}
