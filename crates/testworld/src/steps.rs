//! The steps that journeys are written in.

use super::event::ZEROS;
use super::runner::variable;
use super::{Answer, Checkout, Event, Image, Kind, Repo, World, ghcr, github};
use leaks::invent;
use serde_json::Value;

/// Where the manifest is by default.
pub(crate) const MANIFEST: &str = ".github/deploy-manifest.yml";

/// Three services with an image each; `workers` comes after `api`.
const THREE: &str = r#"version: 1
environments:
  staging: { branch: main }
  production: { tag: "prod-{number}" }
ignore: ["**/*.md", "docs/**"]
shared: ["infra/docker/**"]
images:
  api:     { repository: "HOST/{owner}/api",     paths: ["services/api/**", "libs/**"] }
  workers: { repository: "HOST/{owner}/workers", paths: ["services/workers/**", "libs/**"] }
  web:     { repository: "HOST/{owner}/web",     paths: ["services/web/**"] }
services:
  api: {}
  workers: { after: [api] }
  web: {}
"#;

impl World {
    /// Writes the manifest (`HOST` becomes the registry's host); it is part of the next commit.
    pub fn manifest(self, text: &str) -> Self {
        self.origin
            .write(MANIFEST, &text.replace("HOST", &self.registry.host()));
        self
    }

    /// The usual repository: `api`, `workers` (after `api`) and `web`, with their hooks in `deploy-hooks`.
    pub fn three_services(self) -> Self {
        self.manifest(THREE)
            .files()
            .hooks(&["api", "workers", "web"])
    }

    /// The same with more lines at the manifest's end.
    pub fn three_services_and(self, change: impl FnOnce(&str) -> String) -> Self {
        let text = change(THREE);
        self.manifest(&text)
            .files()
            .hooks(&["api", "workers", "web"])
    }

    /// The usual manifest, now with `floating-tags: [stable]` in production.
    pub fn three_services_moving(self) -> Self {
        self.manifest(&THREE.replace(
            "\"prod-{number}\" }",
            "\"prod-{number}\", floating-tags: [stable] }",
        ))
    }

    /// The usual manifest, in which production now requires staging; it is committed.
    pub fn three_services_requiring(self) -> Self {
        let text = THREE.replace(
            "\"prod-{number}\" }",
            "\"prod-{number}\", requires: staging }",
        );
        let world = self.manifest(&text);
        world.origin.commit("require staging");
        world
    }

    /// The files of the usual repository.
    pub fn files(self) -> Self {
        for service in ["api", "workers", "web"] {
            self.origin
                .write(&format!("services/{service}/main.txt"), service);
        }
        self.origin
            .write("libs/shared.txt", "shared")
            .write("docs/readme.md", "words");
        self
    }

    /// Adds services to Render and their hooks to `deploy-hooks`.
    pub fn hooks(mut self, services: &[&str]) -> Self {
        for service in services {
            let url = self.new_hook(service);
            self.hooks.push(((*service).to_owned(), url));
        }
        let lines: Vec<String> = self
            .hooks
            .iter()
            .map(|(service, url)| format!("{service}={url}"))
            .collect();
        self.input("deploy-hooks", &lines.join("\n"))
    }

    /// Adds a service to Render; its hook is in a variable.
    pub fn hook_in(mut self, service: &str, name: &str) -> Self {
        let url = self.new_hook(service);
        self.variable(name, &url)
    }

    /// Adds the one service of a repository without a manifest; its hook is the input `deploy-hook`.
    pub fn shorthand(mut self) -> Self {
        let (url, repository) = (self.new_hook("shop"), self.repository("shop"));
        self.origin.write("main.txt", "shop");
        self.input("deploy-hook", &url).input("image", &repository)
    }

    /// Adds a service to Render and gives its hook.
    pub fn new_hook(&mut self, service: &str) -> String {
        let key = invent(&format!("hook of {service}"));
        let (url, home) = (self.render.add(service, &key), self.render.server.origin());
        self.secrets.push(super::Planted {
            name: format!("the key of {service}"),
            text: key,
            homes: vec![home],
        });
        url
    }

    /// The hook of a service that was added before.
    pub fn hook(&self, service: &str) -> String {
        format!(
            "{}/deploy/{}?key={}",
            self.render.server.origin(),
            super::render::service_id(service),
            invent(&format!("hook of {service}"))
        )
    }

    /// Says what a service's hook answers.
    pub fn hook_answers(self, service: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.render.script(service, answers);
        self
    }

    /// The step may put tags in the registry.
    pub fn may_write(self) -> Self {
        self.registry.ghcr().allow_writes();
        self
    }

    /// The digest that a tag of an image is on.
    pub fn tag(&self, image: &str, tag: &str) -> Option<String> {
        self.registry.ghcr().tag(&format!("acme/{image}"), tag)
    }

    /// Makes something go wrong with an image's repository.
    pub fn registry_trouble(self, image: &str, trouble: ghcr::Trouble) -> Self {
        self.registry
            .ghcr()
            .trouble(&format!("acme/{image}"), trouble);
        self
    }

    /// Makes something go wrong at GitHub.
    pub fn github_trouble(self, trouble: github::Trouble) -> Self {
        self.github.trouble(trouble);
        self
    }

    /// Commits what is there, if anything is not committed yet, and gives the commit.
    pub fn base(&self) -> String {
        if self.origin.is_empty() {
            self.origin.commit("begin")
        } else {
            self.origin.head()
        }
    }

    /// Changes something and pushes it to `main`.
    pub fn push_to_main(mut self, change: impl FnOnce(&Repo) -> &Repo) -> Self {
        let before = self.base();
        change(&self.origin);
        let after = self.origin.commit("change");
        self.event = Some(Event::push("refs/heads/main", &before, &after, &after));
        self
    }

    /// The first push to `main` of all: there is no commit before.
    pub fn first_push(mut self) -> Self {
        let after = self.base();
        self.event = Some(Event::push("refs/heads/main", ZEROS, &after, &after));
        self
    }

    /// Replaces the last commit on `main` by another one.
    pub fn force_push(mut self, change: impl FnOnce(&Repo) -> &Repo) -> Self {
        let before = self.base();
        self.origin.git(&["reset", "-q", "--hard", "HEAD~1"]);
        change(&self.origin);
        let after = self.origin.commit("another change");
        let mut event = Event::push("refs/heads/main", &before, &after, &after);
        event.payload["forced"] = Value::Bool(true);
        self.event = Some(event);
        self
    }

    /// Tags `main` as it is, without an event.
    pub fn tagged(self, name: &str) -> Self {
        self.base();
        self.origin.tag(name, "HEAD");
        self
    }

    /// Pushes a tag on `main` as it is.
    pub fn push_tag(mut self, name: &str) -> Self {
        self.base();
        self.origin.tag(name, "HEAD");
        self.event = Some(Event::tag(&self.origin, name));
        self
    }

    /// Pushes an annotated tag on `main` as it is.
    pub fn push_annotated_tag(mut self, name: &str) -> Self {
        self.base();
        self.origin.annotated_tag(name, "HEAD");
        self.event = Some(Event::tag(&self.origin, name));
        self
    }

    /// Commits something on `main` without an event.
    pub fn commit_on_main(self, change: impl FnOnce(&Repo) -> &Repo) -> Self {
        self.base();
        change(&self.origin);
        self.origin.commit("between");
        self
    }

    /// Opens a pull request with a change.
    pub fn pull_request(mut self, number: u32, change: impl FnOnce(&Repo) -> &Repo) -> Self {
        let base = self.base();
        self.origin.git(&["checkout", "-q", "-b", "feature"]);
        change(&self.origin);
        let head = self.origin.commit("a feature");
        self.origin.git(&["checkout", "-q", "--detach", &base]);
        self.origin
            .git(&["merge", "-q", "--no-ff", "-m", "merge", &head]);
        let merge = self.origin.head();
        self.origin
            .git(&["update-ref", &format!("refs/pull/{number}/head"), &head]);
        self.origin
            .git(&["update-ref", &format!("refs/pull/{number}/merge"), &merge]);
        self.origin.git(&["checkout", "-q", "main"]);
        self.event = Some(Event::pull_request("opened", number, &base, &head, &merge));
        self
    }

    /// Replaces the event.
    pub fn on_event(mut self, make: impl FnOnce(&Self) -> Event) -> Self {
        self.base();
        self.event = Some(make(&self));
        self
    }

    /// Changes the event's payload.
    pub fn payload(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.event.as_mut().expect("an event").payload);
        self
    }

    /// Replaces the bytes of the event file.
    pub fn raw_event(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.event.as_mut().expect("an event").raw = Some(bytes.into());
        self
    }

    /// The pull request comes from a fork: another repository, and no secrets but the read-only token.
    pub fn of_a_fork(self) -> Self {
        let secrets = ["deploy-hooks", "deploy-hook"].map(variable);
        let world = self.payload(|payload| {
            let head = &mut payload["pull_request"]["head"];
            head["repo"]["id"] = Value::from(777);
            head["repo"]["full_name"] = Value::from("mallory/shop");
            head["repo"]["fork"] = Value::Bool(true);
            head["repo"]["owner"]["login"] = Value::from("mallory");
        });
        secrets
            .into_iter()
            .fold(world, |world, name| world.variable(&name, ""))
    }

    /// How the workspace got its files.
    pub fn checkout(mut self, checkout: Checkout) -> Self {
        self.checkout = checkout;
        self
    }

    /// Pushes an image of the event's commit under the tag that the event gives it.
    pub fn image(self, name: &str, kind: Kind) -> Self {
        let commit = self.commit();
        let event = self.event.as_ref().expect("an event");
        let tag = match event.payload["pull_request"]["number"].as_u64() {
            Some(number) => format!("pr-{number}-{commit}"),
            None => commit.clone(),
        };
        self.image_tagged(name, kind, &commit, &[&tag])
    }

    /// Pushes an image of a commit under these tags.
    pub fn image_tagged(mut self, name: &str, kind: Kind, commit: &str, tags: &[&str]) -> Self {
        let image = Image::make(kind, name, commit, "https://github.com/acme/shop");
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.registry.put(&format!("acme/{name}"), &tags, &image);
        for digest in [&image.digest, &image.platform] {
            self.render.built(digest, commit);
        }
        self.images.insert(name.to_owned(), image);
        self
    }

    /// Pushes amd64 images of all three services.
    pub fn images(self) -> Self {
        self.image("api", Kind::WithAttestations)
            .image("workers", Kind::MultiArch)
            .image("web", Kind::Amd64)
    }
}
