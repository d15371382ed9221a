//! Phrases that stand in almost every stored text, and the short form of a text that names them.
//!
//! A text is JSON. In its short form a string that is one of the phrases below, the name of a
//! member included, is `~` and the phrase's number; any other that begins with `~` has one more in
//! front.
//! It stays JSON, so that what has no number here can still be asked for by SQL.
//!
//! **Invariant:** the list only grows at its end. State files hold the numbers.

use std::{borrow::Cow, sync::LazyLock};

use memchr::{memchr, memchr2};

use super::error::StoreError;

/// What stands in front of a number.
const MARK: char = '~';

/// The base that numbers are written in.
const BASE: u32 = 36;

/// The phrases as they are written in JSON, by their numbers. Members that SQL asks for, `kind`,
/// `error`, `reason`, `write` and `held`, are not among them.
const PHRASES: [&str; 106] = [
    "userName",
    "active",
    "displayName",
    "externalId",
    "title",
    "members",
    "preferredLanguage",
    "nickName",
    "userType",
    "locale",
    "timezone",
    "profileUrl",
    "roles",
    "entitlements",
    "name.formatted",
    "name.givenName",
    "name.familyName",
    "name.middleName",
    "name.honorificPrefix",
    "name.honorificSuffix",
    r#"emails[type eq \"work\"].value"#,
    r#"emails[type eq \"home\"].value"#,
    r#"emails[type eq \"other\"].value"#,
    r#"phoneNumbers[type eq \"work\"].value"#,
    r#"phoneNumbers[type eq \"mobile\"].value"#,
    r#"phoneNumbers[type eq \"fax\"].value"#,
    r#"phoneNumbers[type eq \"home\"].value"#,
    r#"addresses[type eq \"work\"].formatted"#,
    r#"addresses[type eq \"work\"].streetAddress"#,
    r#"addresses[type eq \"work\"].locality"#,
    r#"addresses[type eq \"work\"].region"#,
    r#"addresses[type eq \"work\"].postalCode"#,
    r#"addresses[type eq \"work\"].country"#,
    r#"addresses[type eq \"other\"].formatted"#,
    r#"roles[primary eq \"True\"].value"#,
    r#"roles[primary eq \"True\"].display"#,
    r#"roles[primary eq \"True\"].type"#,
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "urn:ietf:params:scim:schemas:extension:whimsical:2.0:User:editor",
    "oldValue",
    "newValue",
    "modified",
    "steps",
    "name",
    "provisioningStepType",
    "status",
    "description",
    "details",
    "detail",
    "source_display",
    "changes",
    "effect",
    "basis",
    "phase",
    "reference",
    "path",
    "old",
    "new",
    "Created",
    "Other",
    "Exported",
    "baseline",
    "import",
    "scoping",
    "matching",
    "processing",
    "referenceResolution",
    "export",
    "success",
    "warning",
    "failure",
    "skipped",
    "EntryImport",
    "EntrySynchronizationScoping",
    "EntrySynchronizationMatching",
    "EntrySynchronizationAdd",
    "EntrySynchronizationUpdate",
    "EntrySynchronizationSkip",
    "ReferenceResolution",
    "EntryExportAdd",
    "EntryExportUpdate",
    "EntryExportUpdateSoftDelete",
    "EntryExportDelete",
    "EntryEscrowRetry",
    "Attribute",
    "Active in the source system",
    "ScopeEvaluationResult",
    "Assigned to the application",
    "Matching attribute",
    "found in the directory",
    "in scope",
    "in scope, and no account matches",
    "in scope, and no group matches",
    "no account matches",
    "no group matches",
    "created",
    "deleted",
    "nothing differs",
    "1 attributes written",
    "the manager's account comes in this cycle",
    "linked; nothing was sent",
];

/// The phrases with their short forms, by length: most texts are told from all of them by it.
static BY_LENGTH: LazyLock<Vec<Vec<(&'static str, String)>>> = LazyLock::new(|| {
    let longest = PHRASES.iter().map(|phrase| phrase.len()).max().unwrap_or_default();
    let mut all = vec![Vec::new(); longest + 1];
    for (number, phrase) in PHRASES.iter().enumerate() {
        all[phrase.len()].push((*phrase, format!("{MARK}{}", digits(number))));
    }
    all
});

/// The short form of a phrase.
fn number(text: &str) -> Option<&'static str> {
    let alike = BY_LENGTH.get(text.len())?;
    alike.iter().find(|(phrase, _)| *phrase == text).map(|(_, number)| number.as_str())
}

fn digits(number: usize) -> String {
    let digit = |value: usize| {
        u32::try_from(value).ok().and_then(|value| char::from_digit(value, BASE)).unwrap_or('0')
    };
    let base = BASE as usize;
    if number < base {
        digit(number).to_string()
    } else {
        format!("{}{}", digits(number / base), digit(number % base))
    }
}

/// The phrase of a number.
fn phrase(number: &str) -> Option<&'static str> {
    let number = usize::from_str_radix(number, BASE).ok()?;
    PHRASES.get(number).copied()
}

/// The short form of a JSON text.
pub(super) fn shortened(text: &str) -> String {
    let short = rewritten(text, |inside, short| {
        match number(inside) {
            Some(number) => short.push_str(number),
            None if inside.starts_with(MARK) => {
                short.push(MARK);
                short.push_str(inside);
            }
            None => short.push_str(inside),
        }
        Some(())
    });
    short.unwrap_or_default()
}

/// The text that a short form stands for.
pub(super) fn lengthened(short: &str) -> Result<Cow<'_, str>, StoreError> {
    if !short.contains(MARK) {
        return Ok(Cow::Borrowed(short));
    }
    let text = rewritten(short, |inside, text| {
        match inside.strip_prefix(MARK) {
            None => text.push_str(inside),
            Some(own) if own.starts_with(MARK) => text.push_str(own),
            Some(number) => text.push_str(phrase(number)?),
        }
        Some(())
    });
    text.map(Cow::Owned)
        .ok_or_else(|| StoreError::stored("text", "it names a phrase that is not known here"))
}

/// A JSON text with something else inside each of its strings.
fn rewritten(text: &str, mut put: impl FnMut(&str, &mut String) -> Option<()>) -> Option<String> {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(quote) = memchr(b'"', rest.as_bytes()) {
        let (between, after) = rest.split_at(quote + 1);
        written.push_str(between);
        let (inside, end) = after.split_at(end_of_string(after));
        put(inside, &mut written)?;
        let (quote, after) = end.split_at(end.len().min(1));
        written.push_str(quote);
        rest = after;
    }
    written.push_str(rest);
    Some(written)
}

/// Where the quote is that ends a string which has begun.
fn end_of_string(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = memchr2(b'"', b'\\', &bytes[from..]) {
        let at = from + found;
        if bytes[at] == b'"' {
            return at;
        }
        from = (at + 2).min(bytes.len());
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn phrases_have_short_numbers_and_are_what_json_writes() {
        for (number, phrase) in PHRASES.iter().enumerate() {
            let whole = format!("{{\"{phrase}\":\"{phrase}\"}}");
            serde_json::from_str::<serde_json::Value>(&whole).expect(phrase);
            let short = shortened(&whole);
            assert!(short.len() <= "{\"~2x\":\"~2x\"}".len(), "{short}");
            assert_eq!(short, format!("{{\"~{0}\":\"~{0}\"}}", digits(number)));
            assert_eq!(lengthened(&short).expect("known"), whole);
        }
        let once: std::collections::BTreeSet<_> = PHRASES.iter().collect();
        assert_eq!(once.len(), PHRASES.len(), "each phrase stands in the list once");
    }

    #[test]
    fn a_phrase_keeps_its_number_for_ever() {
        let short = r#"{"~0":"~~5","~k":"~1","~2x":["~25"]}"#;
        let text = lengthened(short).expect("known");
        assert_eq!(
            text,
            r#"{"userName":"~5","emails[type eq \"work\"].value":"active","linked; nothing was sent":["EntryImport"]}"#
        );
        assert_eq!(shortened(&text), short);
    }

    #[test]
    fn a_number_of_a_later_version_is_no_text() {
        lengthened(r#"{"~zz":1}"#).expect_err("no such phrase");
    }

    proptest! {
        #[test]
        fn every_json_text_comes_back(names in prop::collection::vec("\\PC{0,6}|~{0,3}[a-z]{0,2}", 0..6)) {
            let value: serde_json::Value =
                names.iter().map(|name| (name.clone(), json!([name, "title", 1]))).collect();
            let text = value.to_string();
            let short = shortened(&text);
            prop_assert_eq!(lengthened(&short).expect("known"), text);
        }
    }
}
