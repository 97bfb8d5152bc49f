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
                    let _ = opened.snapshot.read_keys(group);
                    let _ = opened.snapshot.read_rows(group, &[0, 1]);
                }
            }
        }
    }
    assert!(n_refused > 0);
}
