//! Bytes as text: Base64, hexadecimal, security identifiers.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Arguments;
use crate::expression::evaluate::Outcome;

/// .NET's `Encoding.Unicode`: UTF-16, little-endian, without a mark.
pub(super) fn to_base64(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.map_text(0, &mut |arguments, text| {
        arguments.spend_text(text.len() * 3)?;
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        arguments.made(STANDARD.encode(bytes))
    })
}

pub(super) fn from_base64(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let encoding = arguments.text(1)?.unwrap_or_else(|| "Unicode".to_owned());
    let utf8 = ["utf8", "utf-8"].iter().any(|name| encoding.eq_ignore_ascii_case(name));
    if !utf8 && !["unicode", "utf-16"].iter().any(|name| encoding.eq_ignore_ascii_case(name)) {
        return Err(arguments.fail("knows the encodings UTF8 and Unicode"));
    }
    arguments.map_text(0, &mut |arguments, text| {
        let Ok(bytes) = STANDARD.decode(text.trim()) else {
            return Err(arguments.fail("needs a text in Base64"));
        };
        let units = bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], second(pair)]));
        let decoded = if utf8 {
            String::from_utf8(bytes).ok()
        } else if bytes.len() % 2 == 0 {
            char::decode_utf16(units).collect::<Result<String, _>>().ok()
        } else {
            None
        };
        match decoded {
            Some(text) => arguments.made(text),
            None => Err(arguments.fail("found bytes that are no text in this encoding")),
        }
    })
}

fn second(pair: &[u8]) -> u8 {
    pair.get(1).copied().unwrap_or_default()
}

pub(super) fn to_utf8_hex(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.map_text(0, &mut |arguments, text| {
        arguments.spend_text(text.len() * 2)?;
        arguments.made(hex(text.as_bytes()))
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02X}").expect("a String takes every write");
        hex
    })
}

/// The layout is that of MS-DTYP §2.4.2.2: revision, count, a 48-bit authority, sub-authorities.
pub(super) fn string_from_sid(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.map_text(0, &mut |arguments, text| {
        let bytes = STANDARD.decode(text.trim()).unwrap_or_default();
        match sid(&bytes) {
            Some(sid) => arguments.made(sid),
            None => Err(arguments.fail("needs the bytes of a security identifier in Base64")),
        }
    })
}

fn sid(bytes: &[u8]) -> Option<String> {
    let (revision, rest) = bytes.split_first()?;
    let (count, rest) = rest.split_first()?;
    let (authority, rest) = rest.split_at_checked(6)?;
    if rest.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let mut sid = format!("S-{revision}-{authority}");
    for part in rest.chunks_exact(4) {
        let part = u32::from_le_bytes([part[0], part[1], part[2], part[3]]);
        write!(sid, "-{part}").expect("a String takes every write");
    }
    Some(sid)
}
