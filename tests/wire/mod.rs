//! The requests that leave the program, byte for byte, in both dialects.
//!
//! [`record`] runs whole cycles in which one thing happens at a time, and takes down what was sent.
//! The files beside this one hold it: `rfc7644/` and `entra-legacy/`, one file a case, as
//! `README.md` here says. [`microsoft`] holds them against what Microsoft's pages show.
//!
//!     ENTRA_SCIM_WIRE=write cargo test --test integration wire::    writes the files anew

mod microsoft;
mod record;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use entra_scim::scim::Dialect;

/// Case and text of every file, as the dialect has it now.
type Recorded = BTreeMap<String, String>;

const DIALECTS: [(Dialect, &str); 2] =
    [(Dialect::Rfc7644, "rfc7644"), (Dialect::EntraLegacy, "entra-legacy")];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(name)
}

#[expect(clippy::disallowed_methods, reason = "a person says that the files are to be written")]
fn writes_files() -> bool {
    std::env::var("ENTRA_SCIM_WIRE").is_ok_and(|text| text == "write")
}

fn stored(name: &str) -> Recorded {
    let entries = fs::read_dir(folder(name)).expect("a folder of the dialect");
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let case = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (case, fs::read_to_string(&path).expect("a text"))
        })
        .collect()
}

#[tokio::test]
async fn every_request_is_byte_for_byte_as_it_is_written_down() {
    for (dialect, name) in DIALECTS {
        let recorded = record::everything(dialect).await;
        if writes_files() {
            drop(fs::remove_dir_all(folder(name)));
            fs::create_dir_all(folder(name)).expect("a folder");
            for (case, text) in &recorded {
                fs::write(folder(name).join(format!("{case}.http")), text).expect("written");
            }
        }
        let stored = stored(name);
        for (case, text) in &recorded {
            assert_eq!(Some(text), stored.get(case), "{name}/{case}.http");
        }
        let gone: Vec<&String> =
            stored.keys().filter(|case| !recorded.contains_key(*case)).collect();
        assert!(gone.is_empty(), "no cycle sends these any more: {gone:?}");
    }
}
