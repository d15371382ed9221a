//! The one table of functions: name, arguments, meaning, nature and evaluator.

use serde_json::Value;

use super::{Arguments, date, encoding, list, logic, number, random, regex, role, text};
use crate::expression::evaluate::Outcome;

/// What a function's value depends on besides its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::expression) enum Nature {
    /// Nothing but the object.
    Plain,
    /// The time of evaluation.
    Time,
    /// The seed.
    Random,
}

/// Where a function may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::expression) enum Place {
    Anywhere,
    /// Nowhere in the mapping of a SCIM application (Microsoft's function reference).
    NotForScim,
    /// Anywhere but in the condition of an `IIF`.
    NotAsCondition,
}

/// One function.
#[derive(Debug)]
pub(in crate::expression) struct Function {
    pub(in crate::expression) name: &'static str,
    pub(in crate::expression) signature: &'static str,
    pub(in crate::expression) meaning: &'static str,
    /// How many arguments it needs, and how many it takes at most.
    pub(in crate::expression) least: usize,
    pub(in crate::expression) most: usize,
    /// Which of the needed arguments may be left out between two commas.
    pub(in crate::expression) omissible: &'static [usize],
    pub(in crate::expression) nature: Nature,
    pub(in crate::expression) place: Place,
    /// Which argument is a regular expression.
    pub(in crate::expression) pattern: Option<usize>,
    pub(in crate::expression) evaluate: fn(&mut Arguments<'_, '_>) -> Outcome<Value>,
}

/// A function as the command line explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionHelp {
    /// Its name.
    pub name: &'static str,
    /// How it is called; arguments in brackets may be left out.
    pub signature: &'static str,
    /// What it gives, in one line.
    pub meaning: &'static str,
}

/// Every function, by name.
pub fn functions() -> Vec<FunctionHelp> {
    let help = |row: &Function| FunctionHelp {
        name: row.name,
        signature: row.signature,
        meaning: row.meaning,
    };
    TABLE.iter().map(help).collect()
}

/// The function of exactly this name.
pub(in crate::expression) fn find(name: &str) -> Option<&'static Function> {
    TABLE.iter().find(|function| function.name == name)
}

/// A function of `least` to `most` arguments that depends on nothing else and may stand anywhere.
const fn row(
    signature: &'static str,
    (least, most): (usize, usize),
    evaluate: fn(&mut Arguments<'_, '_>) -> Outcome<Value>,
    meaning: &'static str,
) -> Function {
    Function {
        name: name_of(signature),
        signature,
        meaning,
        least,
        most,
        omissible: &[],
        nature: Nature::Plain,
        place: Place::Anywhere,
        pattern: None,
        evaluate,
    }
}

/// What stands before the parenthesis of a signature.
const fn name_of(signature: &'static str) -> &'static str {
    let bytes = signature.as_bytes();
    let mut length = 0;
    while length < bytes.len() && bytes[length] != b'(' {
        length += 1;
    }
    signature.split_at(length).0
}

impl Function {
    const fn omissible(mut self, indexes: &'static [usize]) -> Self {
        self.omissible = indexes;
        self
    }

    const fn nature(mut self, nature: Nature) -> Self {
        self.nature = nature;
        self
    }

    const fn place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    const fn pattern(mut self, index: usize) -> Self {
        self.pattern = Some(index);
        self
    }
}

const ANY: usize = usize::MAX;

/// The functions of Microsoft's reference, of its cloud-sync page, and a few of our own.
pub(in crate::expression) static TABLE: &[Function] = &[
    row("And(condition, condition, …)", (1, ANY), logic::and, "whether all conditions hold"),
    row("Append(source, suffix)", (2, 2), text::append, "source followed by suffix"),
    row(
        "AppRoleAssignments([appRoleAssignments])",
        (0, 1),
        role::names,
        "the display names of all app roles",
    ),
    row(
        "AppRoleAssignmentsComplex([appRoleAssignments])",
        (0, 1),
        role::complex,
        "all app roles, as a list for `roles` with displayName",
    ),
    row(
        "AssertiveAppRoleAssignmentsComplex([appRoleAssignments])",
        (0, 1),
        role::assertive,
        "all app roles, as a list for `roles` with display",
    ),
    row(
        "BitAnd(value1, value2)",
        (2, 2),
        number::bit_and,
        "the bits that are set in both whole numbers",
    ),
    row("CBool(condition)", (1, 1), logic::c_bool, "the condition as a Boolean"),
    row("CDate(text)", (1, 1), date::c_date, "the date and time that text spells, in UTC"),
    row(
        "Coalesce(source1, source2, …)",
        (1, ANY),
        logic::coalesce,
        "the first source that is not null",
    ),
    row(
        "Contains(source, text)",
        (2, 2),
        text::contains,
        "whether text occurs in source, or is one of its values",
    ),
    row(
        "ConvertFromBase64(source, [encoding])",
        (1, 2),
        encoding::from_base64,
        "the text whose UTF-16LE (or UTF8) bytes source is in Base64",
    ),
    row(
        "ConvertToBase64(source)",
        (1, 1),
        encoding::to_base64,
        "the UTF-16LE bytes of source in Base64",
    ),
    row(
        "ConvertToUTF8Hex(source)",
        (1, 1),
        encoding::to_utf8_hex,
        "the UTF-8 bytes of source in hexadecimal",
    ),
    row("Count(source)", (1, 1), list::count, "the number of values"),
    row("CRef(source)", (1, 1), text::c_str, "the distinguished name as it is"),
    row("CStr(value)", (1, 1), text::c_str, "value as a text"),
    row(
        "DateAdd(interval, count, date)",
        (3, 3),
        date::date_add,
        "date moved by count intervals: yyyy, m, ww, d, h, n or s",
    ),
    row(
        "DateDiff(interval, date1, date2)",
        (3, 3),
        date::date_diff,
        "the whole intervals from date1 to date2",
    ),
    row(
        "DateFromNum(ticks)",
        (1, 1),
        date::date_from_num,
        "the date of a FILETIME: 100 ns since 1601",
    ),
    row("DefaultDomain()", (0, 0), text::default_domain, "the tenant's default verified domain"),
    row(
        "DNComponent(dn, number)",
        (2, 2),
        text::dn_component,
        "the value of the n-th part of a distinguished name, from the left",
    ),
    row("EndsWith(source, suffix)", (2, 2), text::ends_with, "whether source ends with suffix"),
    row("Error(message)", (1, 1), logic::error, "fails this object with message"),
    row(
        "FormatDateTime(source, [styles], inputFormat, outputFormat)",
        (3, 4),
        date::format_date_time,
        "the date in source, read and printed with .NET patterns",
    )
    .omissible(&[1, 2]),
    row("Guid()", (0, 0), random::guid, "a random GUID").nature(Nature::Random),
    row(
        "IgnoreFlowIfNullOrEmpty(expression)",
        (1, 1),
        logic::ignore_flow_if_null_or_empty,
        "the value; a null or empty one does not flow",
    )
    .place(Place::NotAsCondition),
    row(
        "IIF(condition, then, else)",
        (3, 3),
        logic::iif,
        "then where condition holds, otherwise else",
    )
    .omissible(&[1, 2]),
    row(
        "InStr(source, text, [start], [compare])",
        (2, 4),
        text::in_str,
        "the position of text in source from 1, or 0",
    ),
    row("IsNothing(value)", (1, 1), logic::is_null, "whether value is null"),
    row("IsNull(value)", (1, 1), logic::is_null, "whether value is null"),
    row("IsNullOrEmpty(value)", (1, 1), logic::is_null_or_empty, "whether value is null or empty"),
    row("IsPresent(value)", (1, 1), logic::is_present, "whether value is neither null nor empty"),
    row("IsString(value)", (1, 1), logic::is_string, "whether value is a text"),
    row(
        "Item(source, index)",
        (2, 2),
        list::item,
        "the value at index, from 1; null beyond the last",
    ),
    row(
        "Join(separator, source1, source2, …)",
        (2, ANY),
        list::join,
        "the sources, empty ones left out, with separator in between",
    )
    .omissible(&[0, 1]),
    row("Left(source, length)", (2, 2), text::left, "the first characters of source"),
    row("Len(source)", (1, 1), text::len, "the number of characters"),
    row(
        "Mid(source, start, length)",
        (3, 3),
        text::mid,
        "the characters of source from start, counted from 1",
    ),
    row(
        "NormalizeDiacritics(source)",
        (1, 1),
        text::normalize_diacritics,
        "source with accented Latin letters in plain ones",
    ),
    row("Not(source)", (1, 1), logic::not, "\"True\" for false and \"False\" for true"),
    row("Now()", (0, 0), date::now, "the time of evaluation, in UTC").nature(Nature::Time),
    row(
        "NumFromDate(date)",
        (1, 1),
        date::num_from_date,
        "the date as a FILETIME: 100 ns since 1601",
    ),
    row("Or(condition, condition, …)", (1, ANY), logic::or, "whether one of the conditions holds"),
    row(
        "PCase(source, [wordSeparators])",
        (1, 2),
        text::p_case,
        "source with each word capitalised",
    ),
    row("Prepend(source, prefix)", (2, 2), text::prepend, "prefix followed by source"),
    row(
        "RandomString(length, numbers, special, capital, lower, [charsToAvoid])",
        (5, 6),
        random::random_string,
        "random characters, at least so many of each kind",
    )
    .nature(Nature::Random),
    row("Redact(source)", (1, 1), logic::redact, "source, which no log shows"),
    row(
        "RemoveDuplicates(source)",
        (1, 1),
        list::remove_duplicates,
        "the distinct values, in their order",
    ),
    row(
        "Replace(source, [old], [regex], [group], [replacement], [attribute], [template])",
        (2, 7),
        regex::replace,
        "source with old, or what the regular expression matches, replaced",
    )
    .omissible(&[1])
    .pattern(2),
    row(
        "SelectUniqueValue(rule1, rule2, …)",
        (2, ANY),
        logic::select_unique_value,
        "the first rule whose value is free at the target",
    )
    .place(Place::NotForScim),
    row(
        "SingleAppRoleAssignment([appRoleAssignments])",
        (0, 1),
        role::single,
        "the display name of the app role; of several, the one with the lowest id",
    ),
    row(
        "Split(source, delimiter)",
        (2, 2),
        list::split,
        "the parts of source between delimiters, without blanks around them",
    ),
    row(
        "StartsWith(source, prefix)",
        (2, 2),
        text::starts_with,
        "whether source starts with prefix",
    ),
    row(
        "StringFromSid(source)",
        (1, 1),
        encoding::string_from_sid,
        "the text form of a security identifier in Base64",
    ),
    row("StripSpaces(source)", (1, 1), text::strip_spaces, "source without spaces"),
    row(
        "Switch(source, [default], key1, value1, …)",
        (2, ANY),
        logic::switch,
        "the value of the key that equals source, otherwise default",
    )
    .omissible(&[1]),
    row("ToLower(source, [culture])", (1, 2), text::to_lower, "source in lower case"),
    row("ToUpper(source, [culture])", (1, 2), text::to_upper, "source in upper case"),
    row("Trim(source)", (1, 1), text::trim, "source without white space around it"),
    row(
        "Word(source, number, delimiters)",
        (3, 3),
        text::word,
        "the n-th word of source, where delimiters are single characters",
    ),
];
