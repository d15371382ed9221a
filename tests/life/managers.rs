//! The manager: linked when there is one, unlinked when there is none any more, whenever that is.

use entra_scim::cycle::Explained;

use super::host::{Life, on_every_host};
use crate::support::company::hire_in_full;

on_every_host! {
    a_manager_who_comes_a_year_later_is_linked_in_that_cycle
    a_manager_whose_account_goes_is_unlinked
    managers_in_a_ring_are_linked
}

/// What is said of the manager in the last row about a person.
fn said_of_the_manager(life: &Life, name: &str) -> Option<String> {
    let row = life.log(name).pop()?;
    let steps = row.steps.into_iter();
    steps.map(|step| format!("{step:?}")).find(|step| step.contains("UnableToResolve"))
}

async fn a_manager_who_comes_a_year_later_is_linked_in_that_cycle(mut life: Life) {
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.person("linus");
    for name in ["ada", "grace"] {
        life.tenant.set_manager(life.id(name), Some(life.id("linus")));
    }
    assert_eq!(life.good_cycle().await, ["POST ada", "POST grace"]);
    life.is("ada", true, None).await;
    assert!(
        said_of_the_manager(&life, "ada").is_some(),
        "{:?}",
        life.log("ada").pop().map(|r| r.steps)
    );
    let Explained::One(explanation) = life.explain("ada@contoso.com").await else {
        panic!("Ada is one person")
    };
    let told = format!("{explanation:?}");
    assert!(told.contains("UnableToResolveReferenceAttributeValue"), "{told}");
    life.rests().await;

    life.pass(std::time::Duration::from_secs(365 * 86_400));
    life.assign("linus", Some(life.editor));
    assert_eq!(life.good_cycle().await, ["PATCH ada", "PATCH grace", "POST linus"]);
    life.is("ada", true, Some("linus")).await;
    life.is("grace", true, Some("linus")).await;
    life.rests().await;
}

async fn a_manager_whose_account_goes_is_unlinked(mut life: Life) {
    // An application that drops references to what is deleted itself leaves nothing to be cleared.
    life.expects_violations();
    life.configure("---\n[apps.crm.safeguards]\non_out_of_scope = \"delete\"\n");
    for name in ["ada", "grace", "linus", "ken"] {
        hire_in_full(&mut life, name);
    }
    life.tenant.set_manager(life.id("ada"), Some(life.id("linus")));
    life.tenant.set_manager(life.id("grace"), Some(life.id("ken")));
    life.begins().await;
    // One leaves the application, the other the company.
    life.unassign("linus");
    life.tenant.purge_user(life.id("ken"));
    let writes = life.good_cycle().await;
    for write in ["DELETE ken", "DELETE linus"] {
        assert!(writes.iter().any(|known| known == write), "{writes:?}");
    }
    life.later();
    life.good_cycle().await;
    life.is("ada", true, None).await;
    life.is("grace", true, None).await;
    life.rests().await;

    life.assign("linus", Some(life.editor));
    assert_eq!(life.good_cycle().await, ["PATCH ada", "POST linus"]);
    life.is("ada", true, Some("linus")).await;
    life.rests().await;
}

async fn managers_in_a_ring_are_linked(mut life: Life) {
    for name in ["ada", "grace", "linus"] {
        hire_in_full(&mut life, name);
    }
    for (name, manager) in [("ada", "grace"), ("grace", "linus"), ("linus", "ada")] {
        life.tenant.set_manager(life.id(name), Some(life.id(manager)));
    }
    life.good_cycle().await;
    for (name, manager) in [("ada", "grace"), ("grace", "linus"), ("linus", "ada")] {
        life.is(name, true, Some(manager)).await;
    }
    life.rests().await;
}
