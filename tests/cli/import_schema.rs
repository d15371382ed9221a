//! `import-schema`: from an export, or from the tenant, to a mapping that a cycle runs with.

use std::fs;

use serde_json::{Value, json};

use crate::support::desk::Desk;

const SAMPLE: &str = include_str!("../entra_schemas/customappsso.json");

fn sample() -> Value {
    serde_json::from_str(SAMPLE).expect("the sample is JSON")
}

/// Writes a file at the desk, and gives its place.
fn file(desk: &Desk, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = desk.path(name);
    fs::write(&path, content).expect("a file");
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_becomes_a_mapping_that_plans_as_the_profile_does() {
    let mut desk = Desk::with_users(&["ada"]).await;
    desk.tenant.set_attribute(desk.people["ada"], "jobTitle", "Countess");
    desk.tenant.set_attribute(desk.people["ada"], "businessPhones", json!(["+44 1"]));
    let by_profile = desk.say("plan --json").await.ends(0).json();

    let path = file(&desk, "schema.json", SAMPLE);
    let imported = desk.say(&format!("import-schema {path}")).await.ends(0);
    assert!(imported.stdout.contains("\n[[apps.crm.users.attributes]]\n"), "{}", imported.stdout);
    assert!(imported.stderr.contains(
        "imported 22 rows and 0 scoping filters of users, 3 rows and 0 scoping filters of groups"
    ));
    desk.configure("", &imported.stdout);
    let by_import = desk.say("plan --json").await.ends(0).json();
    assert_eq!(by_import["changes"][0]["action"], "create", "{by_import:#}");
    assert_eq!(by_import["changes"][0]["attributes"], by_profile["changes"][0]["attributes"]);
    desk.say("sync").await.ends(0);
    desk.hire("bob");
    desk.say("sync").await.ends(0);
    assert!(
        desk.say("plan --json").await.ends(0).json()["changes"]
            .as_array()
            .is_some_and(Vec::is_empty)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_fetched_from_the_tenant_with_its_own_permission() {
    let desk = Desk::with_users(&["ada"]).await;
    let none = desk.say("import-schema --from-entra").await.ends(2);
    assert!(none.stderr.contains("no provisioning of its own"), "{}", none.stderr);

    let job = |id: &str, template: &str| json!({ "id": id, "templateId": template, "schedule": { "state": "Paused" } });
    desk.set_synchronization(vec![job("slack.1", "slack")], "slack.1", &sample());
    let denied = desk.say("import-schema --from-entra").await.ends(7);
    assert!(denied.stderr.contains("permission `Synchronization.Read.All`"), "{}", denied.stderr);
    desk.may_read_synchronization();
    let fetched = desk.say("import-schema --from-entra crm").await.ends(0);
    assert!(fetched.stdout.contains("\n[apps.crm.users]\n"), "{}", fetched.stdout);

    let several = vec![job("slack.1", "slack"), job("box.1", "box")];
    desk.set_synchronization(several, "slack.1", &sample());
    let asked = desk.say("import-schema --from-entra").await.ends(2);
    assert!(asked.stderr.contains("--job: slack.1 (slack, Paused); box.1"), "{}", asked.stderr);
    let chosen = desk.say("import-schema --from-entra --job slack.1 --app hr").await.ends(0);
    assert!(chosen.stdout.contains("\n[apps.hr.users]\n"), "{}", chosen.stdout);
    desk.say("import-schema --from-entra --job other").await.ends(2);

    let scim = vec![job("slack.1", "slack"), job("scim.7", "scim")];
    desk.set_synchronization(scim, "scim.7", &sample());
    assert_eq!(desk.say("import-schema --from-entra").await.ends(0).stdout, fetched.stdout);
    desk.say("import-schema --from-entra nobody").await.ends(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_schema_ends_with_two_and_says_where() {
    let desk = Desk::with_users(&[]).await;
    for (content, told) in [
        ("{\n  \"value\": [}\n", "line 2, column 13: not JSON"),
        ("{ \"value\": [] }", "line 1, column 15: not a synchronizationSchema: missing field"),
        ("\u{feff}[]", "expected an object with `synchronizationRules`"),
    ] {
        let path = file(&desk, "wrong.json", content);
        let said = desk.say(&format!("import-schema {path}")).await.ends(2);
        assert!(said.stderr.contains(told), "{content}: {}", said.stderr);
        assert!(said.stderr.contains("Review your schema here"), "{}", said.stderr);
        assert!(said.stdout.is_empty());
    }
    let binary = file(&desk, "binary.json", [0xff, 0xff, 0x00]);
    desk.say(&format!("import-schema {binary}")).await.ends(2);
    let missing = desk.say("import-schema /nowhere/schema.json").await.ends(2);
    assert!(missing.stderr.contains("cannot be read"), "{}", missing.stderr);
    for line in [
        "import-schema",
        "import-schema x --from-entra",
        "import-schema x --app a/b",
        "import-schema x --job 1",
    ] {
        desk.say(line).await.ends(2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_in_utf_16_is_read_without_a_configuration() {
    let desk = Desk::with_users(&[]).await;
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(SAMPLE.encode_utf16().flat_map(u16::to_le_bytes));
    let path = file(&desk, "utf16.json", bytes);
    let said = desk.say_without_configuration(&format!("import-schema {path}")).await.ends(0);
    assert!(said.stdout.contains("\n[apps.app.users]\n"), "{}", said.stdout);
    let line = format!("import-schema {path} --app sales --quiet");
    let said = desk.say_without_configuration(&line).await.ends(0);
    assert!(said.stdout.contains("\n[apps.sales.users]\n"), "{}", said.stdout);
    assert!(said.stderr.is_empty(), "{}", said.stderr);
}
