//! A secret text: no `Debug` content, no `Display`, no `Serialize`, wiped when dropped.

use zeroize::Zeroizing;

/// A credential. It can be compared and sent, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the text, so that no second copy needs wiping.
    pub fn new(raw: String) -> Self {
        Self(Zeroizing::new(raw))
    }

    /// The text itself. Call this only where it leaves for its own host.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
