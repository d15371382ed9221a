//! When a notice goes out, and how long an undelivered one is tried again.

use chrono::TimeDelta;

use super::NoticeKind;
use crate::model::Timestamp;

/// Notices an hour for one application: what comes beyond waits, and is told together.
pub const NOTICES_PER_HOUR_MAX: usize = 4;

/// A notice that could not be delivered for so long is given up and listed.
pub const UNDELIVERABLE_AFTER: TimeDelta = TimeDelta::days(3);

const REPEATED_EVERY: TimeDelta = TimeDelta::days(1);

/// The longest pause between two attempts; the first is a minute, and each doubles.
const ATTEMPT_PAUSE_MAX: TimeDelta = TimeDelta::hours(6);

/// Days before a credential ends at which a person is told.
const EXPIRY_DAYS: [i64; 3] = [30, 7, 1];

/// When a key was last told of, and with which count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSent {
    /// When.
    pub at: Timestamp,
    /// How much there was.
    pub count: u64,
}

/// Whether an open notice goes out now.
///
/// | kind | never told | count doubled | a day later | over |
/// | --- | --- | --- | --- | --- |
/// | credential expiry | yes | when its count (its stage) is higher | no | yes |
/// | quarantine | yes, for each reason | no | no | yes |
/// | drift | yes, of each comparison | no | no | yes |
/// | any other | yes | yes | yes | yes |
pub fn is_due(
    kind: NoticeKind,
    over: bool,
    sent: Option<LastSent>,
    count: u64,
    now: Timestamp,
) -> bool {
    let Some(sent) = sent else { return true };
    if over {
        return true;
    }
    match kind {
        NoticeKind::CredentialExpiry => count > sent.count,
        NoticeKind::Quarantine | NoticeKind::Drift => false,
        NoticeKind::Failure
        | NoticeKind::RemovalsHeld
        | NoticeKind::Paused
        | NoticeKind::Digest
        | NoticeKind::Test => {
            let doubled = count >= sent.count.saturating_mul(2) && count > sent.count;
            // A clock that was set back must not silence a notice.
            doubled || (now - sent.at).abs() >= REPEATED_EVERY
        }
    }
}

/// How many more notices may go out now, of those that went out at these times.
pub fn room_left(sent: &[Timestamp], now: Timestamp) -> usize {
    let recent = sent.iter().filter(|at| (now - **at).abs() < TimeDelta::hours(1)).count();
    NOTICES_PER_HOUR_MAX.saturating_sub(recent)
}

/// The notices that go out now, in messages: one each, and where there are more than there is
/// room, the rest of them together in the last. Empty while there is no room: they wait.
pub fn batches<T>(due: Vec<T>, room: usize) -> Vec<Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    if room == 0 {
        return batches;
    }
    for notice in due {
        if batches.len() == room
            && let Some(last) = batches.last_mut()
        {
            last.push(notice);
        } else {
            batches.push(vec![notice]);
        }
    }
    batches
}

/// When an undelivered message is tried again after so many attempts; `None` once it is given up.
pub fn next_attempt(queued: Timestamp, attempts: u32, now: Timestamp) -> Option<Timestamp> {
    if (now - queued).abs() >= UNDELIVERABLE_AFTER {
        return None;
    }
    let minutes = 1_i64.checked_shl(attempts.saturating_sub(1).min(16)).unwrap_or(i64::MAX);
    Some(now + TimeDelta::minutes(minutes).min(ATTEMPT_PAUSE_MAX))
}

/// How far a credential's end has come: 1 within 30 days, 2 within 7, 3 within 1, 4 once it is
/// over; `None` before that.
pub fn expiry_stage(ends: Timestamp, now: Timestamp) -> Option<u64> {
    let left = ends - now;
    if left <= TimeDelta::zero() {
        return Some(4);
    }
    let passed = EXPIRY_DAYS.iter().filter(|days| left <= TimeDelta::days(**days)).count();
    (passed > 0).then_some(passed as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).expect(text).to_utc()
    }

    const NOON: &str = "2026-11-23T12:00:00Z";

    fn due(kind: NoticeKind, before: u64, hours: i64, count: u64) -> bool {
        let now = at(NOON) + TimeDelta::hours(hours);
        is_due(kind, false, Some(LastSent { at: at(NOON), count: before }), count, now)
    }

    #[test]
    fn a_failure_is_told_first_when_it_doubles_daily_and_when_it_is_over() {
        use NoticeKind::Failure;
        assert!(is_due(Failure, false, None, 1, at(NOON)));
        assert!(!due(Failure, 3, 1, 3));
        assert!(!due(Failure, 3, 1, 5));
        assert!(due(Failure, 3, 1, 6));
        assert!(due(Failure, 3, 24, 3));
        assert!(!due(Failure, 3, 23, 1));
        assert!(!due(Failure, 0, 1, 0), "twice nothing is nothing");
        let sent = Some(LastSent { at: at(NOON), count: 3 });
        assert!(is_due(Failure, true, sent, 3, at(NOON)));
    }

    #[test]
    fn a_clock_that_was_set_back_silences_nothing() {
        assert!(due(NoticeKind::Failure, 3, -48, 3));
        assert_eq!(room_left(&[at(NOON); 4], at(NOON) - TimeDelta::days(1)), 4);
    }

    #[test]
    fn a_credentials_end_is_told_at_thirty_seven_and_one_days_and_at_its_end() {
        let end = at("2027-01-31T00:00:00Z");
        let stages: Vec<Option<u64>> = [31, 30, 8, 7, 2, 1, 0, -5]
            .into_iter()
            .map(|days| expiry_stage(end, end - TimeDelta::days(days)))
            .collect();
        let expected = [None, Some(1), Some(1), Some(2), Some(2), Some(3), Some(4), Some(4)];
        assert_eq!(stages, expected);
        assert!(!due(NoticeKind::CredentialExpiry, 1, 200, 1), "not daily");
        assert!(due(NoticeKind::CredentialExpiry, 1, 200, 2));
    }

    #[test]
    fn at_most_four_go_out_in_an_hour_and_the_last_has_all_the_others() {
        assert_eq!(batches(vec![1, 2, 3], 4), [vec![1], vec![2], vec![3]]);
        assert_eq!(batches(vec![1, 2, 3, 4], 4), [vec![1], vec![2], vec![3], vec![4]]);
        let many = batches(vec![1, 2, 3, 4, 5, 6], 4);
        assert_eq!(many, [vec![1], vec![2], vec![3], vec![4, 5, 6]]);
        assert_eq!(batches(vec![1, 2], 1), [vec![1, 2]]);
        assert!(batches(vec![1, 2], 0).is_empty());
        let sent = [at("2026-11-23T11:00:00Z"), at("2026-11-23T11:00:01Z"), at(NOON)];
        assert_eq!(room_left(&sent, at(NOON)), 2);
    }

    #[test]
    fn what_is_undelivered_is_tried_less_and_less_often_and_given_up_after_three_days() {
        let queued = at(NOON);
        let pauses: Vec<i64> = (1..=12)
            .map(|attempts| {
                (next_attempt(queued, attempts, queued).expect("young") - queued).num_minutes()
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]);
        assert!(next_attempt(queued, u32::MAX, queued).is_some());
        assert_eq!(next_attempt(queued, 20, queued + TimeDelta::days(3)), None);
    }
}
