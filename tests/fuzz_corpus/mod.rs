//! The corpora of `fuzz/` still go through what they were found with.

pub(crate) mod targets;

use std::{fs, path::Path};

/// Inputs of one corpus, at most: they are there to be read by people too.
const FILES_MAX: usize = 50;

const FILE_BYTES_MAX: u64 = 8 * 1024;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 7] = [
    ("config", targets::config),
    ("entra_schema", targets::entra_schema),
    ("expression", targets::expression),
    ("expression_calls", targets::expression_calls),
    ("graph_page", targets::graph_page),
    ("scim", targets::scim),
    ("scim_response", targets::scim_response),
];

#[test]
fn every_committed_input_goes_through_and_every_corpus_is_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in TARGETS {
        let folder = root.join(name);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut files = 0;
        for entry in entries {
            let path = entry.expect("a file").path();
            let bytes = fs::read(&path).expect("a file");
            assert!(bytes.len() as u64 <= FILE_BYTES_MAX, "{} is too long", path.display());
            target(&bytes);
            files += 1;
        }
        assert!((1..=FILES_MAX).contains(&files), "{name} has {files} inputs");
    }
}

#[test]
fn every_corpus_has_a_target_that_fuzzes_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut corpora: Vec<String> = fs::read_dir(root.join("corpus"))
        .expect("a folder")
        .map(|entry| entry.expect("a folder").file_name().into_string().expect("a name"))
        .collect();
    corpora.sort();
    assert_eq!(corpora, TARGETS.map(|(name, _)| name));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let source = fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs")));
        assert!(source.expect("a target").contains(&format!("targets::{name}")), "{name}");
    }
}
