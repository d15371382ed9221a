//! The demo, told into a text.

use chrono::TimeZone as _;

use super::run::Story;
use crate::{cli::args::Global, model::Timestamp};

async fn tell() -> (String, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let began = chrono::Utc.with_ymd_and_hms(2026, 11, 23, 10, 0, 0).single().expect("a moment");
    let (text, surprises) = tell_in(folder.path(), began).await;
    (text.replace(&folder.path().display().to_string(), "DIR"), surprises)
}

async fn tell_in(folder: &std::path::Path, began: Timestamp) -> (String, Vec<String>) {
    let global = Global { quiet: true, ..Global::default() };
    let mut text = String::new();
    let mut tell = |part: &str| {
        text.push_str(part);
        Ok(())
    };
    let mut story = Story { global: &global, tell: &mut tell, surprises: Vec::new() };
    story.tell_all(folder, began).await.expect("the demo runs");
    let surprises = story.surprises;
    (anstream::adapter::strip_str(&text).to_string(), surprises)
}

#[tokio::test]
async fn the_demo_does_exactly_what_it_says() {
    let (text, surprises) = tell().await;
    assert!(surprises.is_empty(), "{surprises:#?}\n{text}");
    let last = text.rsplit("A day passes in the tenant").next().expect("a day passes");
    // The order of people follows their ids, which follow the seed.
    insta::assert_snapshot!(last, @"");
}
