//! A state file as somebody reads it who knows its form: its texts, also those that are packed.

use std::{fs, path::Path};

use entra_scim::store::unpacked;
use rusqlite::{
    Connection,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

/// What a file begins with that SQLite made.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Opens a state file, with the function that its statements have for packed texts.
pub(crate) fn open(path: &Path) -> Connection {
    let state = Connection::open(path).expect("opens");
    let unpack = |context: &mut Context<'_>| match context.get_raw(0) {
        ValueRef::Blob(packed) => Ok(Some(unpacked(packed).expect("a packed text"))),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => {
            context.get(0)
        }
    };
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    state.create_scalar_function("unpacked", 1, flags, unpack).expect("a function");
    state
}

/// Every byte of a file, and after those of a state file every text that it has packed.
pub(crate) fn bytes_and_texts(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).expect("a file");
    if bytes.starts_with(SQLITE) {
        bytes.extend(packed_texts(path).into_bytes());
    }
    bytes
}

/// The texts are read from a copy: whoever opens a state file writes beside it.
fn packed_texts(path: &Path) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("state");
    fs::copy(path, &copy).expect("copied");
    let log = |path: &Path| path.with_file_name(format!("{}-wal", file_name(path)));
    if log(path).exists() {
        fs::copy(log(path), log(&copy)).expect("copied");
    }
    let state = Connection::open(copy).expect("opens");
    let sql = "SELECT things.name, columns.name FROM sqlite_schema AS things \
         JOIN pragma_table_info(things.name) AS columns \
         WHERE things.type = 'table' AND columns.type = 'BLOB'";
    let mut statement = state.prepare(sql).expect("a query");
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    let columns: Vec<(String, String)> = found.map(|row| row.expect("a row")).collect();
    let mut texts = String::new();
    for (table, column) in columns {
        let sql = format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL");
        let mut statement = state.prepare(&sql).expect("a query");
        let mut rows = statement.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let packed = row.get_ref(0).expect("a column").as_blob().expect("packed");
            texts.push_str(&unpacked(packed).expect("a packed text"));
            texts.push('\n');
        }
    }
    texts
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}
