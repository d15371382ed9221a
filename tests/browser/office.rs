//! What the stories look at: three applications with a past, one of them with a cycle under way.

use std::{fs, time::Duration};

use entra_scim::sandbox::application::{Application, Fault, Matcher, Quirks};
use http::Method;
use serde_json::{Map, Value, json};

use crate::support::desk::{Desk, Running, another_application};

/// People who are there from the beginning.
const STAFF: [&str; 24] = [
    "ada.lovell",
    "alan.thorne",
    "annie.easton",
    "barbara.lisko",
    "carol.shaw",
    "claude.shan",
    "dana.ulery",
    "donna.strick",
    "edsger.dyk",
    "evelyn.boyd",
    "frances.allan",
    "grace.moor",
    "hedy.lamar",
    "jean.bartik",
    "joan.clark",
    "karen.jones",
    "katherine.john",
    "lynn.conroy",
    "margaret.hamil",
    "mary.keller",
    "radia.perl",
    "sophie.wilson",
    "susan.kare",
    "tim.berner",
];

/// An office whose applications have gone through something.
pub(crate) struct Office {
    pub(crate) desk: Desk,
    _others: Vec<Application>,
}

impl Office {
    /// `crm` with a dozen cycles, failures and a held plan; `wiki` in quarantine; `tickets` paused.
    pub(crate) async fn with_a_past() -> Self {
        let mut desk = Desk::with_users(&STAFF).await;
        let (wiki, wiki_section) = another_application("wiki").await;
        let (tickets, tickets_section) = another_application("tickets").await;
        wiki.set_token("another");
        desk.configure(
            "listen = \"127.0.0.1:0\"",
            &format!("[apps.crm.groups]\nenabled = true\n\n{wiki_section}\n{tickets_section}"),
        );
        let group = desk.assigned_group("Research");
        for name in ["ada.lovell", "grace.moor", "radia.perl"] {
            desk.tenant.add_member(group, desk.people[name]);
        }
        // Somebody has the name of a person who is in the directory twice.
        for _ in 0..2 {
            desk.application.set_quirks(Quirks { duplicates_allowed: true, ..Quirks::default() });
            desk.application.seed_user(account("susan.kare@contoso.com"));
        }
        desk.application.set_quirks(Quirks::default());
        desk.say("sync crm").await;
        for (round, name) in STAFF.iter().take(9).enumerate() {
            desk.tenant.set_attribute(desk.people[*name], "jobTitle", format!("Grade {round}"));
            if round % 3 == 0 {
                desk.hire(&format!("newcomer{round}"));
            }
            if round == 4 {
                desk.unassign("tim.berner");
                let refused = Matcher::method(Method::PATCH);
                desk.application.inject(Fault::status(500), refused);
            }
            desk.say("sync crm").await;
        }
        desk.say("sync tickets").await.ends(0);
        desk.say("pause tickets").await.ends(0);
        desk.say("sync wiki").await.ends(7);
        for name in &STAFF[..9] {
            desk.unassign(name);
        }
        // An access that young is taken for ended when two cycles have seen it gone.
        desk.say("sync crm").await.ends(0);
        desk.say("sync crm").await.ends(4);
        Self { desk, _others: vec![wiki, tickets] }
    }

    /// Starts the service; gives back where its status page is.
    pub(crate) async fn open(&self) -> (Running, String) {
        serve(&self.desk).await
    }
}

/// Starts the service; gives back where its status page is.
pub(crate) async fn serve(desk: &Desk) -> (Running, String) {
    let mut service = desk.run().await;
    let line = service.says("the status page is at ").await;
    let url = line.rsplit(' ').next().expect("an address").trim_end_matches('/');
    (service, url.to_owned())
}

/// Makes every request to the application take so long, and only one at a time.
pub(crate) fn slow_down(desk: &Desk, latency: Duration) {
    let text = fs::read_to_string(desk.config()).expect("a configuration");
    let slow = text.replacen("[apps.crm.target]", "[apps.crm.target]\nconcurrency = 1", 1);
    fs::write(desk.config(), slow).expect("a configuration");
    desk.application.set_quirks(Quirks { latency, ..Quirks::default() });
}

fn account(name: &str) -> Map<String, Value> {
    let account = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "active": true,
    });
    account.as_object().expect("an object").clone()
}
