//! Packages of every kind against the rule of what may be deleted. The rules of deploy records are played by the real program
//! (`tests/it/journeys/ledger_histories`).

mod leftovers;
mod random;

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own settings; nothing of the program reads them"
)]
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(otherwise, |text| text.parse().expect("a number"))
}

#[expect(
    clippy::print_stdout,
    reason = "for those who look at what the simulation reaches"
)]
fn print(text: &str) {
    println!("{text}");
}
