//! What a registry answers, by kind: the first byte says which, the rest is the body.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((kind, body)) = data.split_first() {
        registry::fuzzing::answer(*kind, body);
    }
});
