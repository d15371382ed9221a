//! From a request to its answer: faults, the bearer token, throttling, and the right handler.
//!
//! Owns the order of these checks and the table of paths.

use serde_json::{Value, json};

use super::{
    answer::{self, Body, Refusal, Reply, Wire},
    batch,
    call::Call,
    delta::delta,
    fault::{ErrorBody, Fault, RetryAfter},
    list, lookup,
    members::{Depth, member_of, members},
    registration,
    state::{ObjectType, State},
    throttle,
};

/// Answers one request to Graph.
pub(super) fn answer(state: &mut State, mut call: Call) -> Wire {
    let is_continued = call.query.iter().any(|(name, value)| {
        (name == "$skiptoken" || name == "$deltatoken") && !value.is_empty() && value != "latest"
    });
    call.faults = state.faults.draw(&call.path, is_continued);
    if call.suffers(&Fault::ResetBefore) {
        return Wire::ResetBefore;
    }
    let mut reply = gate(state, &call).unwrap_or_else(|| handle(state, &mut call));
    finish(state, &call, &mut reply);
    if call.suffers(&Fault::ResetAfter) {
        Wire::ResetAfter
    } else if call.suffers(&Fault::TruncatedBody) {
        Wire::Truncated(reply)
    } else {
        Wire::Whole(reply)
    }
}

/// Faults that answer in the handler's place.
pub(super) fn gate(state: &mut State, call: &Call) -> Option<Reply> {
    for fault in &call.faults {
        if let Fault::Throttle(wait) = fault {
            return Some(throttled(state, call, *wait, "CPULimitExceeded"));
        }
        if let Fault::ServerError { status, body } = fault {
            return Some(server_error(state, call, *status, *body));
        }
        if *fault == Fault::HtmlSuccess {
            let page = "<!DOCTYPE html><html><body>Sign in to the network</body></html>";
            return Some(html(200, page));
        }
        if *fault == Fault::SpuriousUnauthorized {
            let refusal = Refusal::unauthorized("Signing key is invalid.");
            return Some(refusal.into_reply(state, call));
        }
    }
    None
}

fn html(status: u16, text: &str) -> Reply {
    let mut reply = Reply::json(Value::Null, 0);
    reply.status = status;
    reply.body = Body::Text { content_type: "text/html", text: text.to_owned() };
    reply
}

fn server_error(state: &mut State, call: &Call, status: u16, body: ErrorBody) -> Reply {
    let code = match (body, status) {
        (ErrorBody::EmptyCode, _) => "",
        (_, 502) => "BadGateway",
        (_, 503) => "ServiceUnavailable",
        (_, 504) => "GatewayTimeout",
        _ => "InternalServerError",
    };
    match body {
        ErrorBody::Json | ErrorBody::EmptyCode => {
            Refusal::new(status, code, "The service is unavailable.").into_reply(state, call)
        }
        ErrorBody::Html => html(status, "<html><body><h1>Gateway Timeout</h1></body></html>"),
        ErrorBody::Empty => {
            let mut reply = html(status, "");
            reply.body = Body::Empty;
            reply
        }
    }
}

pub(super) fn throttled(state: &mut State, call: &Call, wait: RetryAfter, cause: &str) -> Reply {
    let header = match wait {
        RetryAfter::Seconds(seconds) => Some(seconds.to_string()),
        RetryAfter::Decimal(millis) => Some(format!("{}.{:03}", millis / 1000, millis % 1000)),
        RetryAfter::HttpDate(seconds) => {
            let at = state.now() + chrono::TimeDelta::seconds(seconds.into());
            Some(at.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        }
        RetryAfter::Missing => None,
    };
    let mut refusal = Refusal::new(429, "TooManyRequests", "Please retry again later.")
        .with_header("x-ms-throttle-information", cause)
        .with_header("x-ms-throttle-scope", format!("Tenant_Application/Read/{}", state.tenant_id));
    if let Some(header) = header {
        refusal = refusal.with_header("retry-after", header);
    }
    refusal.into_reply(state, call)
}

fn handle(state: &mut State, call: &mut Call) -> Reply {
    let client_id = match authorize(state, call) {
        Ok(client_id) => client_id,
        Err(refusal) => return refusal.into_reply(state, call),
    };
    if let Some(seconds) = throttle::wait_seconds(state, &client_id) {
        let wait = RetryAfter::Seconds(seconds);
        return throttled(state, call, wait, "ResourceUnitLimitExceeded");
    }
    let answered = call.read_options().and_then(|()| dispatch(state, call));
    match answered {
        Ok(mut reply) => {
            if reply.units > 0 {
                reply.units = throttle::cost(call, reply.units);
            }
            throttle::charge(state, &client_id, reply.units);
            reply
        }
        Err(refusal) => refusal.into_reply(state, call),
    }
}

/// Finds whose token this is and what it allows.
pub(super) fn authorize(state: &State, call: &mut Call) -> Result<String, Refusal> {
    let token = call
        .header("authorization")
        .and_then(|header| header.strip_prefix("Bearer "))
        .filter(|token| !token.is_empty())
        .ok_or_else(|| Refusal::unauthorized("Access token is empty."))?;
    let access = state
        .access
        .get(token)
        .ok_or_else(|| Refusal::unauthorized("CompactToken parsing failed."))?;
    if access.expires <= state.now() {
        return Err(Refusal::unauthorized("Lifetime validation failed, the token is expired."));
    }
    let client_id = access.client_id.clone();
    call.roles = access.roles.clone();
    Ok(client_id)
}

fn dispatch(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("POST", ["$batch"]) => batch::batch(state, call),
        ("POST", ["directoryObjects", "getByIds" | "microsoft.graph.getByIds"]) => {
            lookup::by_ids(state, call)
        }
        ("GET", path) => read(state, call, path),
        _ => Err(Refusal::new(405, "Request_BadRequest", "Specified HTTP method is not allowed.")),
    }
}

fn read(state: &mut State, call: &Call, path: &[&str]) -> Result<Reply, Refusal> {
    let set = |name: &str| match name {
        "users" => Some(ObjectType::User),
        "groups" => Some(ObjectType::Group),
        "servicePrincipals" => Some(ObjectType::ServicePrincipal),
        _ => None,
    };
    match path {
        ["directory", "deletedItems", "microsoft.graph.user"] => {
            list::deleted(state, call, ObjectType::User)
        }
        ["directory", "deletedItems", "microsoft.graph.group"] => {
            list::deleted(state, call, ObjectType::Group)
        }
        ["directory", "deletedItems"] => {
            Err(Refusal::bad_request("Resource is not supported without a cast to a type."))
        }
        ["organization"] => organization(state, call),
        ["domains"] => domains(state, call),
        ["users", key, "manager"] => list::manager(state, call, key),
        ["users", key, "memberOf"] => member_of(state, call, key),
        ["servicePrincipals", key, "appRoleAssignedTo"] => {
            list::assignments(state, call, key, list::Form::Rows)
        }
        ["servicePrincipals", key, "appRoleAssignedTo", "$count"] if call.is_eventual() => {
            list::assignments(state, call, key, list::Form::Count)
        }
        ["servicePrincipals", key, "synchronization", "jobs"] => jobs(state, call, key),
        ["applications", key] => registration::read(state, call, key),
        ["servicePrincipals", key, "synchronization", "jobs", job, "schema"] => {
            job_schema(state, call, key, job)
        }
        ["groups", key, "members", ..] => {
            members(state, call, key, Depth::Direct, &call.segments[3..])
        }
        ["groups", key, "transitiveMembers", ..] => {
            members(state, call, key, Depth::Transitive, &call.segments[3..])
        }
        [name] => match set(name) {
            Some(kind) => list::objects(state, call, kind),
            None => Err(no_segment(name)),
        },
        [name, "delta" | "microsoft.graph.delta"] => match set(name) {
            Some(kind) => delta(state, call, kind),
            None => Err(no_segment(name)),
        },
        [name, "$count"] => match set(name) {
            Some(kind) if call.is_eventual() => {
                list::require(call, super::render::readers(kind))?;
                Ok(Reply::count(state.all_live(kind).count(), 1))
            }
            Some(_) => Err(Refusal::bad_request("$count is not currently supported.")),
            None => Err(no_segment(name)),
        },
        [name, key] => match set(name) {
            Some(kind) => list::single(state, call, kind, key),
            None => Err(no_segment(name)),
        },
        [.., last] => Err(no_segment(last)),
        [] => Err(no_segment("")),
    }
}

/// The refusal of a path that Graph does not have.
pub(super) fn no_segment(name: &str) -> Refusal {
    let message = format!("Resource not found for the segment '{name}'.");
    Refusal::new(400, "BadRequest", message)
}

/// `GET /servicePrincipals/{id}/synchronization/jobs`: Entra's own provisioning, if configured.
fn jobs(state: &State, call: &Call, key: &str) -> Result<Reply, Refusal> {
    let readers =
        ["Synchronization.Read.All", "Synchronization.ReadWrite.All", "Application.Read.All"];
    list::require(call, &readers)?;
    let id = list::resolve(state, ObjectType::ServicePrincipal, key)?;
    let jobs = state.jobs.get(&id).cloned().unwrap_or_default();
    let context =
        format!("{}/v1.0/$metadata#servicePrincipals('{id}')/synchronization/jobs", state.base_url);
    Ok(Reply::json(json!({ "@odata.context": context, "value": jobs }), 1))
}

/// `GET /servicePrincipals/{id}/synchronization/jobs/{job}/schema`: what that job does.
fn job_schema(state: &State, call: &Call, key: &str, job: &str) -> Result<Reply, Refusal> {
    list::require(call, &["Synchronization.Read.All", "Synchronization.ReadWrite.All"])?;
    let id = list::resolve(state, ObjectType::ServicePrincipal, key)?;
    let schema = state.job_schemas.get(&(id, job.to_owned()));
    let mut schema = schema.cloned().ok_or_else(|| Refusal::not_found(job))?;
    if let Some(members) = schema.as_object_mut() {
        let root = format!("{}/v1.0/$metadata#servicePrincipals('{id}')", state.base_url);
        let context = format!("{root}/synchronization/jobs('{job}')/schema/$entity");
        members.insert("@odata.context".to_owned(), json!(context));
    }
    Ok(Reply::json(schema, 1))
}

/// The domains of the tenant, and whether each is the default one.
fn verified(state: &State) -> [(String, bool); 2] {
    let initial = "contoso.onmicrosoft.com";
    let default = &state.default_domain;
    [(initial.to_owned(), initial == default), (default.clone(), true)]
}

/// `GET /organization`: the tenant itself.
fn organization(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let readers = ["Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All"];
    list::require(call, &readers)?;
    let domains: Vec<Value> = verified(state)
        .iter()
        .map(|(name, is_default)| {
            json!({
                "capabilities": "Email, OfficeCommunicationsOnline", "isDefault": is_default,
                "isInitial": name.ends_with(".onmicrosoft.com"), "name": name, "type": "Managed",
            })
        })
        .collect();
    let context = format!("{}/v1.0/$metadata#organization(id,verifiedDomains)", state.base_url);
    let tenant = json!({ "id": state.tenant_id, "verifiedDomains": domains });
    Ok(Reply::json(json!({ "@odata.context": context, "value": [tenant] }), 1))
}

/// `GET /domains`.
fn domains(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let readers = ["Domain.Read.All", "Domain.ReadWrite.All", "Directory.Read.All"];
    list::require(call, &readers)?;
    let rows: Vec<Value> = verified(state)
        .iter()
        .map(|(name, is_default)| json!({ "id": name, "isDefault": is_default }))
        .collect();
    let context = format!("{}/v1.0/$metadata#domains(id,isDefault)", state.base_url);
    Ok(Reply::json(json!({ "@odata.context": context, "value": rows }), 1))
}

fn finish(state: &mut State, call: &Call, reply: &mut Reply) {
    let foreign = call.find_fault(|fault| {
        if let Fault::ForeignLink(origin) = fault { Some(origin.clone()) } else { None }
    });
    if let (Some(origin), Body::Json(body)) = (foreign, &mut reply.body) {
        for name in ["@odata.nextLink", "@odata.deltaLink"] {
            if let Some(link) = body.get(name).and_then(Value::as_str) {
                let moved = link.replacen(&state.base_url, origin.trim_end_matches('/'), 1);
                body[name] = json!(moved);
            }
        }
    }
    answer::dress(state, call, reply);
}
