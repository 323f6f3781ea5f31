//! The variables that a step is started with, inputs among them.

use super::Start;
use crate::manifest::{Config, Image};
use crate::setting::{Builds, Key};
use crate::team::Team;
use crate::world::render::Render;
use crate::world::{API, REGISTRY, RENDER, RENDER_KEY, TOKEN};
use std::collections::BTreeMap;

impl Team {
    pub(super) fn variables(&self, start: &Start) -> BTreeMap<String, String> {
        let sha = start.payload.sha.clone();
        let name = start
            .git_ref
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let mut pairs: Vec<(&str, String)> = vec![
            ("CI", "true".into()),
            ("GITHUB_ACTIONS", "true".into()),
            ("GITHUB_ACTOR", "ada".into()),
            ("GITHUB_API_URL", format!("http://{API}")),
            ("GITHUB_EVENT_NAME", start.payload.name.into()),
            ("GITHUB_REF", start.payload.git_ref.clone()),
            ("GITHUB_REF_NAME", name),
            ("GITHUB_REPOSITORY", "acme/shop".into()),
            ("GITHUB_RUN_ATTEMPT", start.run.attempt.to_string()),
            ("GITHUB_RUN_ID", (5000 + start.id).to_string()),
            ("GITHUB_SERVER_URL", "https://github.com".into()),
            ("GITHUB_SHA", sha),
            ("RUNNER_ENVIRONMENT", "github-hosted".into()),
            ("INPUT_COMMAND", start.run.command.into()),
            ("INPUT_GITHUB-TOKEN", TOKEN.into()),
            ("INPUT_REGISTRY", REGISTRY.into()),
            ("INPUT_RENDER-API-URL", format!("http://{RENDER}")),
            ("INPUT_RECORD", self.setting.record.to_string()),
            ("INPUT_IMAGE-TIMEOUT", "20s".into()),
        ];
        if self.setting.has_key() {
            pairs.push(("INPUT_RENDER-API-KEY", RENDER_KEY.into()));
        }
        if self.setting.restores && self.setting.has_key() {
            pairs.push(("INPUT_ROLLBACK-ON-FAILURE", "true".into()));
        }
        if self.setting.wait_accepted {
            pairs.push(("INPUT_WAIT", "accepted".into()));
        }
        pairs.extend(self.hooks(start));
        let mut environment: BTreeMap<String, String> = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        for (name, value) in &start.inputs {
            environment.insert(format!("INPUT_{}", name.to_uppercase()), value.clone());
        }
        environment
    }

    /// The inputs with hooks, and with digests where the images' labels say nothing true.
    fn hooks(&self, start: &Start) -> Vec<(&'static str, String)> {
        let commit = start.run.commit;
        let is_absent = self.configs[commit] == Config::Absent;
        let image = ("INPUT_IMAGE", format!("{REGISTRY}/acme/a0"));
        let (Some(key), Some(manifest)) = (start.run.environment, self.manifest(commit)) else {
            return if is_absent { vec![image] } else { Vec::new() };
        };
        let url = |service: usize| {
            let id = self.render_id(key, service);
            format!("http://{RENDER}/deploy/{id}?key={}", Render::hook_key(&id))
        };
        let mut inputs = Vec::new();
        if is_absent {
            inputs.push(image);
            inputs.push(("INPUT_DEPLOY-HOOK", url(0)));
        } else if self.setting.key != Key::WithIds {
            let lines: Vec<String> = manifest
                .services
                .iter()
                .map(|service| format!("{}={}", service.name, url(service.key)))
                .collect();
            inputs.push(("INPUT_DEPLOY-HOOKS", lines.join("\n")));
        }
        if self.setting.builds == Builds::Inherited && start.run.command == "deploy" {
            let line = |image: &Image| {
                let digest = self.digest(&image.repository, commit)?;
                Some(if self.configs[commit] == Config::Absent {
                    digest
                } else {
                    format!("i{}={digest}", image.key)
                })
            };
            let lines: Vec<String> = manifest.images.iter().filter_map(line).collect();
            inputs.push(("INPUT_DIGEST", lines.join("\n")));
        }
        inputs
    }
}
