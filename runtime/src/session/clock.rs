//! The one place that reads a clock: tokio's, so that `tokio::time::pause` works in tests.

use std::time::Instant;

/// Now.
#[expect(clippy::disallowed_methods, reason = "everything else is given the time")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
