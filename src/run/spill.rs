//! Sorted runs on disk, for deliveries that do not fit into one.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;

use crate::diag::Failure;
use crate::ingest::{self, Run, Sorted, Stored};
use crate::store::Place;

/// Bytes of runs that stay in memory: what most deliveries need, and more than they fill.
pub(super) const MEMORY_BYTES: usize = 256 << 20;
/// Bytes that are written at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A file that goes when it is let go.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// A name beside the store's objects, or in the system's folder for such files.
    pub fn new(place: &Place) -> Result<Self, Failure> {
        place.temporary().map(Self)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn create(&self) -> Result<File, Failure> {
        File::create_new(&self.0).map_err(|e| failure(&self.0, &e))
    }
}

fn failure(path: &Path, e: &dyn std::fmt::Display) -> Failure {
    Failure::try_later(format!("the temporary file cannot be used: {e}"))
        .at(path.display().to_string(), "")
        .hint("is the disk full?")
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A run: its pieces, or the file that they are in.
enum Kept {
    InMemory(Vec<RecordBatch>),
    OnDisk(Nameless),
}

/// A file whose name is gone already: of a process that is killed, nothing stays.
struct Nameless {
    file: File,
    /// Where it was, for messages.
    path: PathBuf,
}

impl Nameless {
    fn create(place: &Place) -> Result<Self, Failure> {
        let named = Temporary::new(place)?;
        let path = named.path().to_owned();
        let mut options = OpenOptions::new();
        // Addresses and names in a folder that others may look into.
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path).map_err(|e| failure(&path, &e))?;
        drop(named);
        Ok(Self { file, path })
    }

    fn write(&self, run: &mut Run<'_>) -> Result<(), Failure> {
        let wrong = |e: arrow::error::ArrowError| failure(&self.path, &e);
        let output = BufWriter::with_capacity(BUFFER_BYTES, &self.file);
        let mut writer = StreamWriter::try_new(output, &run.schema()).map_err(wrong)?;
        for piece in run {
            writer.write(&piece?).map_err(wrong)?;
        }
        writer.finish().map_err(wrong)
    }

    fn read(mut self) -> Result<impl Iterator<Item = Result<RecordBatch, Failure>>, Failure> {
        let path = self.path;
        self.file.rewind().map_err(|e| failure(&path, &e))?;
        let reader = StreamReader::try_new(BufReader::new(self.file), None);
        let reader = reader.map_err(|e| failure(&path, &e))?;
        Ok(reader.map(move |piece| piece.map_err(|e| failure(&path, &e))))
    }
}

/// Runs of a delivery in their order: the first ones stay in memory, those that do not fit go to
/// disk.
pub(super) struct Runs<'p> {
    place: &'p Place,
    kept: Vec<Stored<Kept>>,
    n_bytes: usize,
    memory_bytes: usize,
}

impl<'p> Runs<'p> {
    /// No runs; from so many bytes on they go to disk.
    pub fn new(place: &'p Place, memory_bytes: usize) -> Self {
        Self {
            place,
            kept: Vec::new(),
            n_bytes: 0,
            memory_bytes,
        }
    }

    /// Takes a run.
    pub fn add(&mut self, run: &mut Run<'_>) -> Result<(), Failure> {
        let ones = run.ones().to_vec();
        let pieces = if self.n_bytes < self.memory_bytes {
            let pieces: Result<Vec<RecordBatch>, Failure> = run.collect();
            let pieces = pieces?;
            self.n_bytes += pieces
                .iter()
                .map(RecordBatch::get_array_memory_size)
                .sum::<usize>();
            Kept::InMemory(pieces)
        } else {
            let file = Nameless::create(self.place)?;
            file.write(run)?;
            Kept::OnDisk(file)
        };
        self.kept.push(Stored {
            ones,
            n_rows: run.n_rows(),
            pieces,
        });
        Ok(())
    }

    /// Gives everything out in order.
    pub fn write_to(
        self,
        sink: &mut dyn FnMut(&Sorted) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut open = Vec::with_capacity(self.kept.len());
        for run in self.kept {
            let pieces: Box<dyn Iterator<Item = Result<RecordBatch, Failure>>> = match run.pieces {
                Kept::InMemory(pieces) => Box::new(pieces.into_iter().map(Ok)),
                Kept::OnDisk(file) => Box::new(file.read()?),
            };
            open.push(Stored {
                ones: run.ones,
                n_rows: run.n_rows,
                pieces,
            });
        }
        ingest::merge(open, sink)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;
    use std::os::unix::fs::PermissionsExt;

    use super::super::where_to::open_folder;
    use super::*;
    use crate::ingest::{Format, Input, Settings, Source};

    /// Small runs, all or some of them on disk, give the table that one run gives; none of them has a name.
    #[test]
    fn runs_on_disk_give_the_same_table() {
        // Long enough that steps are cut by bytes where these are counted wrong.
        let note = "x".repeat(6_000);
        let mut csv = String::from("timestamp,ip,hostname,severity,note\n");
        let mut state = 5u32;
        for i in 0..5_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let subject = match state >> 30 {
                0 => format!(",n{}.example", state >> 20 & 63),
                1 => format!("2001:db8::{:x},h{i}.example", state >> 22 & 63),
                _ => format!("192.0.{}.{},", state >> 24 & 1, state >> 16 & 0xff),
            };
            let severity = if i < 3_000 { "high" } else { "low" };
            csv += &format!("2026-03-01 00:00:00,{subject},{severity},{note}{i}\n");
        }
        let source = Source {
            name: "2026-03-01-scan_rdp-x.csv",
            format: Some(Format::List),
            ..Source::default()
        };
        let settings = |run_rows| Settings {
            feed: "partner".into(),
            account_key: None,
            max_bytes: 1 << 25,
            run_rows,
        };
        let whole = ingest::read(csv.as_bytes(), &source, &settings(5_000)).unwrap();
        let file = ingest::to_parquet(&whole).unwrap();
        let identified =
            ingest::identify(&mut Cursor::new(csv.as_bytes()), &source, 1 << 25).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = open_folder(folder.path().to_str().unwrap(), &BTreeMap::new()).unwrap();
        for memory_bytes in [0, 100_000, usize::MAX] {
            let mut runs = Runs::new(&place, memory_bytes);
            let input: Box<dyn Input> = Box::new(Cursor::new(csv.as_bytes()));
            let mut inputs = [(source.name.to_owned(), input)];
            ingest::ingest(&mut inputs, &identified, &settings(301), &mut |run| {
                runs.add(run)
            })
            .unwrap();
            let is_on_disk = |run: &&Stored<Kept>| matches!(run.pieces, Kept::OnDisk(_));
            let n_on_disk = runs.kept.iter().filter(is_on_disk).count();
            match memory_bytes {
                0 => assert_eq!(n_on_disk, 17),
                usize::MAX => assert_eq!(n_on_disk, 0),
                _ => assert!((1..17).contains(&n_on_disk), "{n_on_disk}"),
            }
            let named = std::fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(named, 0, "a killed process would leave them");
            for run in &runs.kept {
                if let Kept::OnDisk(file) = &run.pieces {
                    let mode = file.file.metadata().unwrap().permissions().mode();
                    assert_eq!(mode & 0o077, 0, "others read it");
                }
            }
            let mut batches = Vec::new();
            let mut bytes = Vec::new();
            let mut writer = ingest::SnapshotWriter::open(&mut bytes).unwrap();
            runs.write_to(&mut |rows| {
                batches.push(rows.to_batch()?);
                writer.write(rows)
            })
            .unwrap();
            writer.close(&whole.profile).unwrap();
            assert!(bytes == file, "{memory_bytes}");
            let schema = whole.batch.schema();
            let table = arrow::compute::concat_batches(&schema, &batches).unwrap();
            assert_eq!(table, whole.batch, "{memory_bytes}");
        }
    }

    /// What ends between two pieces reads like a whole file.
    #[test]
    fn a_run_on_disk_that_was_cut_is_found() {
        let csv: String = (0..9_000)
            .map(|i| format!("198.51.{}.{}\n", i >> 8, i & 255))
            .collect();
        let source = Source {
            name: "2026-03-01-scan_rdp-x.csv",
            format: Some(Format::List),
            ..Source::default()
        };
        let settings = Settings {
            feed: "partner".into(),
            account_key: None,
            max_bytes: 1 << 24,
            run_rows: 9_000,
        };
        let identified =
            ingest::identify(&mut Cursor::new(csv.as_bytes()), &source, 1 << 24).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = open_folder(folder.path().to_str().unwrap(), &BTreeMap::new()).unwrap();
        let mut runs = Runs::new(&place, 0);
        let input: Box<dyn Input> = Box::new(Cursor::new(csv.as_bytes()));
        let mut inputs = [(source.name.to_owned(), input)];
        ingest::ingest(&mut inputs, &identified, &settings, &mut |run| {
            runs.add(run)
        })
        .unwrap();
        let Kept::OnDisk(file) = &runs.kept[0].pieces else {
            panic!("in memory");
        };
        let mut whole = &file.file;
        whole.rewind().unwrap();
        let pieces = StreamReader::try_new(whole, None).unwrap();
        let schema = pieces.schema();
        let pieces: Vec<RecordBatch> = pieces.map(Result::unwrap).collect();
        assert_eq!(pieces.len(), 3);
        whole.rewind().unwrap();
        whole.set_len(0).unwrap();
        let mut cut = StreamWriter::try_new(whole, &schema).unwrap();
        for piece in &pieces[..2] {
            cut.write(piece).unwrap();
        }
        cut.flush().unwrap();
        drop(cut);
        let failure = runs.write_to(&mut |_| Ok(())).unwrap_err();
        assert_eq!(failure.kind, crate::diag::Kind::TryLater, "{failure}");
    }
}
