//! What we write, read by the runner's own rules: whatever text stands in it, no command of a log and no output is any but ours.
#![no_main]

#[path = "../../crates/testworld/src/protocol.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod protocol;

use model::{Level, Notice};
use ghcr_to_render::runner::{Log, OutputsFile, OutputMode};
use http_client::Random;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

/// What was printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let printed = Printed::default();
    let log = Log::new(
        OutputMode::Runner,
        true,
        Box::new(printed.clone()),
        Box::new(io::sink()),
    );
    log.group(&text);
    log.say(&text);
    log.debug(&text);
    let place = Some((text.to_string(), 1, 1));
    log.notice(&Notice {
        place,
        ..Notice::new(Level::Error, text.to_string(), text.to_string())
    });
    log.end_group();
    let printed = printed.0.lock().expect("it").clone();
    let printed = String::from_utf8(printed).expect("text");
    let commands: Vec<String> = protocol::lines(&printed)
        .filter_map(protocol::command)
        .map(|found| format!("{:?} {}", found.syntax, found.name))
        .collect();
    assert_eq!(
        commands,
        ["New group", "New debug", "New error", "New endgroup"],
        "{printed:?}"
    );

    static FILE: LazyLock<tempfile::NamedTempFile> =
        LazyLock::new(|| tempfile::NamedTempFile::new().expect("a file"));
    let path = FILE.path();
    let random = Random::new(|| RandomState::new().hash_one(0_u8));
    std::fs::write(path, "").expect("a file");
    let outputs = BTreeMap::from([
        ("images", text.to_string()),
        ("summary", text.to_string()),
        ("tags", text.to_string()),
    ]);
    OutputsFile::open(path)
        .and_then(|mut file| file.write(&outputs, &random))
        .expect("outputs");
    let written = std::fs::read_to_string(path).expect("outputs");
    let read = protocol::outputs(&written).expect("what the runner reads");
    let wanted: Vec<(String, String)> = outputs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    assert_eq!(read, wanted);
});
