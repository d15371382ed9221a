//! The built-in profiles, listed and shown.

use insta::assert_snapshot;

use crate::support::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn the_gallery_lists_every_profile_and_needs_no_configuration() {
    let desk = Desk::with_users(&[]).await;
    std::fs::remove_file(desk.config()).expect("a configuration");
    let listed = desk.say("gallery").await.ends(0).stdout;
    let document = desk.say("gallery --json").await.ends(0).json();
    let names: Vec<&str> = entra_scim::gallery::names().collect();
    let rows: Vec<&str> = listed.lines().collect();
    assert!(rows[0].starts_with("NAME") && rows[1].starts_with("generic "), "{listed}");
    for (index, name) in names.iter().enumerate() {
        assert!(rows[index + 1].starts_with(&format!("{name} ")), "{listed}");
        assert_eq!(document[index]["name"], *name);
        let one = desk.say(&format!("gallery {name} --json")).await.ends(0).json();
        assert_eq!(one, document[index]);
        let page = desk.say(&format!("gallery {name}")).await.ends(0).stdout;
        assert!(page.contains(&format!("profile = \"{name}\"")), "{page}");
    }
    assert_eq!(document.as_array().map(Vec::len), Some(names.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_shown_with_all_that_is_known_of_it() {
    let desk = Desk::with_users(&[]).await;
    assert_snapshot!(desk.say("gallery whimsical").await.ends(0).stdout, @r#"
    whimsical: Whimsical
    https://help.whimsical.com/security/entra-scim

    provisions    users
    dialect       rfc7644
    matches by    userName
    filters       active, displayName, externalId, userName
    lists users   yes

    Mapping of users
      userName <- [userPrincipalName]  (match 1, required)
      externalId <- [objectId]
      active <- Not([IsSoftDeleted])
      displayName <- [displayName]
      urn:ietf:params:scim:schemas:extension:whimsical:2.0:User:editor <- Switch(SingleAppRoleAssignment([appRoleAssignments]), , "Editors", "true", "Viewers", "false")  (null keeps the value)

    Not supported
      groups        Groups cannot be provisioned, only the people in them.

    Notes
      Whimsical provisions people, not groups, and needs SAML single sign-on first.
      Turning single sign-on off there turns provisioning off too, and everybody has
      to be imported again.

      1. In Entra, set up SAML single sign-on for the enterprise application
         Whimsical, and test it.
      2. In Whimsical, under Workspace settings > Security, turn SCIM provisioning
         on and copy the token it shows. Keep it in a file that only the service can
         read, and name it in `secret_token`.
      3. Take the tenant URL
         https://whimsical.com/public-api/scim-v2/?aadOptscim062020
      4. To say who may edit, add the app roles Editors and Viewers to the app
         registration of the enterprise application, and assign people to them.
         Whoever has neither role gets the workspace's default on create, and keeps
         their role afterwards.

      From then on change roles in Entra only. Whimsical sends an activation mail to
      each new user, and the given and the family name can be changed only by the
      user after that.

    Configuration
    [apps.whimsical]
    enterprise_app = "Whimsical"  # the enterprise application: appId, object id or exact name
    profile = "whimsical"

    [apps.whimsical.target]
    tenant_url = "https://whimsical.com/public-api/scim-v2/?aadOptscim062020"
    secret_token = { file = "/etc/entra-scim/whimsical-token" }
    "#);
    let miro = desk.say("gallery miro").await.ends(0).stdout;
    for fact in [
        "groups by     displayName\n",
        "Mapping of groups, where groups.enabled is true\n  displayName <- [displayName]  (match 1, \
         required)\n  members <- [members]\n",
        "group-delete  Groups cannot be deleted; what left the scope is kept.",
        "[apps.miro.groups]\nenabled = false",
    ] {
        assert!(miro.contains(fact), "{fact}: {miro}");
    }
    let slack = desk.say("gallery slack").await.ends(0).stdout;
    for fact in [
        "180 writes of users a minute\n      https://docs.slack.dev/",
        "userName: at most 20 characters\n      https://",
        "displayName: none of @",
        "on_directory_delete = \"disable\"",
    ] {
        assert!(slack.contains(fact), "{fact}: {slack}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_profile_ends_with_two_and_names_the_nearest() {
    let desk = Desk::with_users(&[]).await;
    let near = desk.say("gallery whimsicle").await.ends(2);
    assert_snapshot!(near.stderr, @r"
    error: there is no profile `whimsicle`

    hint: did you mean `whimsical`?
    ");
    let far = desk.say("gallery xyzzy").await.ends(2);
    assert!(far.stderr.contains("`entra-scim gallery` lists them"), "{}", far.stderr);
    assert!(far.stdout.is_empty());
}
