//! The models of `crates/testworld` on loopback, for `benches/measure.py`.
//!
//! It prints the registry's address first, which manifests name. Then it reads a line of JSON for each run, starts a GitHub and a Render that
//! know nothing of earlier runs, and prints a line with their addresses and all secrets. After the line `counts` it prints what the run asked
//! for. It ends with its standard input.
#![allow(
    clippy::print_stdout,
    reason = "its standard output is what its caller reads"
)]

use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use testworld::ghcr::Ghcr;
use testworld::github::GitHub;
use testworld::github::record::Seed;
use testworld::image::digest;
use testworld::render::{Render, service_id};
use testworld::{Image, Kind};

const TOKEN: &str = "bench-github-token";
const USER: (&str, &str) = ("octocat", "bench-password");

fn main() {
    let registry = Ghcr::start(Some(USER));
    registry.server.listen();
    println!("{}", json!(registry.server.host()));
    let mut models = None;
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        let answer = if line == "counts" {
            models.as_ref().map_or(Value::Null, Models::counts)
        } else {
            let asked: Value = serde_json::from_str(&line).expect("JSON");
            let started = Models::start(registry.clone(), &asked);
            models.insert(started).addresses(&asked)
        };
        println!("{answer}");
    }
}

struct Models {
    registry: Ghcr,
    github: GitHub,
    render: Render,
}

impl Models {
    /// Every service was deployed at `base`, by its hook. The image of each was built at `built`.
    fn start(registry: Ghcr, asked: &Value) -> Self {
        registry.server.forget();
        let github = GitHub::start(Path::new(text(&asked["repository"])), TOKEN);
        let render = Render::start(Duration::ZERO, &registry.server.host());
        let late = Duration::from_secs_f64(asked["latency"].as_f64().expect("seconds"));
        for server in [&registry.server, &github.server, &render.server] {
            server.late(late);
            server.listen();
        }
        let built = text(&asked["built"]);
        for image in list(&asked["images"]) {
            let source = "https://github.com/acme/shop";
            let made = Image::make(Kind::WithAttestations, text(image), built, source);
            registry.put(&format!("acme/{}", text(image)), &[built.to_owned()], &made);
        }
        let models = Self {
            registry,
            github,
            render,
        };
        models.remember(asked);
        models
    }

    fn remember(&self, asked: &Value) {
        let services = asked["services"].as_object().expect("an object");
        let before = digest(b"the image before");
        let mut names = Vec::new();
        for (service, image) in services {
            let repository = format!("{}/acme/{}", self.registry.server.host(), text(image));
            let base = text(&asked["base"]);
            self.github.seed_record(Seed {
                statuses: vec![("success", "accepted")],
                ..Seed::live("staging", service, base, &repository, &before)
            });
            names.push((service_id(service), format!("staging/{service}")));
        }
        let names: Vec<(&str, &str)> = names
            .iter()
            .map(|(id, name)| (id.as_str(), name.as_str()))
            .collect();
        self.github.seed_index(&names);
    }

    fn addresses(&self, asked: &Value) -> Value {
        let services = asked["services"].as_object().expect("an object").keys();
        let hooks: Vec<String> = services
            .map(|name| {
                let hook = self.render.add(name, &format!("bench-key-of-{name}"));
                format!("{name}={hook}")
            })
            .collect();
        json!({
            "github": self.github.server.origin(),
            "render": self.render.server.origin(),
            "token": TOKEN,
            "user": USER.0,
            "password": USER.1,
            "hooks": hooks,
        })
    }

    fn counts(&self) -> Value {
        let asked = self.registry.server.calls();
        let tokens = asked.iter().filter(|call| call.path == "/token").count();
        let challenges = asked.iter().filter(|call| call.answered == 401).count();
        let violations = [
            self.registry.violations(),
            self.github.violations(),
            self.render.violations(),
        ];
        json!({
            "registry": asked.len() - tokens - challenges,
            "token": tokens,
            "challenge": challenges,
            "github": self.github.server.calls().len(),
            "hook": self.render.calls().len(),
            "violations": violations.concat(),
        })
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}
