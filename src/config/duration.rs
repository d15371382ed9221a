//! Durations as people write them: `30s`, `40m`, `1h30m`, `90d`.

use std::time::Duration;

use super::{
    diagnosis::Findings,
    raw::{Located, Section},
};

/// The longest duration a configuration may name. Also keeps every sum of a time and a duration
/// within the calendar.
pub(super) const DURATION_MAX: Duration = Duration::from_secs(10 * 366 * 86_400);

/// A duration within bounds, or `None` where the key is missing or wrong.
pub(super) fn get(
    section: &Section<'_, '_>,
    key: &str,
    least: Duration,
    most: Duration,
    findings: &mut Findings<'_>,
) -> Option<Located<Duration>> {
    let text = section.string(key, findings)?;
    let Some(value) = parse(&text.value) else {
        findings.error_hint(
            &text.at,
            format!("{:?} is not a duration", text.value),
            "write for example \"30s\", \"40m\", \"1h30m\" or \"90d\"",
        );
        return None;
    };
    if !(least..=most).contains(&value) {
        let message = format!("{:?} is not between {} and {}", text.value, show(least), show(most));
        findings.error(&text.at, message);
        return None;
    }
    Some(Located { value, at: text.at })
}

/// Parses whole numbers with the units `d`, `h`, `m`, `s`, each at most once, largest first.
pub(super) fn parse(text: &str) -> Option<Duration> {
    const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut seconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let (_, unit_seconds) = units.find(|(name, _)| *name == unit)?;
        seconds = seconds.checked_add(number.checked_mul(*unit_seconds)?)?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

/// The duration in its largest whole unit.
pub(super) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds >= length && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_days_hours_minutes_and_seconds() {
        let read = |text| parse(text).map(|duration| duration.as_secs());
        assert_eq!(read("40m"), Some(2_400));
        assert_eq!(read("1h30m"), Some(5_400));
        assert_eq!(read("90d"), Some(7_776_000));
        assert_eq!(read("30s"), Some(30));
        for bad in
            ["", "40", "m", "40 m", "-1m", "1m1h", "1m1m", "1.5h", "1w", "99999999999999999999d"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
