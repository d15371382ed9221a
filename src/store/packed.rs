//! Texts in their packed form. They are many, short, and alike, so each is packed against a
//! dictionary of what such texts have in common. Knows nothing of what a text says.
//!
//! A row has a column for the text and one for the packed form, and exactly one of them is filled:
//! a text that packing makes no smaller, or that an earlier version wrote, stays a text.

use std::{borrow::Cow, cell::RefCell, sync::LazyLock};

use rusqlite::{
    Connection,
    functions::FunctionFlags,
    types::{FromSql, FromSqlError, FromSqlResult, Value, ValueRef},
};
use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
    zstd_safe::get_frame_content_size,
};

use super::{
    dictionary::{ATTRIBUTES_1, EXPORTED_1, LOG_ROW_1},
    error::StoreError,
};

/// The fast side of zstd: names and phrases come from the dictionary, and little is left to gain.
const LEVEL: i32 = -1;

/// The longest text that is packed. A longer one is rare, and would make the buffers large.
const BYTES_MAX: usize = 256 * 1024;

/// What every zstd frame begins with; it is left out.
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// What the texts of a column have in common; its number is the first byte of each packed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Bodies of rows of the log.
    LogRow = 1,
    /// What was exported to an account.
    Exported = 2,
    /// A person's attributes in the directory.
    Attributes = 3,
}

/// A dictionary, made ready for both directions once.
struct Dictionary {
    number: u8,
    pack: EncoderDictionary<'static>,
    unpack: DecoderDictionary<'static>,
}

impl Dictionary {
    fn new(words: Words, text: &str) -> Self {
        Self {
            number: words as u8,
            pack: EncoderDictionary::copy(text.as_bytes(), LEVEL),
            unpack: DecoderDictionary::copy(text.as_bytes()),
        }
    }
}

/// Every dictionary that a state file may name.
static DICTIONARIES: LazyLock<[Dictionary; 3]> = LazyLock::new(|| {
    [
        Dictionary::new(Words::LogRow, LOG_ROW_1),
        Dictionary::new(Words::Exported, EXPORTED_1),
        Dictionary::new(Words::Attributes, ATTRIBUTES_1),
    ]
});

thread_local! {
    /// What packing works in. To make it takes longer than to pack a text.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A text as it is stored: in one of two columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stored<'a> {
    Text(&'a str),
    Packed(Vec<u8>),
}

impl<'a> Stored<'a> {
    /// A text, packed where that makes it smaller.
    pub(super) fn of(text: &'a str, words: Words) -> Result<Self, StoreError> {
        if text.len() > BYTES_MAX {
            return Ok(Self::Text(text));
        }
        let packed = packed(text, words).map_err(fault)?;
        Ok(if packed.len() < text.len() { Self::Packed(packed) } else { Self::Text(text) })
    }

    /// The column of texts.
    pub(super) fn text(&self) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Packed(_) => "",
        }
    }

    /// The column of packed forms.
    pub(super) fn packed(&self) -> Option<&[u8]> {
        match self {
            Self::Text(_) => None,
            Self::Packed(packed) => Some(packed),
        }
    }
}

fn packed(text: &str, words: Words) -> std::io::Result<Vec<u8>> {
    let dictionary = dictionary(words as u8)?;
    let frame = PACKER.with_borrow_mut(|packer| {
        let packer = match packer {
            Some(packer) => packer,
            None => packer.insert(new_packer()?),
        };
        packer.set_prepared_dictionary(&dictionary.pack)?;
        packer.compress(text.as_bytes())
    })?;
    let mut packed = Vec::with_capacity(1 + frame.len());
    packed.push(dictionary.number);
    packed.extend_from_slice(frame.strip_prefix(&MAGIC).unwrap_or(&frame));
    Ok(packed)
}

/// A frame has its length and nothing more: which dictionary it needs stands in front of it, and
/// SQLite and the disk answer for the bytes.
fn new_packer() -> std::io::Result<Compressor<'static>> {
    let mut packer = Compressor::new(LEVEL)?;
    packer.include_contentsize(true)?;
    packer.include_checksum(false)?;
    packer.include_dictid(false)?;
    Ok(packer)
}

/// The text that a packed form stands for.
pub fn unpacked(packed: &[u8]) -> Result<String, StoreError> {
    let bytes = unpacked_bytes(packed).map_err(fault)?;
    String::from_utf8(bytes).map_err(fault)
}

fn unpacked_bytes(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let (number, frame) =
        packed.split_first().ok_or_else(|| std::io::Error::other("a packed text is empty"))?;
    let dictionary = dictionary(*number)?;
    let frame = [&MAGIC[..], frame].concat();
    let length = match get_frame_content_size(&frame) {
        Ok(Some(length)) => usize::try_from(length).unwrap_or(usize::MAX),
        _ => return Err(std::io::Error::other("a packed text does not say how long it is")),
    };
    if length > BYTES_MAX {
        return Err(std::io::Error::other("a packed text is longer than any that is packed"));
    }
    UNPACKER.with_borrow_mut(|unpacker| {
        let unpacker = match unpacker {
            Some(unpacker) => unpacker,
            None => unpacker.insert(Decompressor::new()?),
        };
        unpacker.set_prepared_dictionary(&dictionary.unpack)?;
        unpacker.decompress(&frame, length)
    })
}

fn dictionary(number: u8) -> std::io::Result<&'static Dictionary> {
    let known = DICTIONARIES.iter().find(|dictionary| dictionary.number == number);
    known.ok_or_else(|| std::io::Error::other("a packed text names a dictionary not known here"))
}

fn fault(error: impl std::fmt::Display) -> StoreError {
    StoreError::stored("packed text", error)
}

/// The text of a value in either form.
pub(super) fn text_of(value: ValueRef<'_>) -> Result<Cow<'_, str>, StoreError> {
    match value {
        ValueRef::Blob(packed) => unpacked(packed).map(Cow::Owned),
        ValueRef::Text(text) => std::str::from_utf8(text).map(Cow::Borrowed).map_err(fault),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Err(fault("it is no text")),
    }
}

/// A text that was read in either form.
pub(super) struct Text(pub(super) String);

impl FromSql for Text {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = text_of(value).map_err(FromSqlError::other)?;
        Ok(Self(text.into_owned()))
    }
}

/// Lets the statements of a connection look inside: `unpacked(x)` is the text of `x` in either
/// form.
pub(super) fn teach(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("unpacked", 1, flags, |context| {
        let value = context.get_raw(0);
        if value == ValueRef::Null {
            return Ok(Value::Null);
        }
        let text = text_of(value).map_err(|e| rusqlite::Error::UserFunctionError(Box::new(e)))?;
        Ok(Value::Text(text.into_owned()))
    })
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::store::Engine;

    const ALL: [(Words, &str); 3] = [
        (Words::LogRow, r#"{"kind":"user","reason":"InScope","detail":"nothing differs"}"#),
        (
            Words::Exported,
            r#"{"active":true,"displayName":"Ada Berg","userName":"ada@contoso.com"}"#,
        ),
        (Words::Attributes, r#"{"accountEnabled":true,"city":"Genève","displayName":"Ada Berg"}"#),
    ];

    fn packed_form(text: &str, words: Words) -> Vec<u8> {
        let stored = Stored::of(text, words).expect("it packs");
        stored.packed().expect("it is smaller").to_vec()
    }

    #[test]
    fn what_a_state_file_holds_is_read_for_ever() {
        let packed = [
            "01203d750000087d034000608164289068443307",
            "0220455d0100c8416461204265726761646140636f6e746f736f2e636f6d227d0500393318243373d31cd0e40c\
             4c220208",
            "032041e500008847656ec3a876654164612042657267227d0310083bd3bc5cb80381",
        ];
        for ((words, text), hex) in ALL.into_iter().zip(packed) {
            let digits = hex.as_bytes().as_chunks::<2>().0;
            let byte = |digits: &[u8; 2]| {
                let digits = str::from_utf8(digits).expect("ASCII");
                u8::from_str_radix(digits, 16).expect("a byte")
            };
            let packed: Vec<u8> = digits.iter().map(byte).collect();
            assert_eq!(unpacked(&packed).expect("a text"), text);
            assert_eq!(packed_form(text, words), packed, "and written so today");
        }
    }

    #[test]
    fn no_dictionary_changes() {
        let sums = [LOG_ROW_1, EXPORTED_1, ATTRIBUTES_1]
            .map(|text| STANDARD_NO_PAD.encode(&Sha256::digest(text)[..9]));
        assert_eq!(sums, ["Ueu5g8y22DdD", "gcOdsO+2FVrw", "CbK/wfvI9zeU"]);
    }

    #[test]
    fn text_that_would_not_be_smaller_stays_a_text() {
        for text in ["", "{}", "ünal"] {
            assert_eq!(Stored::of(text, Words::LogRow).expect("stored"), Stored::Text(text));
        }
    }

    #[test]
    fn text_too_long_for_the_buffers_stays_a_text() {
        let longest = "a".repeat(BYTES_MAX);
        let packed = packed_form(&longest, Words::LogRow);
        assert_eq!(unpacked(&packed).expect("a text"), longest);
        let longer = longest + "a";
        let stored = Stored::of(&longer, Words::LogRow).expect("stored");
        assert_eq!((stored.text(), stored.packed()), (longer.as_str(), None));
    }

    #[test]
    fn what_is_no_packed_form_is_told_as_such() {
        let (words, text) = ALL[1];
        let packed = packed_form(text, words);
        let mut unknown = packed.clone();
        unknown[0] = 99;
        let long = Compressor::new(LEVEL)
            .and_then(|mut packer| packer.compress(&vec![b'a'; BYTES_MAX + 1]))
            .expect("it packs");
        let long = [&[words as u8], &long[MAGIC.len()..]].concat();
        let no_text = Compressor::new(LEVEL).and_then(|mut p| p.compress(&[0xFF; 99]));
        let no_text = [&[words as u8], &no_text.expect("it packs")[MAGIC.len()..]].concat();
        let broken: [(&[u8], &str); 6] = [
            (&[], "is empty"),
            (&[2], "how long"),
            (&packed[..packed.len() - 1], "incorrect"),
            (&unknown, "a dictionary not known here"),
            (&long, "longer than any"),
            (&no_text, "utf-8"),
        ];
        for (bytes, part) in broken {
            let error = unpacked(bytes).expect_err(part).to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(unpacked(&packed).expect("a text"), text, "none of them left anything behind");
    }

    #[test]
    fn statements_look_inside_of_either_form() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(&folder.path().join("crm.sqlite")).expect("a state");
        let (words, text) = ALL[1];
        let packed = packed_form(text, words);
        let name = |stored: &dyn rusqlite::ToSql| {
            engine.read(|view| {
                let sql = "SELECT unpacked(?1) ->> 'userName'";
                Ok(view.one(sql, [stored], |row| row.get::<_, Option<String>>(0))?)
            })
        };
        for stored in [&packed as &dyn rusqlite::ToSql, &text] {
            assert_eq!(name(stored).expect("read").as_deref(), Some("ada@contoso.com"));
        }
        assert_eq!(name(&rusqlite::types::Null).expect("read"), None);
        for stored in [&&packed[1..] as &dyn rusqlite::ToSql, &12] {
            let error = format!("{:?}", name(stored).expect_err("no text"));
            assert!(error.contains("packed text"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(parts in prop::collection::vec("\\PC{0,9}|\"~|\"title\":", 0..40)) {
            let text = parts.concat();
            for (words, _) in ALL {
                let stored = Stored::of(&text, words).expect("stored");
                let value = match stored.packed() {
                    Some(packed) => ValueRef::Blob(packed),
                    None => ValueRef::Text(stored.text().as_bytes()),
                };
                prop_assert_eq!(text_of(value).expect("a text"), text.as_str());
                prop_assert!(stored.packed().is_none_or(|packed| packed.len() < text.len()));
            }
        }

        #[test]
        fn no_bytes_are_more_than_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            drop(unpacked(&bytes));
        }
    }
}
