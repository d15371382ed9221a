//! Reading one page ahead: while a page is stored, the next one is on its way.
//!
//! There are never more than two pages of a list. What is stored is stored in order, and a failure
//! of the next page is told only after the page before it was kept.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use crate::{
    cycle::context::CycleError,
    model::{SourceObject, UserChange},
};

/// A page of more bytes than this is stored before the next is asked for: two of them and the
/// answer that a third is read from would be most of the memory that the program may take.
const AHEAD_BYTES_MAX: usize = 8 << 20;

/// What the attributes of these users take.
pub(super) fn bytes_of(users: &[SourceObject]) -> usize {
    users.iter().map(|user| user.attributes.as_str().len()).sum()
}

/// The same of changed users.
pub(super) fn bytes_of_changes(changes: &[UserChange]) -> usize {
    let bytes = |change: &UserChange| match change {
        UserChange::Upsert { object, .. } => object.attributes.as_str().len(),
        UserChange::Removed { .. } => 0,
    };
    changes.iter().map(bytes).sum()
}

/// Keeps a page of so many bytes, and returns the next one; neither where `check` says that the
/// cycle ends, except that the page at hand is kept.
pub(super) async fn ahead<T, E>(
    check: impl Fn() -> Result<(), CycleError>,
    mut next: impl Future<Output = Result<T, E>> + Unpin,
    bytes: usize,
    keep: impl FnOnce() -> Result<(), CycleError>,
) -> Result<T, CycleError>
where
    CycleError: From<E>,
{
    if bytes > AHEAD_BYTES_MAX || check().is_err() {
        keep()?;
        check()?;
        return Ok(next.await?);
    }
    // Once, so that the request has left before the store is busy.
    let early = poll_fn(|waker| Poll::Ready(Pin::new(&mut next).poll(waker))).await;
    keep()?;
    check()?;
    match early {
        Poll::Ready(page) => Ok(page?),
        Poll::Pending => Ok(next.await?),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What happened, in order.
    #[derive(Default)]
    struct Told(RefCell<Vec<&'static str>>);

    impl Told {
        fn tell(&self, what: &'static str) {
            self.0.borrow_mut().push(what);
        }

        /// Reads ahead over a page of so many bytes.
        async fn read(&self, bytes: usize, is_over: bool) -> Result<u8, CycleError> {
            let next = Box::pin(async {
                self.tell("asked");
                tokio::task::yield_now().await;
                self.tell("came");
                Ok::<_, CycleError>(7)
            });
            let check = || if is_over { Err(CycleError::Stopped) } else { Ok(()) };
            let keep = || {
                self.tell("kept");
                Ok(())
            };
            ahead(check, next, bytes, keep).await
        }
    }

    #[tokio::test]
    async fn the_next_page_is_asked_for_before_the_one_at_hand_is_kept() {
        let told = Told::default();
        assert!(matches!(told.read(10, false).await, Ok(7)));
        assert_eq!(*told.0.borrow(), ["asked", "kept", "came"]);
    }

    #[tokio::test]
    async fn a_large_page_is_kept_before_another_is_asked_for() {
        let told = Told::default();
        assert!(matches!(told.read(AHEAD_BYTES_MAX + 1, false).await, Ok(7)));
        assert_eq!(*told.0.borrow(), ["kept", "asked", "came"]);
    }

    #[tokio::test]
    async fn the_page_at_hand_is_kept_when_the_cycle_is_to_end_and_no_other_is_asked_for() {
        let told = Told::default();
        assert!(matches!(told.read(10, true).await, Err(CycleError::Stopped)));
        assert_eq!(*told.0.borrow(), ["kept"]);
    }

    #[tokio::test]
    async fn a_fault_of_the_next_page_loses_nothing_of_the_one_at_hand() {
        let told = Told::default();
        let next = Box::pin(async { Err::<(), _>(CycleError::Stopped) });
        let keep = || {
            told.tell("kept");
            Ok(())
        };
        let end = ahead(|| Ok(()), next, 10, keep).await;
        assert!(matches!(end, Err(CycleError::Stopped)));
        assert_eq!(*told.0.borrow(), ["kept"]);
    }
}
