//! Sorted runs: however many a delivery becomes, table and file are the same.

use std::io::Cursor;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use nachtwacht::ingest::{self, Format, Settings, Source};

use super::{assert_sums, settings, text};

/// A list in which a name or an address often comes twice, some rows have neither, and the
/// values of some columns change seldom or never.
fn mixed_list(n_rows: u32, seed: u32) -> String {
    let mut csv = String::from("timestamp,ip,hostname,tag,severity,version,note\n");
    let mut state = seed;
    for i in 0..n_rows {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (ip, name) = match state >> 29 {
            0 => (format!("2001:db8::{:x}", state >> 24 & 0xff), String::new()),
            1 => (
                String::new(),
                format!("h{}.voorbeeld.example", state >> 20 & 0xff),
            ),
            2 => (
                format!("::ffff:192.0.2.{}", state >> 16 & 0xff),
                String::new(),
            ),
            _ => (
                format!("192.0.{}.{}", state >> 24 & 3, state >> 16 & 0xff),
                format!("n{i}.example"),
            ),
        };
        let cve = if state >> 22 & 15 == 0 {
            ";cve-2021-26855"
        } else {
            ""
        };
        let severity = if i % 5_000 == 1 { "low" } else { "high" };
        let note = ["", "a", "b"][(state >> 18) as usize % 3];
        csv += &format!(
            "2026-03-01 00:00:00,{ip},{name},t{}{cve},{severity},{},{note}\n",
            state >> 27,
            i / 700
        );
    }
    csv
}

/// The rows in the order that is promised, by another way of sorting.
fn assert_sorted(batch: &RecordBatch) {
    let rows = batch.column_by_name("source_row").unwrap();
    let rows = rows.as_primitive::<UInt64Type>();
    let key = |row: usize| {
        let ip =
            text(batch, "ip", row).map(|ip| nachtwacht::model::address::parse_ip(&ip).unwrap());
        let name = match ip {
            None => text(batch, "hostname", row).unwrap(),
            Some(_) => String::new(),
        };
        (ip.is_none(), ip, name, rows.value(row))
    };
    let keys: Vec<_> = (0..batch.num_rows()).map(key).collect();
    assert!(keys.is_sorted());
    let mut seen: Vec<u64> = rows.values().to_vec();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), batch.num_rows(), "each row once");
}

/// Runs are an affair of memory: the table is the same however many there are.
#[test]
fn many_runs_give_the_same_table_as_one() {
    let source = Source {
        name: "2026-03-01-scan_rdp-x.csv",
        format: Some(Format::List),
        ..Source::default()
    };
    for seed in [7, 8] {
        let csv = mixed_list(3_000, seed);
        let whole = ingest::read(csv.as_bytes(), &source, &settings()).unwrap();
        assert_sorted(&whole.batch);
        for run_rows in [1, 7, 1_000, 2_999, 3_000] {
            let cut = Settings {
                run_rows,
                ..settings()
            };
            let again = ingest::read(csv.as_bytes(), &source, &cut).unwrap();
            assert_sums(&again);
            assert_eq!(again.batch, whole.batch, "{run_rows}");
            assert_eq!(again.profile, whole.profile);
        }
    }
}

/// The bytes too: page and row group end in the same places, and a column that holds one value in
/// some runs, row groups or pieces only is written as any other.
#[test]
fn many_runs_give_the_same_file_as_one() {
    let csv = mixed_list(150_000, 9);
    let source = Source {
        name: "2026-03-01-scan_rdp-x.csv",
        format: Some(Format::List),
        ..Source::default()
    };
    let identified = ingest::identify(&mut Cursor::new(csv.as_bytes()), &source, 1 << 24).unwrap();
    let file = |run_rows: usize| {
        let cut = Settings {
            run_rows,
            ..settings()
        };
        let input: Box<dyn ingest::Input> = Box::new(Cursor::new(csv.as_bytes()));
        let mut inputs = [(source.name.to_owned(), input)];
        let mut runs = Vec::new();
        let summary = ingest::ingest(&mut inputs, &identified, &cut, &mut |run| {
            let pieces: Vec<_> = run.by_ref().collect();
            runs.push(ingest::Stored {
                ones: run.ones().to_vec(),
                n_rows: run.n_rows(),
                pieces: pieces.into_iter(),
            });
            Ok(())
        });
        let mut bytes = Vec::new();
        let mut writer = ingest::SnapshotWriter::open(&mut bytes).unwrap();
        ingest::merge(runs, &mut |rows| writer.write(rows)).unwrap();
        writer.close(&summary.unwrap().profile).unwrap();
        bytes
    };
    let whole = file(200_000);
    assert_eq!(file(9_000), whole);
    assert_eq!(file(70_000), whole);
    let ingested = ingest::read(csv.as_bytes(), &source, &settings()).unwrap();
    assert_sorted(&ingested.batch);
    assert_eq!(ingest::to_parquet(&ingested).unwrap(), whole);
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        bytes::Bytes::from(whole),
    );
    let batches: Vec<RecordBatch> = reader
        .unwrap()
        .build()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let read = arrow::compute::concat_batches(&ingested.batch.schema(), &batches).unwrap();
    assert_eq!(read, ingested.batch);
}

/// Rows of hundreds of KiB: runs, pieces and what is handed on get shorter, and nothing is lost.
#[test]
fn long_rows_are_merged_too() {
    let mut csv = String::from("timestamp,ip,note\n");
    for i in 0..60u32 {
        let ip = i.wrapping_mul(2_654_435_761) >> 24;
        let note = char::from(b'a' + (i % 26) as u8)
            .to_string()
            .repeat(200_000);
        csv += &format!("2026-03-01 00:00:00,192.0.2.{ip},{note}\n");
    }
    let source = Source {
        name: "2026-03-01-scan_rdp-x.csv",
        format: Some(Format::List),
        ..Source::default()
    };
    let whole = ingest::read(csv.as_bytes(), &source, &settings()).unwrap();
    assert_sorted(&whole.batch);
    let cut = Settings {
        run_rows: 11,
        ..settings()
    };
    let again = ingest::read(csv.as_bytes(), &source, &cut).unwrap();
    assert_eq!(again.batch, whole.batch);
    assert_eq!(again.batch.num_rows(), 60);
}

/// Pieces are cut by how long their rows are: not by how long rows are on average.
#[test]
fn few_long_rows_among_short_ones_make_short_pieces() {
    let mut csv = String::from("ip,note\n");
    for i in 0..12_000u32 {
        csv += &format!("192.0.{}.{},n{i}\n", i >> 8, i & 255);
    }
    for i in 0..8 {
        csv += &format!("203.0.113.{i},{}\n", "x".repeat(600_000));
    }
    let source = Source {
        name: "2026-03-01-scan_rdp-x.csv",
        format: Some(Format::List),
        ..Source::default()
    };
    let identified = ingest::identify(&mut Cursor::new(csv.as_bytes()), &source, 1 << 24).unwrap();
    let input: Box<dyn ingest::Input> = Box::new(Cursor::new(csv.as_bytes()));
    let mut inputs = [(source.name.to_owned(), input)];
    let mut n_rows = 0;
    ingest::ingest(&mut inputs, &identified, &settings(), &mut |run| {
        assert_eq!(run.n_rows(), 12_008);
        for piece in run {
            let piece = piece?;
            n_rows += piece.num_rows();
            let sizes = piece.columns().iter().map(|column| {
                let data = column.to_data();
                data.get_slice_memory_size().unwrap()
            });
            let n_bytes: usize = sizes.sum();
            assert!(n_bytes < 3 << 20, "{n_bytes} in {} rows", piece.num_rows());
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(n_rows, 12_008);
}
