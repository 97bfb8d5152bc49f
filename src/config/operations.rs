//! `[operations]`: when a night must be done, and where its status goes.

use jiff::civil::Time;

use super::section::Section;

/// What the operator expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operations {
    /// Local time by which the night of a date must be finished.
    pub due_by: Time,
    /// Folder under the base for `status.json`, `status.om` and `summary.txt`.
    pub status: String,
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            due_by: jiff::civil::time(7, 0, 0, 0),
            status: "status/".into(),
        }
    }
}

pub(super) fn operations(section: Option<Section<'_, '_>>) -> Operations {
    let mut operations = Operations::default();
    let Some(section) = section else {
        return operations;
    };
    let due_by = section.parsed_if("due_by", "a local time such as 07:00");
    operations.due_by = due_by.unwrap_or(operations.due_by);
    operations.status = section.text_or("status", &operations.status);
    if !operations.status.ends_with('/') {
        operations.status.push('/');
    }
    section.finish();
    operations
}
