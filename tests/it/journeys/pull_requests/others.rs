//! What somebody else does: in Render's dashboard, in the registry, and with our records.

use super::chance::Others;
use super::oracle;
use super::team::{PULLS, SERVICES, Team};
use serde_json::Value;
use testworld::render::previews::PreviewOnRender;

impl Team {
    pub(super) fn others(&mut self, what: Others, which: usize) {
        let world = self.world();
        let previews = world.render.previews();
        let preview = previews.get(which % previews.len().max(1)).cloned();
        let has_record = !world.github.preview_records().is_empty();
        match (what, preview) {
            (Others::Writes, _) if has_record => {
                world.github.poison_preview("mallory", |_| {});
            }
            (Others::Forgets, _) if has_record => world.github.forget_statuses(),
            (Others::Misleads, _) => self.misleads(),
            (Others::Suspends, Some(preview)) if preview.is_suspended => {
                world.render.resume(&preview.name);
            }
            (Others::Suspends, Some(preview)) => {
                world.render.suspend(&preview.name, "user");
                self.counts("previews suspended");
            }
            (Others::Deletes, Some(preview)) => world.render.delete(&preview.id),
            (Others::Releases | Others::Serves, _) => {
                let service = SERVICES[which % SERVICES.len()];
                let versions = oracle::versions(world, service);
                let Some((found, _)) = versions.get(which % versions.len().max(1)) else {
                    return;
                };
                if what == Others::Releases {
                    let tag = format!("prod-{}", self.number);
                    let ghcr = world.registry.ghcr();
                    ghcr.tag_version(&format!("acme/{service}"), &tag, found);
                } else {
                    let image = format!("{}@{found}", world.repository(service));
                    let name = format!("by-hand-{}", self.story.len());
                    world.render.plant(&name, None, &image);
                }
            }
            _ => {}
        }
    }

    /// The newest record names the preview that another pull request has of the same service.
    fn misleads(&self) {
        let world = self.world();
        let Some(newest) = world.github.preview_records().pop() else {
            return;
        };
        let is_anothers = |own: &PreviewOnRender| {
            let mut pulls = PULLS.into_iter();
            let pull = pulls.find(|pull| oracle::is_of(&own.name, *pull));
            newest.payload["parent"] == own.parent.as_str()
                && pull.map(u64::from) != newest.payload["pr"].as_u64()
        };
        let mut previews = world.render.previews().into_iter();
        if let Some(other) = previews.find(is_anothers) {
            let name = |payload: &mut Value| payload["id"] = other.id.into();
            world.github.poison_preview("github-actions", name);
        }
    }
}
