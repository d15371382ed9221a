//! HTML out of templates: places in double braces, filled in one pass.

pub(super) const MAIL: &str = include_str!("templates/mail.html");
pub(super) const PART: &str = include_str!("templates/part.html");
pub(super) const ROW: &str = include_str!("templates/row.html");
pub(super) const STEP: &str = include_str!("templates/step.html");

/// HTML that is safe to put into a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(pub(super) String);

impl Html {
    /// Any text, as HTML that shows it.
    pub(super) fn of(text: &str) -> Self {
        let mut html = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '"' => html.push_str("&quot;"),
                '\'' => html.push_str("&#39;"),
                other => html.push(other),
            }
        }
        Self(html)
    }
}

/// Fills the places of a template. What is put in is not looked at again, so that no value can
/// name a place of its own; a place without a value stays empty.
pub(super) fn fill(template: &str, values: &[(&str, Html)]) -> Html {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once("}}") else {
            filled.push_str("{{");
            rest = after;
            continue;
        };
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            filled.push_str(&value.0);
        }
        rest = behind;
    }
    filled.push_str(rest);
    Html(filled)
}
