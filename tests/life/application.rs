//! The application itself goes and comes back, on either side.

use entra_scim::{
    cycle::CycleError,
    model::{AppRole, ServicePrincipalId, SourceId},
    provisioning::{Action, ChangeStatus},
    sandbox::tenant::ApplicationSpec,
};

use super::host::{Life, on_every_host};
use crate::support::{company::hire_in_full, world::APP_ID};

on_every_host! {
    an_enterprise_application_made_anew_is_refused_until_it_is_bound_again
    accounts_that_the_application_lost_are_made_again
    a_rename_while_all_links_are_doubted_makes_no_second_account
}

/// Deletes the enterprise application and adds it again from the same registration.
fn make_anew(life: &mut Life) -> ServicePrincipalId {
    life.tenant.purge_user(SourceId::from_uuid(life.enterprise_app.as_uuid()));
    let role = AppRole {
        id: life.editor,
        display_name: "Editor".to_owned(),
        value: Some("editor".to_owned()),
        is_enabled: true,
    };
    life.tenant.add_application(ApplicationSpec {
        display_name: "CRM".to_owned(),
        app_id: APP_ID.to_owned(),
        roles: vec![role],
    })
}

/// What `restart --rebind` does to the state.
fn rebind(life: &Life) {
    let now = entra_scim::model::Clock::now(&life.clock);
    let done = life.state().write(|tx| {
        tx.drop_links(now)?;
        tx.reset_watermark()?;
        tx.set_fact("binding", None)
    });
    done.expect("the state works");
}

async fn an_enterprise_application_made_anew_is_refused_until_it_is_bound_again(mut life: Life) {
    let names = ["ada", "grace", "linus"];
    for name in names {
        hire_in_full(&mut life, name);
    }
    life.tenant.set_manager(life.id("ada"), Some(life.id("grace")));
    life.begins().await;
    let mut ids = Vec::new();
    for name in names {
        ids.push(life.account_id(name).await);
    }
    life.enterprise_app = make_anew(&mut life);
    // Nobody is assigned to the one that is there, which is no reason to disable anybody.
    let end = life.sync().await;
    assert!(matches!(end.error, Some(CycleError::Rebound { .. })), "{:?}", end.report.error);
    assert_eq!(life.writes().await, [""; 0]);

    for name in ["ada", "grace"] {
        life.assign(name, Some(life.editor));
    }
    rebind(&life);
    life.later();
    let adopting = life.adopting(&["ada", "grace"]);
    assert_eq!(life.good_cycle().await, adopting);
    for (name, id) in names.iter().zip(&ids) {
        assert_eq!(life.account_id(name).await, *id);
    }
    for name in ["ada", "grace"] {
        assert_eq!(life.last(name).0, Action::Adopt);
    }
    life.is("ada", true, Some("grace")).await;
    life.rests().await;
    // Whoever was not assigned any more when it was bound again is nobody's: not disabled, and
    // adopted once the assignment is back.
    life.set("linus", "jobTitle", "Fellow");
    life.assign("linus", Some(life.editor));
    assert_eq!(life.good_cycle().await, ["PATCH linus"]);
    assert_eq!(life.account_id("linus").await, ids[2]);
    life.rests().await;
}

async fn accounts_that_the_application_lost_are_made_again(mut life: Life) {
    life.expects_violations();
    let names = ["ada", "grace", "linus"];
    for name in names {
        hire_in_full(&mut life, name);
    }
    life.tenant.set_manager(life.id("ada"), Some(life.id("grace")));
    life.begins().await;
    for account in life.accounts().await {
        life.tamper_delete(account["id"].as_str().expect("an id")).await;
    }
    // What was lost shows with the next change of it, and is made good in the cycle after.
    life.set("linus", "jobTitle", "Fellow");
    assert_eq!(life.cycle().await, ["PATCH linus 404"]);
    let lost = (Action::Update, ChangeStatus::Failure, "InvalidAnchor".to_owned());
    assert_eq!(life.last("linus"), lost);
    life.later();
    assert_eq!(life.good_cycle().await, ["POST linus"]);
    life.is("linus", true, None).await;

    // `restart --links` looks at everybody.
    life.state().write(|tx| tx.rematch_links()).expect("the state works");
    life.later();
    let mut writes = life.adopting(&["linus"]);
    writes.extend(["PATCH ada", "POST ada", "POST grace"].map(str::to_owned));
    writes.sort();
    assert_eq!(life.good_cycle().await, writes);
    life.is("ada", true, Some("grace")).await;
    life.is("grace", true, None).await;
    life.rests().await;
}

async fn a_rename_while_all_links_are_doubted_makes_no_second_account(mut life: Life) {
    life.configure("---\n[apps.crm.groups]\nenabled = true\n");
    for name in ["ada", "grace"] {
        hire_in_full(&mut life, name);
    }
    let group = life.assigned_group("Sales", life.editor);
    life.join(group, "ada");
    life.begins().await;
    let (id, sales) = (life.account_id("ada").await, life.group_named("Sales").await);
    life.set("ada", "userPrincipalName", "countess@contoso.com");
    life.tenant.rename_group(group, "Field Sales");
    life.state().write(|tx| tx.rematch_links()).expect("the state works");
    life.later();
    let mut writes = life.adopting(&["grace"]);
    writes.extend(["PATCH ada", "PATCH group Sales"].map(str::to_owned));
    writes.sort();
    assert_eq!(life.good_cycle().await, writes);
    assert_eq!(life.account_id("ada").await, id);
    assert_eq!((life.accounts().await.len(), life.groups().await.len()), (2, 1));
    let renamed = life.group_named("Field Sales").await.expect("there");
    assert_eq!(renamed["id"], sales.expect("there")["id"]);
    assert_eq!(life.members("Field Sales").await, ["ada"]);
    life.rests().await;
}
