//! Whether the comment of a pull request is true of what is there.

use super::oracle::{digest, is_of, versions};
use super::team::SERVICES;
use std::collections::BTreeMap;
use testworld::World;
use testworld::render::previews::PreviewOnRender;

/// What the comment says as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// There is none, or it has nothing to name.
    Nothing,
    Previews,
    CleanedUp,
    Leftovers,
}

/// Statuses of a deploy that is under way.
const BUSY: [&str; 5] = [
    "created",
    "queued",
    "build_in_progress",
    "update_in_progress",
    "pre_deploy_in_progress",
];

/// What is known of a pull request besides the models.
pub(super) struct Known<'a> {
    pub(super) pull: u32,
    /// What it is on; none where that changed while the comment was written.
    pub(super) head: Option<&'a str>,
    /// Whether the run that wrote the comment read no records.
    pub(super) is_forgetful: bool,
    /// The commit of each image, by its digest.
    pub(super) commits: &'a BTreeMap<String, String>,
}

impl Known<'_> {
    fn body(&self, world: &World) -> Option<String> {
        let comments = world.github.comments();
        let mut own = comments
            .into_iter()
            .filter(|comment| comment.pull == u64::from(self.pull) && comment.is_ours());
        own.next().map(|comment| comment.body)
    }

    fn previews(&self, world: &World) -> Vec<PreviewOnRender> {
        let previews = world.render.previews();
        let its = previews
            .into_iter()
            .filter(|own| is_of(&own.name, self.pull));
        its.collect()
    }

    /// The comment after a run that wrote it.
    pub(super) fn is_true(&self, world: &World) -> Told {
        let Some(body) = self.body(world) else {
            return Told::Nothing;
        };
        if body.contains("### cleaned up") {
            self.is_clean(world);
            return Told::CleanedUp;
        }
        if body.contains("some images or previews remain") {
            self.names_leftovers(world, &body);
            return Told::Leftovers;
        }
        assert!(!body.contains("is not known.\n"), "{body}");
        let previews = self.previews(world);
        for preview in &previews {
            self.has_row(world, preview, &body);
        }
        for line in body.lines().filter(|line| line.contains(".onrender.com/)")) {
            let is_there = previews
                .iter()
                .any(|own| line.contains(&format!("(https://{}.onrender.com/)", own.name)));
            assert!(is_there, "nothing is where the comment says: {line}");
        }
        if previews.is_empty() {
            Told::Nothing
        } else {
            Told::Previews
        }
    }

    /// "Cleaned up": neither a preview nor an image of its own is there.
    fn is_clean(&self, world: &World) {
        let its = self.previews(world);
        assert!(its.is_empty(), "cleaned up, and there is {its:?}");
        let images = self.images(world);
        assert!(images.is_empty(), "cleaned up, and there is {images:?}");
    }

    /// Its images: service, digest and tags of each.
    fn images(&self, world: &World) -> Vec<(&'static str, String, Vec<String>)> {
        let begins = format!("pr-{}-", self.pull);
        let all = SERVICES.into_iter().flat_map(|service| {
            let versions = versions(world, service).into_iter();
            versions.map(move |(found, tags)| (service, found, tags))
        });
        all.filter(|(_, _, tags)| tags.iter().any(|tag| tag.starts_with(&begins)))
            .collect()
    }

    /// What stays is named, and what is named stays.
    fn names_leftovers(&self, world: &World, body: &str) {
        let previews = self.previews(world);
        let is_whole = !body.contains("Not everything could be found out");
        for preview in &previews {
            let awaited = format!("- `preview {}`: `a run wrote", preview.name);
            let is_named = body.contains(&format!("({})", preview.id)) || body.contains(&awaited);
            assert!(is_named || !is_whole, "{} is not in {body}", preview.id);
        }
        for (service, found, _) in self.images(world) {
            let is_named = body.contains(&found[7..19]);
            assert!(
                is_named || !is_whole,
                "{found} of {service} is not in {body}"
            );
        }
        for line in body.lines().filter(|line| line.starts_with("- `preview ")) {
            // One that a run may still make has no id yet.
            let is_there = previews.iter().any(|own| line.contains(&own.id));
            let is_awaited = line.contains("may still do so");
            // A record of ours that names another pull request's preview is said.
            let is_anothers = line.contains("its name says that it is the preview of");
            assert!(
                is_there || is_awaited || is_anothers,
                "the comment says {line}"
            );
        }
    }

    /// The row of a preview: its address, what it serves, of which commit, and whether it is up.
    fn has_row(&self, world: &World, preview: &PreviewOnRender, body: &str) {
        let address = format!("(https://{}.onrender.com/)", preview.name);
        let row = body.lines().find(|line| line.contains(&address));
        let row = row.unwrap_or_else(|| panic!("{} is not in {body}", preview.name));
        let standing = world.render.standing();
        let mut its = standing.iter().filter(|own| own.service == preview.name);
        let is_busy = its.any(|own| BUSY.contains(&own.status));
        let state = match (preview.is_suspended, is_busy, &preview.live) {
            (true, _, _) => "suspended",
            (false, true, _) => "being deployed",
            (false, false, Some(_)) => "live",
            (false, false, None) => "not live",
        };
        let live = preview.live.as_deref().map(digest).unwrap_or_default();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        // A preview whose service the manifest lost has its id here, and its digest is not told.
        let is_of_manifest = !cells[1].starts_with('`');
        let is_told = body.contains(&format!("| {} | `{live}` |", cells[1]));
        let holds = cells[2].starts_with(state) && (live.is_empty() || !is_of_manifest || is_told);
        assert!(holds, "{} is {state} with {live}: {row}", preview.name);
        let Some(commit) = self.commits.get(live) else {
            return;
        };
        let is_recorded = !self.is_forgetful
            && world.github.preview_records().iter().any(|record| {
                record.is_own && record.state() != "inactive" && record.payload["digest"] == live
            });
        let short = &commit[..7];
        let is_named = cells[3].starts_with(&format!("[`{short}`]("));
        assert!(
            is_named || (cells[3] == "not known" && !is_recorded),
            "{} has {short}: {row}",
            preview.name
        );
        let service = preview.name.split("-pr-").next().unwrap_or_default();
        let sentence = format!("The preview of {service} still has commit [`{short}`](");
        let Some(head) = self.head else {
            return;
        };
        let is_old = is_named && state == "live" && commit != head;
        assert_eq!(body.contains(&sentence), is_old, "{sentence} {body}");
    }

    /// While a pull request is closed, "cleaned up" stays true of its previews.
    pub(super) fn stays_clean(&self, world: &World) {
        let body = self.body(world).unwrap_or_default();
        let its = self.previews(world);
        assert!(
            its.is_empty() || !body.contains("### cleaned up"),
            "cleaned up, and there is {its:?}"
        );
    }
}
