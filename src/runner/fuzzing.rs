//! What fuzzing opens of this room: what would have been printed.

use std::cell::RefCell;

thread_local! {
    static PRINTED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Everything that is printed meanwhile.
pub fn printed(speak: impl FnOnce()) -> String {
    PRINTED.with_borrow_mut(String::clear);
    speak();
    PRINTED.take()
}

/// Takes what would go to a stream.
pub(super) fn take(text: &str) {
    PRINTED.with_borrow_mut(|printed| printed.push_str(text));
}
