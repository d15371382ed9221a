//! Comma-separated values (RFC 4180): the list that is attached to a notice, and a cell of any other.

/// Rows of an attached list; what is beyond is shown by the command that the notice names.
pub const CSV_ROWS_MAX: usize = 10_000;

/// The characters that make a spreadsheet take a cell for a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Writes a header and rows. A cell that a spreadsheet would compute is preceded by an apostrophe.
pub fn csv<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut text = header.join(",") + "\r\n";
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| csv_cell(cell)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// One cell, quoted where it must be. One that a spreadsheet would compute is preceded by an
/// apostrophe.
pub fn csv_cell(cell: &str) -> String {
    let guard = if cell.starts_with(FORMULA_STARTS) { "'" } else { "" };
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    } else {
        format!("{guard}{cell}")
    }
}

#[cfg(test)]
mod tests {
    use super::{csv, csv_cell};

    #[test]
    fn cells_are_quoted_where_needed_and_never_computed() {
        let rows = [["a,b".to_owned(), "say \"hi\"".to_owned()], ["=1+1".into(), "Ünal".into()]];
        let expected = "x,y\r\n\"a,b\",\"say \"\"hi\"\"\"\r\n'=1+1,Ünal\r\n";
        assert_eq!(csv(["x", "y"], rows), expected);
        assert_eq!(csv_cell("two\nlines"), "\"two\nlines\"");
        assert_eq!(csv_cell("\r=1+1"), "\"'\r=1+1\"");
        assert_eq!(csv_cell("ada@contoso.com"), "ada@contoso.com");
    }
}
