//! Links that let others to one terminal. They stand in the container's record, so that they outlive the agent and end with the
//! container; a secret is kept by its hash.

use std::fmt::Write;

use porthole_protocol::ids::ProcessNumber;
use porthole_protocol::session::{CreatedShare, May, Share};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::random;

/// A share as the container's record has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptShare {
    /// What everybody sees of it.
    #[serde(flatten)]
    pub(crate) share: Share,
    /// SHA-256 of its secret, in hexadecimal digits.
    secret: String,
}

impl KeptShare {
    /// A new one, and the only time that its secret is told.
    pub(crate) fn create(
        process: ProcessNumber,
        may: May,
        now_ms: u64,
        expires_in_ms: Option<u64>,
    ) -> (Self, CreatedShare) {
        let secret = format!("{:032x}", u128::from_ne_bytes(random::bytes()));
        let share = Share {
            id: format!("{:016x}", u64::from_ne_bytes(random::bytes())),
            process,
            may,
            created_ms: now_ms,
            expires_ms: expires_in_ms.map(|time| now_ms.saturating_add(time)),
        };
        (Self { share: share.clone(), secret: hash(&secret) }, CreatedShare { share, secret })
    }

    /// Whether it still opens.
    pub(crate) fn lives(&self, now_ms: u64) -> bool {
        self.share.expires_ms.is_none_or(|expires| now_ms < expires)
    }

    /// Whether a secret with this hash opens it now. Takes as long for any that does not.
    pub(crate) fn opens(&self, hash: &str, now_ms: u64) -> bool {
        bool::from(self.secret.as_bytes().ct_eq(hash.as_bytes())) && self.lives(now_ms)
    }
}

/// SHA-256 of a secret in hexadecimal digits. One of 128 random bits needs no slower hash.
pub(crate) fn hash(secret: &str) -> String {
    Sha256::digest(secret).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_opens_by_its_secret_alone_until_its_time_is_over() {
        let (kept, created) = KeptShare::create(2, May::Watch, 1000, Some(500));
        assert_eq!(created.secret.len(), 32);
        assert!(kept.opens(&hash(&created.secret), 1499) && !kept.opens(&hash(&created.secret), 1500));
        for wrong in ["", &created.share.id, &kept.secret, &created.secret.to_uppercase()] {
            assert!(!kept.opens(&hash(wrong), 1000), "{wrong}");
        }
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains(&created.secret));
        assert_eq!(serde_json::from_str::<KeptShare>(&text).unwrap(), kept);
    }
}
