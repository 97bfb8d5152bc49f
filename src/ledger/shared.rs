//! What millions of records of a ledger have in common, held once an object.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::ledger_record::Frozen;

/// Texts and attributes of the records of one object.
#[derive(Default)]
pub(super) struct Shared {
    texts: HashSet<Arc<str>>,
    frozen: HashSet<Arc<Frozen>>,
}

impl Shared {
    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&new));
        new
    }

    pub(super) fn frozen(&mut self, frozen: Frozen) -> Arc<Frozen> {
        if let Some(known) = self.frozen.get(&frozen) {
            return Arc::clone(known);
        }
        let new = Arc::new(frozen);
        self.frozen.insert(Arc::clone(&new));
        new
    }
}
