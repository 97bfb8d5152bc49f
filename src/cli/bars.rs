//! Progress: bars on a terminal, quiet lines in a log.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::run::progress::Progress;

pub(super) fn progress(is_terminal: bool) -> Box<dyn Progress> {
    if is_terminal {
        Box::new(Bars::default())
    } else {
        Box::new(Lines::default())
    }
}

#[derive(Default)]
struct Bars(Mutex<Option<ProgressBar>>);

impl Bars {
    fn with(&self, act: impl FnOnce(&ProgressBar)) {
        if let Ok(bar) = self.0.lock()
            && let Some(bar) = bar.as_ref()
        {
            act(bar);
        }
    }
}

impl Progress for Bars {
    fn begin(&self, stage: &'static str, total: u64) {
        let bar = ProgressBar::new(total).with_message(stage);
        if let Ok(style) =
            ProgressStyle::with_template("{msg:<18} [{bar:32}] {pos:>7}/{len:<7} {elapsed}")
        {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        if let Ok(mut current) = self.0.lock() {
            *current = Some(bar);
        }
    }

    fn advance(&self, steps: u64) {
        self.with(|bar| bar.inc(steps));
    }

    fn end(&self) {
        self.with(|bar| {
            bar.set_position(bar.length().unwrap_or(0));
            bar.finish();
            // The bar leaves the cursor at its end.
            eprintln!();
        });
    }

    fn note(&self, message: &str) {
        self.with(|bar| bar.println(message));
    }
}

#[derive(Default)]
struct Lines(Mutex<Option<(&'static str, u64)>>);

impl Progress for Lines {
    fn begin(&self, stage: &'static str, total: u64) {
        if let Ok(mut current) = self.0.lock() {
            *current = Some((stage, total));
        }
    }

    fn advance(&self, _: u64) {}

    fn end(&self) {
        if let Ok(mut current) = self.0.lock()
            && let Some((stage, total)) = current.take()
        {
            tracing::info!(stage, total, "done");
        }
    }

    fn note(&self, message: &str) {
        tracing::warn!("{message}");
    }
}
