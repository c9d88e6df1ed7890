//! Shares of a container's terminals.

use porthole_protocol::control::Stream;
use porthole_protocol::ids::ProcessNumber;
use porthole_protocol::limits::MAX_SHARES;
use porthole_protocol::session::{CreatedShare, May, Share, ShareRequest};
use tokio::sync::oneshot;

use super::record::Record;
use super::{Command, Container, ContainerError, Result, now_ms};
use crate::share::KeptShare;

/// A change of a container's record.
pub(super) type Edit = Box<dyn FnOnce(&mut Record) -> Result<()> + Send>;

impl Container {
    /// Makes a share of a terminal.
    ///
    /// # Errors
    /// When there is no such terminal, when there are too many shares, and those of the engine.
    pub(crate) async fn share(&self, process: ProcessNumber, asked: ShareRequest) -> Result<CreatedShare> {
        if self.terminal(process)?.streams().iter().all(|(stream, _)| *stream != Stream::Terminal) {
            return Err(ContainerError::BadRequest("Only a terminal can be shared.".into()));
        }
        if !matches!(asked.may, May::Watch | May::Type) {
            return Err(ContainerError::BadRequest("A share allows 'watch' or 'type'.".into()));
        }
        let now = now_ms();
        let (kept, created) = KeptShare::create(process, asked.may, now, asked.expires_in_ms);
        self.edit(Box::new(move |record| {
            record.shares.retain(|share| share.lives(now));
            if record.shares.len() >= MAX_SHARES {
                return Err(ContainerError::TooMany(MAX_SHARES, "shares of this container"));
            }
            record.shares.push(kept);
            Ok(())
        }))
        .await?;
        Ok(created)
    }

    /// Those that open, the oldest first.
    pub(crate) fn shares(&self) -> Vec<Share> {
        let (view, now) = (self.view(), now_ms());
        view.shares.iter().filter(|kept| kept.lives(now)).map(|kept| kept.share.clone()).collect()
    }

    /// Revokes one: whoever came by it is out at once.
    ///
    /// # Errors
    /// [`ContainerError::NoSuchShare`], and those of the engine.
    pub(crate) async fn revoke(&self, id: &str) -> Result<()> {
        let id = id.to_owned();
        self.edit(Box::new(move |record| {
            let before = record.shares.len();
            record.shares.retain(|kept| kept.share.id != id);
            if record.shares.len() < before { Ok(()) } else { Err(ContainerError::NoSuchShare) }
        }))
        .await
    }

    /// The share that a secret with this hash opens.
    pub(crate) fn opened_by(&self, hash: &str) -> Option<KeptShare> {
        let (view, now) = (self.view(), now_ms());
        // All of them, so that it takes as long whichever it is.
        view.shares
            .iter()
            .fold(None, |found, kept| if kept.opens(hash, now) { Some(kept.clone()) } else { found })
    }

    async fn edit(&self, edit: Edit) -> Result<()> {
        let (answer, edited) = oneshot::channel();
        self.command(Command::Edit(edit, answer)).await?;
        edited.await.map_err(|_| self.gone())?
    }
}
