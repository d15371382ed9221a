//! What is different between two revisions of a job, in words.

/// What shapes decisions: names as in the configuration, and values as a person reads them, in the
/// order of the configuration.
pub type RevisionParts = Vec<(String, String)>;

/// The name of the part that is the program's version.
pub const PROGRAM: &str = "entra-scim";

/// What the name of a part begins with that is a row of the mapping of users.
pub const MAPPING_ROW: &str = "users.attributes ";

/// The same of the mapping of groups.
pub const GROUP_MAPPING_ROW: &str = "groups.attributes ";

/// A value longer than this is not told whole.
const CHARS_MAX: usize = 200;

/// What changed from one revision to another, one sentence each; empty where nothing did.
pub fn revision_changes(before: &RevisionParts, after: &RevisionParts) -> Vec<String> {
    let value = |parts: &RevisionParts, name: &str| {
        parts.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let mut changes = Vec::new();
    for (name, now) in after {
        match value(before, name) {
            Some(was) if was == *now => {}
            Some(was) if name == PROGRAM => changes.push(format!("{name} {was} → {now}")),
            Some(was) => {
                changes.push(format!("{name}: was {}, now {}", short(&was), short(now)));
            }
            None => changes.push(format!("{name} added: {}", short(now))),
        }
    }
    let mut is_row_gone = false;
    for (name, was) in before {
        if value(after, name).is_some() {
            continue;
        }
        changes.push(format!("{name} removed (was {})", short(was)));
        is_row_gone |= name.starts_with(MAPPING_ROW) || name.starts_with(GROUP_MAPPING_ROW);
    }
    if is_row_gone {
        changes.push(
            "the values of removed rows stay at the application and are forgotten".to_owned(),
        );
    }
    if changes.is_empty() && before != after {
        changes.push("the rows of the mapping stand in another order".to_owned());
    }
    changes
}

fn short(value: &str) -> String {
    if value.is_empty() {
        return "nothing".to_owned();
    }
    if value.chars().count() <= CHARS_MAX {
        return value.to_owned();
    }
    value.chars().take(CHARS_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(rows: &[(&str, &str)]) -> RevisionParts {
        rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn changes_are_told_by_the_names_of_the_configuration() {
        let before = parts(&[
            (PROGRAM, "0.1.0"),
            ("scope", "assigned"),
            ("users.attributes `displayName`", "[displayName]"),
            ("users.attributes `title`", "[jobTitle]"),
        ]);
        let after = parts(&[
            (PROGRAM, "0.2.0"),
            ("scope", "assigned"),
            ("users.attributes `displayName`", "[givenName]"),
            ("users.attributes `nickName`", "[mailNickname]"),
        ]);
        assert_eq!(
            revision_changes(&before, &after),
            [
                "entra-scim 0.1.0 → 0.2.0",
                "users.attributes `displayName`: was [displayName], now [givenName]",
                "users.attributes `nickName` added: [mailNickname]",
                "users.attributes `title` removed (was [jobTitle])",
                "the values of removed rows stay at the application and are forgotten",
            ]
        );
        assert_eq!(revision_changes(&after, &after), Vec::<String>::new());
        let mut turned = after.clone();
        turned.swap(2, 3);
        let told = revision_changes(&after, &turned);
        assert_eq!(told, ["the rows of the mapping stand in another order"]);
    }

    #[test]
    fn long_expressions_are_cut_between_characters() {
        let long = "ä".repeat(10_000);
        let told = revision_changes(&parts(&[]), &parts(&[("users.attributes `title`", &long)]));
        let expected = "users.attributes `title` added: ".len() + CHARS_MAX + 1;
        assert_eq!(told[0].chars().count(), expected);
    }
}
