//! The keys of a server of definitions.

use crate::remote::access::{KEY_VARIABLE, read_variable};

/// The signing key, and the key in the link to Studio. They are the same if the signing key is random.
pub(super) struct Keys {
    pub(super) signing: String,
    pub(super) studio: String,
    is_random: bool,
}

impl Keys {
    /// Reads the signing key from the environment, or creates a random one.
    pub(super) fn from_environment() -> Self {
        let studio = random();
        match read_variable(KEY_VARIABLE) {
            // The key is a secret of the user's, so the link has another one.
            Some(signing) => Self { signing, studio, is_random: false },
            None => Self { signing: studio.clone(), studio, is_random: true },
        }
    }

    pub(super) fn describe(&self) -> String {
        if self.is_random {
            format!("{}    until the command ends; `{KEY_VARIABLE}` sets another one", self.signing)
        } else {
            format!("from `{KEY_VARIABLE}`")
        }
    }

    pub(super) fn studio_url(&self, server: &str) -> String {
        studio_url(server, &self.studio)
    }
}

/// Returns a link that signs in. Browsers do not send the part after `#`.
pub(super) fn studio_url(server: &str, key: &str) -> String {
    format!("{server}/studio#key={key}")
}

pub(super) fn random() -> String {
    format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>())
}
