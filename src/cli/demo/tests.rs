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
    insta::assert_snapshot!(last.trim_matches('\n'), @r#"
      Lena Vogt joins and is assigned as Editor
      Marco Bianchi joins and is assigned as Editor
      Sofia Lund joins and is put into the group CRM Pilot, which is Viewer
      Ada Berg marries and is Ada Lovell now, with a new address
      Grace Moor moves from Sales to Marketing
      Anaïs Visser leaves: the user is deleted, and can be restored for 30 days
      Yusuf García is disabled
      Wei Visser is deleted for good
      Dmitri Baptiste is unassigned from the application

    The cycle after that day  (entra-scim sync demo)

    + create lena.vogt@contoso.example  in scope, and no account matches
        active: true
        displayName: "Lena Vogt"
        emails[type eq "work"].value: "lena.vogt@contoso.example"
        externalId: "lena.vogt"
        name.familyName: "Vogt"
        name.formatted: "Lena Vogt"
        name.givenName: "Lena"
        userName: "lena.vogt@contoso.example"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: "Engineering"
    + create sofia.lund@contoso.example  in scope, and no account matches
        active: true
        displayName: "Sofia Lund"
        emails[type eq "work"].value: "sofia.lund@contoso.example"
        externalId: "sofia.lund"
        name.familyName: "Lund"
        name.formatted: "Sofia Lund"
        name.givenName: "Sofia"
        userName: "sofia.lund@contoso.example"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: "Support"
    + create marco.bianchi@contoso.example  in scope, and no account matches
        active: true
        displayName: "Marco Bianchi"
        emails[type eq "work"].value: "marco.bianchi@contoso.example"
        externalId: "marco.bianchi"
        name.familyName: "Bianchi"
        name.formatted: "Marco Bianchi"
        name.givenName: "Marco"
        userName: "marco.bianchi@contoso.example"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: "Engineering"
    ~ update grace.moor@contoso.example  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department changed
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: "Sales" → "Marketing"
    ~ update ada.lovell@contoso.example  userName, displayName, emails[type eq "work"].value, name.familyName, name.formatted, externalId changed
        userName: "ada.berg@contoso.example" → "ada.lovell@contoso.example"
        displayName: "Ada Berg" → "Ada Lovell"
        emails[type eq "work"].value: "ada.berg@contoso.example" → "ada.lovell@contoso.example"
        name.familyName: "Berg" → "Lovell"
        name.formatted: "Ada Berg" → "Ada Lovell"
        externalId: "ada.berg" → "ada.lovell"
    - disable dmitri.baptiste17@contoso.example  no longer assigned to the application
        active: true → false
    - disable yusuf.garcia12@contoso.example  disabled in the directory
        active: true → false
    - disable anais.visser10@contoso.example  soft-deleted in the directory
        active: true → false
    x delete wei.visser14@contoso.example  deleted in the directory for good
    incremental cycle of `demo`: 3 created, 2 updated, 3 disabled, 1 deleted; 67 in scope, 0 skipped
    requests: 6 to Microsoft Graph, 16 to the application

    A day later, when nothing has happened  (entra-scim sync demo)

    incremental cycle of `demo`: nothing was to be done; 67 in scope, 0 skipped
    requests: 5 to Microsoft Graph, 0 to the application
    "#);
}
