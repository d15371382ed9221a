//! The accented Latin letters that `NormalizeDiacritics` writes plainly, and nothing else.
//!
//! The rows are those of Microsoft's function reference (and œ without a macron). A letter counts
//! as the same however it is composed: "é" as one character, or as "e" and a combining accent. Any
//! other letter passes untouched.

use std::{collections::BTreeMap, sync::OnceLock};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// `text` with the letters of the table in their plain form.
pub(super) fn normalize(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let marks = after.find(|c| !is_combining_mark(c)).unwrap_or(after.len());
        let (letter, next) = rest.split_at(first.len_utf8() + marks);
        let accented = marks > 0 || !first.is_ascii();
        let found = accented.then(|| table().get(&letter.nfd().collect::<String>())).flatten();
        plain.push_str(found.copied().unwrap_or(letter));
        rest = next;
    }
    plain
}

/// Decomposed letters and their plain forms.
fn table() -> &'static BTreeMap<String, &'static str> {
    static TABLE: OnceLock<BTreeMap<String, &'static str>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = BTreeMap::new();
        for (plain, letters) in LETTERS {
            table.extend(letters.split(' ').map(|letter| (letter.nfd().collect(), *plain)));
        }
        table
    })
}

/// Each plain form, and the letters it stands for.
const LETTERS: &[(&str, &str)] = &[
    ("a", "ä à â ã å á ą ă ā ā́ ā̀ ā̂ ā̃ ǟ ā̈ ǡ a̱ å̄"),
    ("A", "Ä À Â Ã Å Á Ą Ă Ā Ā́ Ā̀ Ā̂ Ā̃ Ǟ Ā̈ Ǡ A̱ Å̄"),
    ("ae", "æ ǣ"),
    ("AE", "Æ Ǣ"),
    ("c", "ç č ć c̄ c̱"),
    ("C", "Ç Č Ć C̄ C̱"),
    ("d", "ď d̄ ḏ"),
    ("D", "Ď D̄ Ḏ"),
    ("e", "ë è é ê ę ě ė ē ḗ ḕ ē̂ ē̃ ê̄ e̱ ë̄ e̊̄"),
    ("E", "Ë È É Ê Ę Ě Ė Ē Ḗ Ḕ Ē̂ Ē̃ Ê̄ E̱ Ë̄ E̊̄"),
    ("g", "ğ ḡ g̱"),
    ("G", "Ğ Ḡ G̱"),
    ("i", "ï î ì í ı ī ī́ ī̀ ī̂ ī̃ i̱"),
    ("I", "Ï Î Ì Í İ Ī Ī́ Ī̀ Ī̂ Ī̃ I̱"),
    ("l", "ľ ł l̄ ḹ ḻ"),
    ("L", "Ł Ľ L̄ Ḹ Ḻ"),
    ("n", "ñ ń ň n̄ ṉ"),
    ("N", "Ñ Ń Ň N̄ Ṉ"),
    ("o", "ö ò ő õ ô ó ō ṓ ṑ ō̂ ō̃ ȫ ō̈ ǭ ȭ ȱ o̱"),
    ("O", "Ö Ò Ő Õ Ô Ó Ō Ṓ Ṑ Ō̂ Ō̃ Ȫ Ō̈ Ǭ Ȭ Ȱ O̱"),
    ("oe", "ø ø̄ œ̄ œ"),
    ("OE", "Ø Ø̄ Œ̄ Œ"),
    ("r", "ř r̄ ṟ ṝ"),
    ("R", "Ř R̄ Ṟ Ṝ"),
    ("ss", "ß"),
    ("s", "š ś ș ş s̄ s̱"),
    ("S", "Š Ś Ș Ş S̄ S̱"),
    ("t", "ť ț t̄ ṯ"),
    ("T", "Ť Ț T̄ Ṯ"),
    ("u", "ü ù û ú ů ű ū ū́ ū̀ ū̂ ū̃ u̇̄ ǖ ṻ ṳ̄ u̱"),
    ("U", "Ü Ù Û Ú Ů Ű Ū Ū́ Ū̀ Ū̂ Ū̃ U̇̄ Ǖ Ṻ Ṳ̄ U̱"),
    ("y", "ÿ ý ȳ ȳ́ ȳ̀ ȳ̃ y̱"),
    ("Y", "Ÿ Ý Ȳ Ȳ́ Ȳ̀ Ȳ̃ Y̱"),
    ("z", "ź ž ż z̄ ẕ"),
    ("Z", "Ź Ž Ż Z̄ Ẕ"),
];
