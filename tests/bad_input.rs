//! What is wrong is said once, clearly, and nothing half-written is left: one row a case.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::harness;
use crate::sandbox::Sandbox;

const NIGHT: &str = "2026-03-09";
const RDP: &str = "data-samples/snapshots/2026-03-09/shadowserver/scan_rdp.parquet";
const JOB: &str = "jobs/nightly.toml";

pub fn read(sandbox: &Sandbox, path: &str) -> RecordBatch {
    let bytes = Bytes::from(fs::read(sandbox.path(path)).unwrap());
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

pub fn write(sandbox: &Sandbox, path: &str, batch: &RecordBatch) {
    let file = fs::File::create(sandbox.path(path)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// The batch without a column, or with another one in its place.
pub fn with_column(batch: &RecordBatch, name: &str, other: Option<ArrayRef>) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.name() != name {
            fields.push(Arc::clone(field));
            arrays.push(Arc::clone(array));
        }
    }
    if let Some(array) = other {
        fields.push(Arc::new(Field::new(name, array.data_type().clone(), true)));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

struct Case {
    name: &'static str,
    spoil: fn(&Sandbox),
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "a missing column",
        spoil: |s| {
            let batch = read(s, RDP);
            write(s, RDP, &with_column(&batch, "observed_at", None));
        },
        says: &[
            "scan_rdp.parquet",
            "observed_at",
            "missing",
            "timestamp",
            "hint:",
        ],
    },
    Case {
        name: "a wrong type",
        spoil: |s| {
            let batch = read(s, RDP);
            let texts = vec!["yesterday"; batch.num_rows()];
            let array: ArrayRef = Arc::new(StringArray::from(texts));
            write(s, RDP, &with_column(&batch, "observed_at", Some(array)));
        },
        says: &[
            "scan_rdp.parquet",
            "observed_at",
            "Utf8",
            "expected a timestamp",
            "hint:",
        ],
    },
    Case {
        name: "a truncated file",
        spoil: |s| {
            let bytes = fs::read(s.path(RDP)).unwrap();
            fs::write(s.path(RDP), &bytes[..bytes.len() / 2]).unwrap();
        },
        says: &["scan_rdp.parquet", "cannot be read as Parquet", "hint:"],
    },
    Case {
        name: "an empty snapshot",
        spoil: |s| {
            let batch = read(s, RDP);
            write(s, RDP, &batch.slice(0, 0));
        },
        says: &["scan_rdp.parquet", "empty", "one row", "hint:"],
    },
    Case {
        name: "a stale feed",
        spoil: |s| {
            fs::remove_dir_all(s.path("data-samples/snapshots/2026-03-09/shadowserver")).unwrap();
        },
        says: &["shadowserver", "3 days older", "allows 2", "hint:"],
    },
    Case {
        name: "an unknown feed",
        spoil: |s| s.edit(JOB, "[feeds.own]", "[feeds.other]"),
        says: &["`own`", "`other`", "hint:"],
    },
    Case {
        name: "a register that is not there",
        spoil: |s| fs::remove_file(s.path("data-samples/register/assets.parquet")).unwrap(),
        says: &["register/assets.parquet", "not there", "hint:"],
    },
    Case {
        name: "a public suffix list that is not there",
        spoil: |s| fs::remove_dir_all(s.path("data-samples/reference/public-suffix")).unwrap(),
        says: &["public-suffix", "no object dated", "hint:"],
    },
    Case {
        name: "an unknown threat",
        spoil: |s| {
            let path = s.path("jobs/triggers/2026.toml");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replacen("\"exposed-rdp\"", "\"exposed-rpd\"", 1)).unwrap();
        },
        says: &[
            "2026.toml",
            "unknown threat `exposed-rpd`",
            "did you mean `exposed-rdp`?",
        ],
    },
    Case {
        name: "a template with a field that does not exist",
        spoil: |s| {
            s.edit(
                "templates/letter/letter.txt",
                "{{ salutation }}",
                "{{ salutaton }}",
            )
        },
        says: &["letter/letter.txt", "salutaton"],
    },
    Case {
        name: "several problems of a job at once",
        spoil: |s| {
            s.edit(JOB, "rejects_tolerated = 100", "rejects_tolerate = 100");
            s.edit(JOB, "Europe/Amsterdam", "Europe/Amsterdorp");
            s.edit(JOB, "max_prefix_v4 = 12", "max_prefix_v4 = \"wide\"");
        },
        says: &[
            "nightly.toml",
            "rejects_tolerate: unknown key",
            "did you mean `rejects_tolerated`?",
            "Europe/Amsterdorp",
            "registrations.max_prefix_v4",
            "expected a prefix length",
        ],
    },
    Case {
        name: "several broken snapshots at once",
        spoil: |s| {
            let batch = read(s, RDP);
            write(s, RDP, &with_column(&batch, "observed_at", None));
            let exchange = RDP.replace("scan_rdp", "scan_exchange");
            fs::write(s.path(&exchange), b"PAR1PAR1").unwrap();
            let sinkhole = RDP.replace("scan_rdp", "event4_sinkhole_http");
            let batch = read(s, &sinkhole);
            write(s, &sinkhole, &batch.slice(0, 0));
        },
        says: &[
            "scan_rdp.parquet: observed_at: the column is missing",
            "scan_exchange.parquet: cannot be read as Parquet",
            "event4_sinkhole_http.parquet: the snapshot is empty",
        ],
    },
    Case {
        name: "a register without a needed column",
        spoil: |s| {
            let path = "data-samples/register/assets.parquet";
            let batch = read(s, path);
            write(s, path, &with_column(&batch, "kind", None));
        },
        says: &["register/assets.parquet", "kind", "missing", "hint:"],
    },
    Case {
        name: "a job without a base",
        spoil: |s| s.edit(JOB, "base = \"..\"", "# base is gone\n#"),
        says: &["nightly.toml", "base", "missing"],
    },
    Case {
        name: "a base that is not there",
        spoil: |s| s.edit(JOB, "base = \"..\"", "base = \"../nowhere\""),
        says: &["base", "nowhere", "hint:"],
    },
    Case {
        name: "a name with a line break",
        spoil: |s| fs::write(s.path(&RDP.replace("scan_rdp", "scan\nrdp")), b"x").unwrap(),
        says: &[
            "data-samples/snapshots",
            "name cannot be used",
            "scan rdp",
            "rename it",
        ],
    },
    Case {
        name: "a name that is no UTF-8",
        spoil: |s| {
            let name = std::ffi::OsStr::from_bytes(b"scan\xff.parquet");
            let folder = s.path("data-samples/snapshots/2026-03-09/shadowserver");
            fs::write(folder.join(name), b"x").unwrap();
        },
        says: &["name cannot be used", "scan%FF", "rename it"],
    },
    Case {
        name: "a link to a folder above it",
        spoil: |s| symlink("..", s.path("data-samples/snapshots/2026-03-09/up")).unwrap(),
        says: &[
            "a link leads back to itself",
            "2026-03-09/up",
            "take the link away",
        ],
    },
    Case {
        name: "a link to itself",
        spoil: |s| symlink("self", s.path("data-samples/snapshots/2026-03-09/self")).unwrap(),
        says: &[
            "a link leads back to itself",
            "2026-03-09/self",
            "take the link away",
        ],
    },
    Case {
        name: "a row of what was scanned, far behind in a table that is read in pieces",
        spoil: |s| {
            let path = "data-samples/coverage/2026-03-09.parquet";
            fs::create_dir_all(s.path("data-samples/coverage")).unwrap();
            fs::copy(harness::root().join(path), s.path(path)).unwrap();
            let few = read(s, path);
            let many = concat_batches(&few.schema(), vec![&few.slice(0, 1); 9_000]).unwrap();
            let networks = (1..=9_000).map(|row| (row == 9_000).then_some("everywhere"));
            let networks: ArrayRef = Arc::new(StringArray::from_iter(networks));
            write(s, path, &with_column(&many, "network", Some(networks)));
        },
        says: &[
            "coverage/2026-03-09.parquet",
            "network: row 9000 has `everywhere`",
            "hint:",
        ],
    },
];

#[test]
fn bad_input_ends_with_exit_code_2_and_leaves_nothing() {
    for case in CASES {
        let sandbox = Sandbox::new(&[6, 9]);
        (case.spoil)(&sandbox);
        let ran = sandbox.run(NIGHT);
        assert_eq!(ran.code, Some(2), "{}: {}{}", case.name, ran.out, ran.err);
        for part in case.says {
            assert!(
                ran.err.contains(part),
                "{}: `{part}` in\n{}",
                case.name,
                ran.err
            );
        }
        sandbox.assert_untouched();
    }
}

#[test]
fn rows_of_the_register_are_set_aside_with_a_reason_and_the_night_goes_on() {
    let sandbox = Sandbox::new(&[6, 9]);
    let wrong = [
        ("kvk:123", "ip", "240.0.0.9", "bad_company_key"),
        ("kvk:99999999", "ip", "240.0.0.8", "unknown_company"),
        ("", "domain", "nl", "public_suffix"),
        ("", "cidr", "0.0.0.0/0", "prefix_too_wide"),
        ("", "ip", "010.0.0.1", "ambiguous_address"),
        ("", "cidr", "240.1.2.3/24", "host_bits"),
    ];
    let assets = read(&sandbox, "data-samples/register/assets.parquet");
    let keys = assets.column_by_name("company_key").unwrap();
    let keys = keys.as_any().downcast_ref::<StringArray>().unwrap();
    let known = keys.value(10).to_owned();
    let schema = assets.schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        let texts =
            |f: fn(&(&'static str, &'static str, &'static str, &'static str)) -> &'static str| {
                Arc::new(StringArray::from(wrong.iter().map(f).collect::<Vec<_>>()))
            };
        match field.name().as_str() {
            "company_key" => {
                let key = |w: &(&str, &str, &str, &str)| {
                    if w.0.is_empty() {
                        known.clone()
                    } else {
                        w.0.to_owned()
                    }
                };
                Arc::new(StringArray::from(wrong.iter().map(key).collect::<Vec<_>>()))
            }
            "kind" => texts(|w| w.1),
            "value" => texts(|w| w.2),
            _ => arrow::array::new_null_array(field.data_type(), wrong.len()),
        }
    });
    let nullable: Vec<Field> = schema
        .fields()
        .iter()
        .map(|f| f.as_ref().clone().with_nullable(true))
        .collect();
    let nullable = Arc::new(Schema::new(nullable));
    let more = RecordBatch::try_new(Arc::clone(&nullable), columns.collect()).unwrap();
    let same = RecordBatch::try_new(Arc::clone(&nullable), assets.columns().to_vec()).unwrap();
    write(
        &sandbox,
        "data-samples/register/assets.parquet",
        &concat_batches(&nullable, [&same, &more]).unwrap(),
    );

    let n_before = u64::try_from(assets.num_rows()).unwrap();
    sandbox.run(NIGHT).ended_with(0);
    fs::write(
        sandbox.path("rejects.parquet"),
        &sandbox.outputs(NIGHT)["rejects.parquet"],
    )
    .unwrap();
    let rejects = read(&sandbox, "rejects.parquet");
    let text = |name: &str, row: usize| {
        let array = rejects.column_by_name(name).unwrap();
        array
            .as_any()
            .downcast_ref::<StringArray>()
            .unwrap()
            .value(row)
            .to_owned()
    };
    let rows = rejects.column_by_name("row").unwrap();
    let rows = rows
        .as_any()
        .downcast_ref::<arrow::array::UInt64Array>()
        .unwrap();
    for (n, (_, _, value, reason)) in wrong.iter().enumerate() {
        let row = n_before + u64::try_from(n).unwrap();
        let at = (0..rejects.num_rows())
            .find(|at| rows.value(*at) == row && text("object", *at).ends_with("assets.parquet"))
            .unwrap_or_else(|| panic!("`{value}` was not rejected"));
        assert_eq!(text("reason", at), *reason, "`{value}`");
        assert!(!text("found", at).contains(value), "the value is masked");
    }

    // The same rows where the job tolerates none: the night is done, and says that somebody must look.
    let strict = Sandbox::new(&[6, 9]);
    strict.edit(JOB, "rejects_tolerated = 100", "rejects_tolerated = 0");
    strict
        .run(NIGHT)
        .ended_with(1)
        .says(&["rows were rejected and the job tolerates 0"]);
}

#[test]
fn a_port_that_is_none_sets_the_row_aside() {
    let sandbox = Sandbox::new(&[6, 9]);
    let batch = read(&sandbox, RDP);
    let ports: ArrayRef = Arc::new(Int64Array::from(vec![70_000; batch.num_rows()]));
    assert_eq!(ports.data_type(), &DataType::Int64);
    write(&sandbox, RDP, &with_column(&batch, "port", Some(ports)));
    let code = sandbox.run(NIGHT).code;
    assert!(code == Some(0) || code == Some(1), "{code:?}");
    let manifest = sandbox.manifest(NIGHT);
    assert!(
        manifest["reject_reasons"]["bad_port"].as_u64() > Some(0),
        "{}",
        manifest["reject_reasons"]
    );
}

/// A letter would say that it was seen on a day that has not come, or on none at all.
#[test]
fn what_was_seen_after_the_night_is_set_aside_and_a_clock_that_is_hours_wrong_is_not() {
    const DAY: i64 = 86_400_000_000;
    // 2026-03-10T23:00:00Z: midnight in Amsterdam, two days after the night began.
    const TOO_LATE: i64 = 1_773_183_600_000_000;
    let sandbox = Sandbox::new(&[6, 9]);
    let batch = read(&sandbox, RDP);
    let far = [i64::MAX, i64::MIN, TOO_LATE + 400 * DAY, TOO_LATE];
    let times = (0..batch.num_rows()).map(|n| {
        let near = TOO_LATE - 1;
        *far.get(n % 8).unwrap_or(&near)
    });
    let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
    let late: ArrayRef = Arc::new(times);
    write(
        &sandbox,
        RDP,
        &with_column(&batch, "observed_at", Some(late)),
    );
    let ran = sandbox.run(NIGHT);
    assert!(
        matches!(ran.code, Some(0 | 1)),
        "{:?} {}",
        ran.code,
        ran.err
    );
    let manifest = sandbox.manifest(NIGHT);
    let reasons = &manifest["reject_reasons"];
    for reason in ["time_in_future", "bad_time"] {
        assert!(reasons[reason].as_u64() > Some(0), "{reason}: {reasons}");
    }
    let outputs = sandbox.outputs(NIGHT);
    let texts = outputs
        .iter()
        .filter(|(name, _)| name.starts_with("letters/") && name.ends_with(".txt"));
    let texts: Vec<String> = texts
        .map(|(_, b)| String::from_utf8_lossy(b).into_owned())
        .collect();
    assert!(
        texts.iter().any(|t| t.contains("10 maart 2026, 23:59")),
        "a clock that is wrong by hours"
    );
    for text in &texts {
        assert!(!text.contains(" , "), "{text}");
        assert!(!text.contains("2027"), "{text}");
    }
}

#[test]
fn a_store_that_is_away_is_a_reason_to_run_again() {
    let sandbox = Sandbox::new(&[9]);
    sandbox.edit(JOB, "retries = 5", "retries = 0");
    let key = "0123456789abcdef0123456789abcdef";
    let env = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    let keys = [
        ("NACHTWACHT_VERIFICATION_KEY", key),
        ("NACHTWACHT_PARTY_KEY", key),
    ];
    let args = ["run", JOB, "--base", "s3://bucket/prefix"];
    let with_keys: Vec<(&str, &str)> = env.iter().chain(&keys).copied().collect();
    sandbox
        .call(&args, &with_keys)
        .ended_with(3)
        .says(&["s3://bucket/prefix", "run the same command again"]);
    // The samples' key is public: anybody could make references with it.
    sandbox
        .call(&args, &env)
        .ended_with(2)
        .says(&["samples' key", "secrets.verification_key"]);
}

#[test]
fn a_damaged_ledger_stops_the_night_before_anything_is_sent() {
    let sandbox = Sandbox::new(&[6, 9, 10]);
    sandbox.run(NIGHT).ended_with(0);
    let path = sandbox.path("ledger/000000000002.jsonl");
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    let at = flipped.len() - 40;
    flipped[at] ^= 1;
    for (what, bytes) in [
        ("a flipped bit", Some(flipped)),
        ("a cut", Some(whole[..whole.len() - 9].to_vec())),
        ("a missing number", None),
    ] {
        match &bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let before = sandbox.ledger_objects();
        let ran = sandbox.run("2026-03-10").ended_with(2);
        ran.says(&["ledger is damaged", "000000000002.jsonl", "hint:"]);
        assert_eq!(before, sandbox.ledger_objects(), "{what}");
        assert!(!sandbox.path("runs/2026-03-10").exists(), "{what}");
    }
}
