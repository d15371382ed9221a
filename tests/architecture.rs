//! The house rules, read off the source: who may know whom, how long a thing may be, what lives
//! where.
//!
//! Each rule is a function from a file to findings; [`the_source_keeps_every_rule`] runs them all
//! and prints every finding at once. Beside the rules stand tests with small offenders, so that a
//! rule which has stopped biting is noticed.
//!
//! Test code below `src/` may lean on any room and any crate: it ships nowhere. What is asked of it
//! is what is asked of all text: an opening, short lines, nothing left to do.

use crate::support::source::{SourceFile, read_sources};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARS_MAX: usize = 100;

/// The rooms a room may use, as drawn in `src/ARCHITECTURE.md`. A room that is not here is unknown.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("scim", &["model"]),
    ("expression", &["model"]),
    ("http", &["model"]),
    ("provisioning", &["expression", "scim", "model"]),
    ("port", &["scim", "model"]),
    ("store", &["provisioning", "scim", "model"]),
    ("gallery", &["provisioning", "expression", "scim", "model"]),
    ("graph", &["port", "http", "scim", "model"]),
    ("target", &["port", "http", "scim", "model"]),
    ("sandbox", &["port", "http", "scim", "model"]),
    ("cycle", &["store", "provisioning", "port", "scim", "model"]),
    ("config", &["gallery", "provisioning", "expression", "scim", "model"]),
    ("web", &["store", "provisioning", "model"]),
    ("notify", &["port", "http", "provisioning", "model"]),
    ("daemon", BELOW_DAEMON),
    ("cli", BELOW_CLI),
    ("main", &["cli"]),
    ("lib", &[]),
];

const BELOW_DAEMON: &[&str] = &[
    "model",
    "scim",
    "expression",
    "http",
    "provisioning",
    "port",
    "store",
    "gallery",
    "graph",
    "target",
    "sandbox",
    "cycle",
    "config",
    "web",
    "notify",
];

const BELOW_CLI: &[&str] = &[
    "model",
    "scim",
    "expression",
    "http",
    "provisioning",
    "port",
    "store",
    "gallery",
    "graph",
    "target",
    "sandbox",
    "cycle",
    "config",
    "web",
    "notify",
    "daemon",
];

/// Crates that stay in their rooms, so that replacing one is the work of one room.
const CRATE_ROOMS: &[(&str, &[&str])] = &[
    ("reqwest", &["http", "graph", "target"]),
    ("graph_rs_sdk", &["graph"]),
    ("oauth2", &["http"]),
    ("rusqlite", &["store"]),
    ("zstd", &["store"]),
    ("axum", &["sandbox", "web"]),
    ("clap", &["cli", "main"]),
    // The configuration asks it what a mail address is.
    ("lettre", &["notify", "config"]),
    ("x509_parser", &["daemon"]),
];

/// The rooms whose answers depend on their arguments alone.
const PURE_ROOMS: &[&str] = &["provisioning", "expression", "scim", "model"];

/// What a pure room never calls, as the end or the start of a path.
const IMPURE_CRATES: &[&str] = &["tokio", "tracing", "rusqlite", "reqwest", "fastrand", "axum"];
const IMPURE_CALLS: &[[&str; 2]] = &[
    ["Utc", "now"],
    ["Local", "now"],
    ["SystemTime", "now"],
    ["Instant", "now"],
    ["Uuid", "new_v4"],
];

/// The rooms that read the environment.
const ENVIRONMENT_ROOMS: &[&str] = &["main", "config"];

/// Statements begin like this. With the space, so that a word of a message is no statement.
const SQL_STARTS: &[&str] = &["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM"];

type Rule = fn(&SourceFile) -> Vec<String>;

const RULES: &[Rule] = &[
    rooms_use_only_the_rooms_below_them,
    foreign_crates_stay_in_their_rooms,
    pure_rooms_touch_nothing,
    the_environment_is_read_at_the_door,
    sql_lives_in_the_store,
    nobody_joins_a_view,
    the_plan_of_a_person_is_found_by_the_person,
    doors_hold_no_functions,
    files_open_with_what_they_own,
    files_are_short,
    functions_are_short,
    lines_are_short,
    nothing_is_left_to_do,
];

#[test]
fn the_source_keeps_every_rule() {
    let files = read_sources();
    assert!(files.len() > 10, "only {} files below src/: is this the right folder?", files.len());
    let findings: Vec<String> =
        files.iter().flat_map(|file| RULES.iter().flat_map(move |rule| rule(file))).collect();
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn every_room_has_its_edges_and_no_edge_leads_up() {
    let position = |room: &str| EDGES.iter().position(|(from, _)| *from == room);
    for (index, (room, below)) in EDGES.iter().enumerate() {
        for other in *below {
            let below_at =
                position(other).unwrap_or_else(|| panic!("{other} has no edges of its own"));
            assert!(below_at < index, "{room} → {other} leads up");
        }
    }
}

fn rooms_use_only_the_rooms_below_them(file: &SourceFile) -> Vec<String> {
    let Some((room, below)) = EDGES.iter().find(|(room, _)| *room == file.room()) else {
        return vec![format!("src/{}: room `{}` is not in the table", file.path, file.room())];
    };
    let mut findings = Vec::new();
    for path in shipped_paths(file).filter(|path| path.segments[0] == "crate") {
        let Some(other) = path.segments.get(1).map(String::as_str) else { continue };
        let is_room = EDGES.iter().any(|(room, _)| *room == other);
        // `crate::PROGRAM` and the like: an item of the library's root, or a misspelt room.
        if other != *room && is_room && !below.contains(&other) {
            findings.push(finding(file, path.line, &format!("`{room}` may not use `{other}`")));
        }
    }
    findings
}

fn foreign_crates_stay_in_their_rooms(file: &SourceFile) -> Vec<String> {
    let mut findings = Vec::new();
    for path in shipped_paths(file) {
        let foreign = path.segments[0].as_str();
        let home = CRATE_ROOMS.iter().find(|(name, _)| *name == foreign);
        if home.is_some_and(|(_, rooms)| !rooms.contains(&file.room())) {
            findings.push(finding(file, path.line, &format!("`{foreign}` is not for this room")));
        }
    }
    findings
}

fn pure_rooms_touch_nothing(file: &SourceFile) -> Vec<String> {
    if !PURE_ROOMS.contains(&file.room()) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for path in shipped_paths(file) {
        let calls = |call: &[&str; 2]| path.segments.windows(2).any(|pair| pair == call);
        if IMPURE_CRATES.contains(&path.segments[0].as_str()) || IMPURE_CALLS.iter().any(calls) {
            let what = path.segments.join("::");
            findings.push(finding(file, path.line, &format!("`{what}` in a pure room")));
        }
    }
    findings
}

fn the_environment_is_read_at_the_door(file: &SourceFile) -> Vec<String> {
    if ENVIRONMENT_ROOMS.contains(&file.room()) {
        return Vec::new();
    }
    shipped_paths(file)
        .filter(|path| path.segments.starts_with(&["std".to_owned(), "env".to_owned()]))
        .map(|path| finding(file, path.line, "only `main` and `config` read the environment"))
        .collect()
}

fn sql_lives_in_the_store(file: &SourceFile) -> Vec<String> {
    if file.room() == "store" {
        return Vec::new();
    }
    file.strings
        .iter()
        .filter(|literal| !file.is_test(literal.line))
        .filter(|literal| SQL_STARTS.iter().any(|start| literal.text.contains(start)))
        .map(|literal| finding(file, literal.line, "SQL outside of `store`"))
        .collect()
}

/// SQLite makes a joined view anew, from everybody, for each query.
fn nobody_joins_a_view(file: &SourceFile) -> Vec<String> {
    file.strings
        .iter()
        .filter(|literal| literal.text.contains("JOIN source_whole"))
        .map(|literal| finding(file, literal.line, "a view is looked into, and not joined"))
        .collect()
}

/// To SQLite an index of two columns looks better than the person's, whatever is in it: that of
/// actions has everybody's rows, and each person would cost all of them.
fn the_plan_of_a_person_is_found_by_the_person(file: &SourceFile) -> Vec<String> {
    let asks = |text: &str| {
        text.contains("FROM planned_change")
            && text.contains("source = ")
            && text.contains("action")
            && !text.contains("INDEXED BY")
    };
    file.strings
        .iter()
        .filter(|literal| asks(&literal.text))
        .map(|literal| finding(file, literal.line, "a person's rows, and no INDEXED BY"))
        .collect()
}

fn doors_hold_no_functions(file: &SourceFile) -> Vec<String> {
    if !file.path.ends_with("mod.rs") {
        return Vec::new();
    }
    file.functions
        .iter()
        .filter(|function| !file.is_test(*function.lines.start()))
        .map(|function| {
            let what = format!("`{}` stands in a door; give it a file", function.name);
            finding(file, *function.lines.start(), &what)
        })
        .collect()
}

fn files_open_with_what_they_own(file: &SourceFile) -> Vec<String> {
    let opens = file.text.starts_with("//! ") || file.text.starts_with("#![doc = include_str!(");
    if opens { Vec::new() } else { vec![finding(file, 1, "does not open with `//!`")] }
}

fn files_are_short(file: &SourceFile) -> Vec<String> {
    let lines = file.shipped_line_count();
    if lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![finding(file, 1, &format!("{lines} lines, {FILE_LINES_MAX} allowed"))]
}

fn functions_are_short(file: &SourceFile) -> Vec<String> {
    let mut findings = Vec::new();
    for function in file.functions.iter().filter(|function| !file.is_test(*function.lines.start()))
    {
        let lines = function.lines.clone().count();
        if lines > FUNCTION_LINES_MAX {
            let what =
                format!("`{}` has {lines} lines, {FUNCTION_LINES_MAX} allowed", function.name);
            findings.push(finding(file, *function.lines.start(), &what));
        }
    }
    findings
}

fn lines_are_short(file: &SourceFile) -> Vec<String> {
    // The lines of a text that spans several, a snapshot for one, are as long as the text is.
    let in_a_text = |line: usize| {
        let spans = file.strings.iter().filter(|literal| literal.last_line > literal.line);
        spans.map(|literal| literal.line..=literal.last_line).any(|lines| lines.contains(&line))
    };
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let chars = line.chars().count();
        if chars > LINE_CHARS_MAX && !in_a_text(index + 1) && !file.is_test(index + 1) {
            let what = format!("{chars} characters, {LINE_CHARS_MAX} allowed");
            findings.push(finding(file, index + 1, &what));
        }
    }
    findings
}

fn nothing_is_left_to_do(file: &SourceFile) -> Vec<String> {
    let is_left = |line: &str| {
        line.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| matches!(word, "TODO" | "FIXME"))
    };
    let lines = file.text.lines().enumerate().filter(|(_, line)| is_left(line));
    lines.map(|(index, _)| finding(file, index + 1, "left to do: file an issue instead")).collect()
}

fn shipped_paths(file: &SourceFile) -> impl Iterator<Item = &crate::support::source::PathUse> {
    file.paths.iter().filter(|path| !file.is_test(path.line))
}

fn finding(file: &SourceFile, line: usize, what: &str) -> String {
    format!("src/{}:{line}: {what}", file.path)
}

/// Holds one small file against one rule and compares the lines it is found on.
#[track_caller]
fn check(rule: Rule, path: &str, text: &str, expected_lines: &[usize]) {
    let findings = rule(&SourceFile::parse(path, text));
    let lines: Vec<usize> = findings
        .iter()
        .map(|finding| {
            let line = finding
                .strip_prefix(&format!("src/{path}:"))
                .and_then(|rest| rest.split(':').next().and_then(|line| line.parse().ok()));
            line.unwrap_or_else(|| panic!("no line in `{finding}`"))
        })
        .collect();
    assert_eq!(lines, expected_lines, "{findings:#?}");
}

#[test]
fn an_edge_that_is_not_in_the_table_is_found_however_it_is_written() {
    let rule = rooms_use_only_the_rooms_below_them;
    check(rule, "scim/filter.rs", "use crate::store::Writer;", &[1]);
    check(rule, "scim/filter.rs", "use crate::{model::Id,\n store::{Reader, Writer}};", &[2, 2]);
    check(rule, "scim/filter.rs", "fn f() { let _ = crate::cycle::run(); }", &[1]);
    check(rule, "scim/filter.rs", "fn f() { print!(\"{}\", crate::cycle::run()); }", &[1]);
    check(rule, "scim/filter.rs", "pub use super::super::graph::Client;", &[1]);
    check(rule, "scim/filter.rs", "mod a { use super::super::super::graph::Client; }", &[1]);
    check(rule, "target/client.rs", "use crate::graph::Client;", &[1]);
    check(rule, "main.rs", "use entra_scim::{cli, store};", &[1]);
    check(rule, "port.rs", "use crate::http::Exchange;", &[1]);
}

#[test]
fn an_edge_down_or_within_the_room_is_none() {
    let rule = rooms_use_only_the_rooms_below_them;
    check(rule, "scim/filter.rs", "use crate::model::Id;\nuse crate::scim::path::Path;", &[]);
    check(rule, "scim/filter.rs", "use super::path::Path;\nuse self::a::B;\nmod a {}", &[]);
    check(rule, "scim/filter.rs", "mod a { use super::super::path::Path; }", &[]);
    check(rule, "scim/filter.rs", "#[cfg(test)]\nmod tests {\n use crate::store::Writer;\n}", &[]);
    check(rule, "scim/tests/filter.rs", "use crate::store::Writer;", &[]);
    check(
        rule,
        "scim/filter.rs",
        "// crate::store is far away\n/// [`crate::store`]\nfn f() {}",
        &[],
    );
    let unknown = rule(&SourceFile::parse("cellar/mod.rs", ""));
    assert_eq!(unknown, ["src/cellar/mod.rs: room `cellar` is not in the table"]);
}

#[test]
fn a_crate_outside_of_its_rooms_is_found() {
    let rule = foreign_crates_stay_in_their_rooms;
    check(rule, "cycle/pace.rs", "use reqwest::Client;\nuse std::{fs, io};", &[1]);
    check(
        rule,
        "cycle/pace.rs",
        "fn f(e: ::rusqlite::Error) {}\n#[derive(clap::Parser)]\nstruct S;",
        &[1, 2],
    );
    check(rule, "graph/client.rs", "use {reqwest::Client, oauth2::Scope};", &[1]);
    check(rule, "sandbox/tenant.rs", "use axum::Router;", &[]);
}

#[test]
fn a_pure_room_that_touches_the_world_is_found() {
    let rule = pure_rooms_touch_nothing;
    check(rule, "provisioning/plan.rs", "fn f() { tracing::info!(\"x\"); }", &[1]);
    check(rule, "scim/patch.rs", "use chrono::Utc;\nfn f() { Utc::now(); }", &[2]);
    check(rule, "model/id.rs", "fn f() -> u128 { uuid::Uuid::new_v4().as_u128() }", &[1]);
    check(rule, "expression/parse.rs", "fn f() { std::time::Instant::now(); }", &[1]);
    check(rule, "cycle/pace.rs", "fn f() { tracing::info!(\"x\"); }", &[]);
}

#[test]
fn the_environment_read_in_a_room_is_found() {
    let rule = the_environment_is_read_at_the_door;
    check(
        rule,
        "graph/client.rs",
        "use std::{fs, env};\nfn f() { std::env::var(\"X\"); }",
        &[1, 2],
    );
    check(rule, "sandbox/tenant.rs", "fn f() { std::env::args(); }", &[1]);
    check(rule, "config/load.rs", "fn f() { std::env::var(\"X\"); }", &[]);
    check(rule, "cli/mod.rs", "const V: &str = env!(\"CARGO_PKG_VERSION\");", &[]);
}

#[test]
fn sql_outside_of_the_store_is_found() {
    let rule = sql_lives_in_the_store;
    check(rule, "cycle/report.rs", "const A: &str = \"SELECT a FROM b\";", &[1]);
    check(rule, "cycle/report.rs", "const A: &str = r#\"\n DELETE FROM b\"#;", &[1]);
    check(rule, "cycle/report.rs", "fn f() { run!(\"UPDATE b SET c = 1\"); }", &[1]);
    check(rule, "cycle/report.rs", "/// SELECT a\nconst A: &str = \"DELETE /Users/1\";", &[]);
    check(rule, "store/link.rs", "const A: &str = \"SELECT a FROM b\";", &[]);
}

#[test]
fn a_joined_view_is_found() {
    let rule = nobody_joins_a_view;
    check(rule, "store/link.rs", "const A: &str = \"FROM a LEFT JOIN source_whole ON b\";", &[1]);
    check(rule, "store/link.rs", "const A: &str = \"FROM source_whole WHERE id = ?1\";", &[]);
}

#[test]
fn a_query_of_a_person_without_its_index_is_found() {
    let rule = the_plan_of_a_person_is_found_by_the_person;
    let asks = "FROM planned_change WHERE source = ?1 AND action = 'delete'";
    check(rule, "store/plan.rs", &format!("const A: &str = \"{asks}\";"), &[1]);
    let named = asks.replace("WHERE", "INDEXED BY planned_change_by_source WHERE");
    check(rule, "store/plan.rs", &format!("const A: &str = \"{named}\";"), &[]);
}

#[test]
fn a_function_in_a_door_is_found() {
    let rule = doors_hold_no_functions;
    check(rule, "store/mod.rs", "//! x\nmod a;\npub use a::B;\nimpl C { fn d() {} }", &[4]);
    check(rule, "store/mod.rs", "pub type F = fn(u8) -> u8;\nmod tests { }", &[]);
    check(rule, "store/link.rs", "fn f() {}", &[]);
}

#[test]
fn a_file_that_does_not_say_what_it_owns_is_found() {
    let rule = files_open_with_what_they_own;
    check(rule, "store/link.rs", "use std::fs;\n//! late\n", &[1]);
    check(rule, "store/link.rs", "//! Owns links.\n", &[]);
    check(rule, "lib.rs", "#![doc = include_str!(\"ARCHITECTURE.md\")]\n", &[]);
}

#[test]
fn a_long_file_is_found_and_its_tests_do_not_count() {
    let lines = |count: usize| "const A: u8 = 1;\n".repeat(count);
    check(files_are_short, "store/link.rs", &lines(500), &[]);
    check(files_are_short, "store/link.rs", &lines(501), &[1]);
    let tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(499), lines(300));
    check(files_are_short, "store/link.rs", &tests, &[]);
    check(files_are_short, "store/tests/link.rs", &lines(900), &[]);
}

#[test]
fn a_long_function_is_found_wherever_it_stands() {
    let body = |count: usize| format!("fn f()\n{{\n{}}}\n", "g();\n".repeat(count));
    check(functions_are_short, "store/link.rs", &body(67), &[]);
    check(functions_are_short, "store/link.rs", &body(68), &[1]);
    check(functions_are_short, "store/link.rs", &format!("impl A {{\n{}}}", body(68)), &[2]);
    check(functions_are_short, "store/link.rs", &format!("mod a {{\n{}}}", body(68)), &[2]);
    let test = format!("#[cfg(test)]\nmod tests {{\n{}}}", body(68));
    check(functions_are_short, "store/link.rs", &test, &[]);
}

#[test]
fn a_long_line_is_found_by_its_characters() {
    let line = |count: usize| format!("// {}\n", "é".repeat(count - 3));
    check(lines_are_short, "store/link.rs", &format!("{}{}", line(100), line(101)), &[2]);
    let text = format!("const A: &str = \"\n{}\";\n{}", line(101), line(101));
    check(lines_are_short, "store/link.rs", &text, &[4]);
    check(lines_are_short, "store/tests/link.rs", &text, &[]);
}

#[test]
fn what_is_left_to_do_is_found() {
    let left = ["TO", "DO"].concat();
    check(nothing_is_left_to_do, "store/link.rs", &format!("// a\n// {left}: b\n"), &[2]);
    check(nothing_is_left_to_do, "store/link.rs", "// METHOD, todo\n", &[]);
}

#[test]
fn every_reason_is_explained_in_the_readme() {
    let readme = include_str!("../README.md");
    let missing: Vec<_> = entra_scim::provisioning::Reason::ALL
        .iter()
        .filter(|reason| !readme.contains(&format!("| `{reason}` |")))
        .collect();
    assert!(missing.is_empty(), "not in the README's table of reasons: {missing:?}");
}
