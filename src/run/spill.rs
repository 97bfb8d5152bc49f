//! Sorted runs on disk, for deliveries that do not fit into one.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use arrow::array::ArrayRef;
use arrow::datatypes::Schema;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;

use crate::diag::Failure;
use crate::ingest::{self, Run, Sorted, Stored};
use crate::store::Place;

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
    first: Option<Stored<Vec<RecordBatch>>>,
    spilled: Vec<Stored<Temporary>>,
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
    pub fn add(&mut self, run: &mut Run<'_>) -> Result<(), Failure> {
        let (ones, schema) = (run.ones().to_vec(), run.schema());
        if self.first.is_none() && self.spilled.is_empty() {
            let pieces: Result<_, Failure> = run.collect();
            self.first = Some(Stored {
                ones,
                pieces: pieces?,
            });
            return Ok(());
        }
        if let Some(first) = self.first.take() {
            let pieces = &mut first.pieces.into_iter().map(Ok);
            let schema = ingest::schema_without(&first.ones);
            self.spill(first.ones, &schema, pieces)?;
        }
        self.spill(ones, &schema, run)
    }

    fn spill(
        &mut self,
        ones: Vec<Option<ArrayRef>>,
        schema: &Schema,
        pieces: &mut dyn Iterator<Item = Result<RecordBatch, Failure>>,
    ) -> Result<(), Failure> {
        let file = Temporary::new(self.place)?;
        let wrong = |e: arrow::error::ArrowError| file.failure(&e);
        let output = BufWriter::with_capacity(BUFFER_BYTES, file.create()?);
        let mut writer = StreamWriter::try_new(output, schema).map_err(wrong)?;
        for piece in pieces {
            writer.write(&piece?).map_err(wrong)?;
        }
        writer.finish().map_err(wrong)?;
        drop(writer);
        self.spilled.push(Stored { ones, pieces: file });
        Ok(())
    }

    /// Gives everything out in order.
    pub fn write_to(
        self,
        sink: &mut dyn FnMut(&Sorted) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if let Some(only) = self.first {
            let pieces = only.pieces.into_iter().map(Ok);
            let run = Stored {
                ones: only.ones,
                pieces,
            };
            return ingest::merge(vec![run], sink);
        }
        let mut open = Vec::with_capacity(self.spilled.len());
        for run in &self.spilled {
            let file = &run.pieces;
            let input = File::open(file.path()).map_err(|e| file.failure(&e))?;
            let reader = StreamReader::try_new(BufReader::new(input), None);
            let reader = reader.map_err(|e| file.failure(&e))?;
            open.push(Stored {
                ones: run.ones.clone(),
                pieces: reader.map(|piece| piece.map_err(|e| file.failure(&e))),
            });
        }
        ingest::merge(open, sink)
    }
}
