//! What fuzzing opens of this folder: GitHub's answers, read as they are in a run.

/// Reads an answer of that kind and checks what holds for every one.
pub fn answer(kind: u8, body: &[u8]) {
    match kind % 5 {
        0 => super::compare::fuzzing::files(body),
        1 => super::tree::fuzzing::trees(body),
        2 => super::refs::fuzzing::tags(body),
        3 => super::deployments::fuzzing::record(body),
        _ => super::previews::fuzzing::record(body),
    }
}
