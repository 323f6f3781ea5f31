//! Row 39: text of others in what people read. Rows 38 and 40 stand with the journeys that they are about.

use super::super::at_once;
use super::pushed;
use testworld::World;
use testworld::render::{Fate, model::Why};

/// What would be more than text in a summary, if it were not made inert. The oracle reads every summary and comment as Markdown.
pub(super) const MARKUP: [&str; 8] = [
    "a | b | c |",
    "`code` ``` end",
    "<img src=x onerror=alert(1)>",
    "@acme/team fixes #1 and GH-2",
    "[text](https://evil.example) <https://evil.example>",
    "see https://evil.example or www.evil.example",
    "--> <!-- </details></table>",
    "![x](https://evil.example/x.png)",
];

#[test]
fn row_39_text_of_others_is_nothing_but_text_in_a_summary() {
    at_once(MARKUP, |text| {
        let shown = |run: testworld::Run| {
            let word = text
                .split(|c: char| !c.is_ascii_alphabetic())
                .find(|word| word.len() > 2)
                .unwrap_or("b");
            let is_shown = run.summary.contains(word);
            run.ensure(is_shown, &format!("{text} is nowhere in the summary"))
        };
        shown(pushed().input("freeze", text).deploy().expect_skipped());
        let path = format!("services/api/{}", text.replace('/', "_"));
        let world = World::new()
            .three_services()
            .push_to_main(|repo| repo.write_bytes(path.as_bytes(), b"1"));
        shown(world.images().deploy().expect_accepted(["api"]));
        let world = pushed().with_key();
        world
            .render
            .deploy_ends("api", Fate::Fails("build_failed", Why::Pull(text)));
        shown(
            world
                .deploy()
                .ended(1, "failed", "image-pull-failed")
                .hooked(&["api"]),
        );
    });
}
