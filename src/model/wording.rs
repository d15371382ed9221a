//! How numbers, durations and errors are written for people.

/// An error and its sources, outermost first: `open the state: database is locked`.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

/// `1 removal`, `1,204 removals`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(count))
}

/// `1,204`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `350 ms`, `12.3 s`, `4 min 5 s`.
pub fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        60_000..3_600_000 => {
            format!("{} min {} s", milliseconds / 60_000, milliseconds / 1_000 % 60)
        }
        _ => format!("{} h {} min", milliseconds / 3_600_000, milliseconds / 60_000 % 60),
    }
}

/// The beginning of an id, enough to name it.
pub fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_durations_have_two_units_at_most() {
        let shown: Vec<String> = [0, 999, 1_204, 1_234_567].map(thousands).into();
        assert_eq!(shown, ["0", "999", "1,204", "1,234,567"]);
        let shown: Vec<String> = [350, 12_345, 245_000, 7_320_000].map(duration).into();
        assert_eq!(shown, ["350 ms", "12.3 s", "4 min 5 s", "2 h 2 min"]);
    }
}
