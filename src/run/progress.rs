//! How a run tells what it is doing, without knowing whether anybody looks.

/// Bars on a terminal, lines in a log, nothing in a test.
pub trait Progress: Sync {
    /// A stage begins; `total` counts its steps.
    fn begin(&self, stage: &'static str, total: u64);
    /// So many steps more are done.
    fn advance(&self, steps: u64);
    /// The stage is over.
    fn end(&self);
    /// Something that a person should know.
    fn note(&self, message: &str);
}

/// Says nothing.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn note(&self, _: &str) {}
}
