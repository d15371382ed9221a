//! `scim` of `tests/fuzz_corpus/targets.rs` under libFuzzer.

#![no_main]

#[path = "../../tests/fuzz_corpus/targets.rs"]
#[expect(dead_code, reason = "a target is one of its functions")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::scim(data));
