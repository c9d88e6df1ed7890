//! Changes of a container's record and limits: one at a time, each kept by the engine before it counts.

use std::sync::Arc;

use porthole_protocol::spec::Limits;

use super::{Called, Driver, UpdateAnswer};
use crate::container::limits::for_launcher;
use crate::container::record::Record;
use crate::container::shares::Edit;
use crate::container::state::Phase;
use crate::container::{ContainerError, Result, now_ms};
use crate::engine;

/// Changes of a record that wait for the one before.
const MAX_EDITS: usize = 16;

impl Driver {
    /// Asks the engine for other limits.
    pub(super) fn update(&mut self, asked: &Limits, answer: UpdateAnswer) {
        let record = if self.state.phase() != Phase::Running {
            Err(ContainerError::NotRunning(self.id.clone()))
        } else if self.updating {
            Err(ContainerError::Updating(self.id.clone()))
        } else {
            self.with_limits(asked)
        };
        match record {
            Ok(record) => self.write(record, answer),
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    fn with_limits(&self, asked: &Limits) -> Result<Record> {
        let mut record = self.record.clone();
        let bounds = match record.session {
            Some(_) => &self.bounds.for_strangers(),
            None => &*self.bounds,
        };
        record.limits = bounds.change(&record.limits, asked)?;
        if asked.lifetime_ms.is_some() {
            record.expires_ms = record.limits.lifetime_ms.map(|lifetime| now_ms().saturating_add(lifetime));
        }
        Ok(record)
    }

    /// Changes the record, when the change before has come back.
    pub(super) fn edit(&mut self, edit: Edit, answer: UpdateAnswer) {
        if self.updating {
            if self.edits.len() >= MAX_EDITS {
                return drop(answer.send(Err(ContainerError::Updating(self.id.clone()))));
            }
            return self.edits.push_back((edit, answer));
        }
        let mut record = self.record.clone();
        match edit(&mut record) {
            Ok(()) => self.write(record, answer),
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    /// Has the engine keep a record, and put its limits in force.
    fn write(&mut self, record: Record, answer: UpdateAnswer) {
        self.updating = true;
        let (engine, container) = (Arc::clone(&self.engine), self.id.to_string());
        self.calls.spawn(async move {
            let limits = for_launcher(&record.limits);
            let updated = engine.update(container, limits, record.encode()).await;
            Called::Update(Box::new(record), answer, updated)
        });
    }

    /// Takes note that the engine keeps a record, or does not, and goes on with what waits.
    pub(super) fn updated(&mut self, record: Record, answer: UpdateAnswer, updated: engine::Result<()>) {
        self.updating = false;
        if updated.is_ok() {
            let Record { limits, expires_ms, shares, .. } = record.clone();
            self.record = record;
            self.change(|view| {
                view.detail.limits = limits;
                view.detail.summary.expires_ms = expires_ms;
                view.shares = shares;
            });
            self.look();
        }
        let _ = answer.send(updated.map_err(ContainerError::from));
        while !self.updating
            && let Some((edit, answer)) = self.edits.pop_front()
        {
            self.edit(edit, answer);
        }
    }
}
