//! Questions to the directory, asked again while it throttles or is away for a moment.

use std::future::Future;

use super::back_off::{THROTTLED_TRIES_MAX, UNAVAILABLE_TRIES_MAX, back_off};
use crate::{model::Clock, port::DirectoryFault};

/// Asks the directory until it answers, or says for good that it does not.
pub(in crate::cycle) async fn directory<T, F>(
    clock: &dyn Clock,
    mut ask: impl FnMut() -> F,
) -> Result<T, DirectoryFault>
where
    F: Future<Output = Result<T, DirectoryFault>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        let (wait, tries_max) = match ask().await {
            Err(DirectoryFault::Throttled { retry_after }) => (retry_after, THROTTLED_TRIES_MAX),
            Err(DirectoryFault::Unavailable { retry_after, detail }) => {
                if tries >= UNAVAILABLE_TRIES_MAX {
                    return Err(DirectoryFault::Unavailable { detail, retry_after });
                }
                (retry_after, UNAVAILABLE_TRIES_MAX)
            }
            done => return done,
        };
        if tries >= tries_max {
            return Err(DirectoryFault::Throttled { retry_after: wait });
        }
        clock.sleep(wait.unwrap_or_else(|| back_off(tries))).await;
    }
}
