//! What `src/THREATS.md` says rests on tests, and these tests exist.

use std::{collections::BTreeSet, fs, path::Path};

/// A name of a test is a sentence: words with at least so many joints between them.
const JOINTS_MIN: usize = 3;

#[test]
fn every_test_that_a_safeguard_rests_on_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("src/THREATS.md")).expect("the threats");
    let is_sentence = |word: &&str| {
        word.matches('_').count() >= JOINTS_MIN
            && word.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let named: BTreeSet<&str> = text.split('`').skip(1).step_by(2).filter(is_sentence).collect();
    assert!(named.len() > 40, "only {} tests are named", named.len());
    let mut sources = String::new();
    collect(&root.join("src"), &mut sources);
    collect(&root.join("tests"), &mut sources);
    let missing: Vec<_> =
        named.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "no such test: {missing:?}");
}

fn collect(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}
