//! A service's `probe`: its values, and the environments that its addresses are for.

use super::fields::{At, FieldReader};
use super::mistake::Position;
use super::read::EnvironmentParts;
use crate::inputs::parse_duration;
use crate::yaml::{Node, Value};
use model::{
    EnvironmentName, Expect, Probe, ProbeAddress, ProbeUrl, Refused, ResponseHeader, Untrusted,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A probe whose parts are sound, each for itself.
#[derive(Debug)]
pub(super) struct ProbeDraft {
    url: UrlDraft,
    expect: Expect,
    header: Option<ResponseHeader>,
    timeout: Duration,
    times: u32,
}

#[derive(Debug)]
enum UrlDraft {
    Everywhere(ProbeAddress),
    In(Vec<(At<String>, ProbeAddress)>),
}

impl FieldReader {
    /// Reads a probe. `None` where a mistake was noted.
    pub(super) fn probe(&mut self, node: &Node, at: Position, whose: &str) -> Option<ProbeDraft> {
        let whose = format!("probe of {whose}");
        let known = &["url", "expect", "header", "timeout", "times"];
        let fields = self.fields(node, &whose, known)?;
        let help = "add url: \"https://example.com/version\"";
        let url = self.required(&fields, "url", at, &whose, help);
        let url = url.and_then(|node| self.probe_url(node));
        let expect = match fields.get("expect") {
            Some(node) => self.value(node, "expect", Expect::parse)?.value,
            None => Expect::default_text(),
        };
        let header = match fields.get("header") {
            Some(node) => Some(self.value(node, "header", ResponseHeader::parse)?.value),
            None => None,
        };
        let timeout = match fields.get("timeout") {
            Some(node) => self.value(node, "timeout", timeout)?.value,
            None => Probe::TIMEOUT,
        };
        let times = match fields.get("times") {
            Some(node) => self.value(node, "times", times)?.value,
            None => Probe::TIMES,
        };
        Some(ProbeDraft {
            url: url?,
            expect,
            header,
            timeout,
            times,
        })
    }

    /// One address, or a map of environments to addresses.
    fn probe_url(&mut self, node: &Node) -> Option<UrlDraft> {
        if !matches!(node.value, Value::Map(_)) {
            let address = self.value(node, "url", ProbeAddress::parse)?;
            return Some(UrlDraft::Everywhere(address.value));
        }
        let entries = self.map(node, "url")?;
        if entries.is_empty() {
            self.note(node.at, "url is empty", "name an address");
            return None;
        }
        let mut addresses = Vec::new();
        let mut is_sound = true;
        for (environment, node) in entries {
            let key = At {
                at: environment.at,
                value: environment.text.clone(),
            };
            match self.value(node, "url", ProbeAddress::parse) {
                Some(address) => addresses.push((key, address.value)),
                None => is_sound = false,
            }
        }
        is_sound.then_some(UrlDraft::In(addresses))
    }

    /// Notes environments of probes that there are not.
    pub(super) fn probe_environments(
        &mut self,
        probe: Option<&ProbeDraft>,
        service: &str,
        places: Option<&[usize]>,
        environments: &[EnvironmentParts],
    ) {
        let Some(ProbeDraft {
            url: UrlDraft::In(addresses),
            ..
        }) = probe
        else {
            return;
        };
        for (name, _) in addresses {
            let found = environments
                .iter()
                .position(|environment| environment.key.value == name.value);
            let Some(found) = found else {
                let known = environments.iter().map(|other| other.key.value.as_str());
                self.unknown(name.at, "environment", &name.value, known);
                continue;
            };
            if places.is_some_and(|places| !places.contains(&found)) {
                let what = format!(
                    "service {} is not in {}, so it is never asked there",
                    Untrusted(service.as_bytes()),
                    Untrusted(name.value.as_bytes())
                );
                self.note(name.at, what, "remove this address");
            }
        }
    }
}

impl ProbeDraft {
    /// The probe. `named` gives an environment's name.
    pub(super) fn finished(self, named: impl Fn(&str) -> Option<EnvironmentName>) -> Probe {
        let url = match self.url {
            UrlDraft::Everywhere(address) => ProbeUrl::Everywhere(address),
            UrlDraft::In(addresses) => {
                let known = addresses
                    .into_iter()
                    .filter_map(|(name, address)| Some((named(&name.value)?, address)));
                ProbeUrl::In(known.collect::<BTreeMap<_, _>>())
            }
        };
        Probe {
            url,
            expect: self.expect,
            header: self.header,
            timeout: self.timeout,
            times: self.times,
        }
    }
}

fn timeout(text: &str) -> Result<Duration, Refused> {
    let refused = || {
        let wanted = "a duration from 1s to 30m, like 90s or 5m";
        Refused::new("probe.timeout", text.as_bytes(), wanted)
    };
    let duration = parse_duration("probe.timeout", text).map_err(|_| refused())?;
    if duration.is_zero() || duration > Probe::LONGEST {
        return Err(refused());
    }
    Ok(duration)
}

fn times(text: &str) -> Result<u32, Refused> {
    let found = text.parse::<u32>().ok();
    let is_good =
        |times: &u32| (1..=Probe::MOST_TIMES).contains(times) && times.to_string() == text;
    found.filter(is_good).ok_or_else(|| {
        let wanted = format!("a number from 1 to {}", Probe::MOST_TIMES);
        Refused::new("probe.times", text.as_bytes(), wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Diagnostic, Home, parse};
    use model::{Manifest, ProbeUrl};
    use std::time::Duration;

    const HOME: Home<'static> = Home {
        owner: "acme",
        repo: "shop",
        default_branch: "main",
    };

    fn read(probe: &str) -> Result<Manifest, Vec<String>> {
        let text = format!(
            "version: 1\nenvironments: {{ staging: {{ branch: main }}, production: {{ tag: \"prod-{{number}}\" }} }}\n\
             images: {{ app: {{ repository: ghcr.io/acme/app, paths: [a] }} }}\n\
             services:\n  app: {{ environments: [staging] }}\n  web:\n    image: app\n    probe: {probe}\n"
        );
        parse(text.as_bytes(), &HOME)
            .map_err(|mistakes| mistakes.iter().map(Diagnostic::to_string).collect())
    }

    #[test]
    fn a_probe_is_read_with_its_defaults() {
        let manifest = read("{ url: \"https://example.com/version\" }").expect("a manifest");
        let probe = manifest.services[1].probe.clone().expect("a probe");
        assert_eq!(probe.expect.to_string(), "{sha:7}");
        assert_eq!((probe.header, probe.times), (None, 3));
        assert_eq!(probe.timeout, Duration::from_secs(300));
        let text = "{ url: { staging: \"https://s.example/v\", production: \"https://p.example/v\" }, \
                    expect: \"{digest}\", header: X-Version, timeout: 30m, times: 1 }";
        let manifest = read(text).expect("a manifest");
        let probe = manifest.services[1].probe.clone().expect("a probe");
        let of = |at: usize| probe.url.in_environment(&manifest.environments[at].name);
        assert!(matches!(probe.url, ProbeUrl::In(_)));
        assert_eq!(
            of(0).expect("an address").to_string(),
            "https://s.example/v"
        );
        assert_eq!(
            of(1).expect("an address").to_string(),
            "https://p.example/v"
        );
        assert_eq!(probe.header.expect("a header").as_str(), "x-version");
        assert_eq!((probe.times, probe.timeout), (1, Duration::from_secs(1800)));
    }

    #[test]
    fn every_mistake_of_a_probe_is_told_at_its_place() {
        let url = "url: \"https://example.com/v\"";
        let table = [
            ("{}", "has no url"),
            (
                "{ url: \"http://example.com/\" }",
                "http only for a loopback host",
            ),
            (
                "{ url: \"https://a:b@example.com/\" }",
                "without a user, a password",
            ),
            ("{ url: \"https://169.254.169.254/\" }", "link-local"),
            ("{ url: [a] }", "url is a list"),
            ("{ url: {} }", "url is empty"),
            (
                "{ url: { stagging: \"https://example.com\" } }",
                "did you mean staging?",
            ),
            (
                &format!("{{ {url}, expect: \"{{version}}\" }}"),
                "no other placeholder",
            ),
            (
                &format!("{{ {url}, expect: \"{{sha:6}}\" }}"),
                "no other placeholder",
            ),
            (
                &format!("{{ {url}, header: \"X-Version: 1\" }}"),
                "a response header alone",
            ),
            (&format!("{{ {url}, timeout: 31m }}"), "from 1s to 30m"),
            (&format!("{{ {url}, timeout: 0s }}"), "from 1s to 30m"),
            (&format!("{{ {url}, times: 0 }}"), "from 1 to 20"),
            (&format!("{{ {url}, times: 21 }}"), "from 1 to 20"),
            (&format!("{{ {url}, times: \"+3\" }}"), "from 1 to 20"),
            (&format!("{{ {url}, time: 3 }}"), "did you mean times?"),
        ];
        for (probe, wanted) in table {
            let told = read(probe).expect_err(probe);
            assert!(
                told.iter().any(|mistake| mistake.contains(wanted)),
                "{probe}: {told:?}"
            );
        }
    }

    #[test]
    fn an_address_for_an_environment_without_the_service_is_a_mistake() {
        let text = "version: 1\nenvironments: { staging: { branch: main }, other: { branch: x } }\n\
                    images: { app: { repository: ghcr.io/acme/app, paths: [a] } }\n\
                    services: { app: { environments: [staging], probe: { url: { other: \"https://example.com\" } } } }\n";
        let told = parse(text.as_bytes(), &HOME).expect_err("a mistake");
        assert!(told[0].to_string().contains("is not in other"), "{told:?}");
    }
}
