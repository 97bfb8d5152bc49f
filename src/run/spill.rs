//! Sorted runs on disk, for deliveries that do not fit into one.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;

use crate::diag::Failure;
use crate::ingest;
use crate::store::Place;

/// Rows that are read back at once.
const PIECE_ROWS: usize = 8_192;

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
        File::create(&self.0).map_err(|e| self.failure(&e))
    }

    fn failure(&self, e: &dyn std::fmt::Display) -> Failure {
        Failure::try_later(format!("the temporary file cannot be used: {e}"))
            .at(self.0.display().to_string(), "")
            .hint("is the disk full?")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs of a delivery: the only one stays in memory, several go to disk.
pub(super) struct Runs<'p> {
    place: &'p Place,
    first: Option<RecordBatch>,
    spilled: Vec<Temporary>,
}

impl<'p> Runs<'p> {
    pub fn new(place: &'p Place) -> Self {
        Self {
            place,
            first: None,
            spilled: Vec::new(),
        }
    }

    /// Takes a run.
    pub fn add(&mut self, run: RecordBatch) -> Result<(), Failure> {
        if self.first.is_none() && self.spilled.is_empty() {
            self.first = Some(run);
            return Ok(());
        }
        if let Some(first) = self.first.take() {
            self.spill(&first)?;
        }
        self.spill(&run)
    }

    fn spill(&mut self, run: &RecordBatch) -> Result<(), Failure> {
        let file = Temporary::new(self.place)?;
        let wrong = |e: arrow::error::ArrowError| file.failure(&e);
        let output = BufWriter::new(file.create()?);
        let mut writer = StreamWriter::try_new(output, &run.schema()).map_err(wrong)?;
        for from in (0..run.num_rows()).step_by(PIECE_ROWS) {
            let piece = run.slice(from, PIECE_ROWS.min(run.num_rows() - from));
            writer.write(&piece).map_err(wrong)?;
        }
        writer.finish().map_err(wrong)?;
        drop(writer);
        self.spilled.push(file);
        Ok(())
    }

    /// Gives everything out in order.
    pub fn write_to(
        self,
        sink: &mut dyn FnMut(RecordBatch) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if let Some(only) = self.first {
            return sink(only);
        }
        let mut open = Vec::with_capacity(self.spilled.len());
        for file in &self.spilled {
            let input = File::open(file.path()).map_err(|e| file.failure(&e))?;
            let reader = StreamReader::try_new(BufReader::new(input), None);
            let reader = reader.map_err(|e| file.failure(&e))?;
            open.push(reader.map(|batch| batch.map_err(|e| file.failure(&e))));
        }
        ingest::merge(open, sink)
    }
}
