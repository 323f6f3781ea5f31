//! What is the same in all of a history.

use crate::checkout::Checkout;
use crate::manifest::{Environment, Image, Manifest, Service, When};
use crate::random::Random;
use crate::world::render::Policy;

/// The tag that is kept on what the first environment serves.
pub(crate) const FLOATING: &str = "floating";
/// How long a service may take to answer with what was deployed, in seconds.
pub(crate) const PROBE_TIMEOUT: u64 = 120;

/// How a run reaches Render.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// By deploy hooks; deploys cannot be followed.
    None,
    /// By deploy hooks; there is an API key.
    WithHooks,
    /// By the API; the manifest has the services' ids.
    WithIds,
}

impl Key {
    /// As it is after the key was given, or taken away.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::None => Self::WithHooks,
            Self::WithHooks => Self::None,
            Self::WithIds => Self::WithIds,
        }
    }
}

/// Which environments there are. The first follows `main`, except in `Releases`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Branch,
    /// The second has releases.
    BranchAndReleases,
    /// The second follows `dev`.
    TwoBranches,
    /// The second follows `dev` and has the same services on Render.
    TwoBranchesOneHook,
}

/// What builds leave in images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builds {
    /// Each commit has bytes of its own, and a label that says which commit it is.
    Labelled,
    /// The same files make the same bytes, and there is no label.
    Reproducible,
    /// Each commit has bytes of its own. The label is that of a base image of this repository: it says the first commit.
    Inherited,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: Key,
    pub(crate) layout: Layout,
    /// 1 to 4.
    pub(crate) services: usize,
    /// Whether the second and the third service run the same image.
    pub(crate) shares_image: bool,
    /// Whether the second service comes after the first.
    pub(crate) after: bool,
    /// Whether the last service has paths beside its image's.
    pub(crate) has_extra_paths: bool,
    pub(crate) has_shared: bool,
    /// Whether the history begins without a manifest; only with one service.
    pub(crate) begins_without_manifest: bool,
    pub(crate) builds: Builds,
    pub(crate) checkout: Checkout,
    /// Whether the checkout shows the refs as they were when the run was triggered.
    pub(crate) old_refs: bool,
    /// Whether deploys of `main` are started by `workflow_run`.
    pub(crate) by_workflow_run: bool,
    pub(crate) record: bool,
    pub(crate) wait_accepted: bool,
    /// Whether a service that fails takes the others of its run back.
    pub(crate) restores: bool,
    pub(crate) policy: Policy,
    /// How long half a deploy takes, in seconds.
    pub(crate) pace: u64,
    /// Whether Render lists deploys late.
    pub(crate) lists_late: bool,
    pub(crate) is_strict: bool,
    /// Whether runs of one environment may overlap.
    pub(crate) overlaps: bool,
    /// Whether something odd is among the checkout's refs: a FIFO.
    pub(crate) has_fifo: bool,
    /// Whether services are asked which image they run.
    pub(crate) has_probes: bool,
    /// Whether the first environment has a floating tag.
    pub(crate) has_floating_tag: bool,
    /// Whether releases require the first environment, where there are some.
    pub(crate) has_required: bool,
}

impl Setting {
    pub(crate) fn of(random: &mut Random) -> Self {
        let key = random.one_of(&[Key::None, Key::None, Key::WithHooks, Key::WithIds]);
        let layouts = [
            Layout::Branch,
            Layout::Branch,
            Layout::BranchAndReleases,
            Layout::BranchAndReleases,
            Layout::TwoBranches,
            Layout::TwoBranchesOneHook,
        ];
        let layout = random.one_of(&layouts);
        let services = random.one_of(&[1, 1, 2, 2, 3, 4]);
        let builds = [
            Builds::Labelled,
            Builds::Labelled,
            Builds::Labelled,
            Builds::Reproducible,
            Builds::Reproducible,
            Builds::Inherited,
        ];
        Self {
            key,
            layout,
            services,
            shares_image: random.percent(40),
            after: random.percent(25),
            has_extra_paths: random.percent(20),
            has_shared: random.percent(30),
            begins_without_manifest: services == 1 && random.percent(40),
            builds: random.one_of(&builds),
            checkout: random.one_of(&[
                Checkout::Full,
                Checkout::Full,
                Checkout::Shallow,
                Checkout::None,
            ]),
            old_refs: random.percent(40),
            by_workflow_run: random.percent(25),
            record: random.percent(if matches!(layout, Layout::BranchAndReleases) {
                80
            } else {
                88
            }),
            wait_accepted: random.percent(15),
            restores: random.percent(10),
            policy: random.one_of(&[Policy::Wait, Policy::Wait, Policy::Override]),
            pace: random.one_of(&[1, 5, 5, 30, 120]),
            lists_late: random.percent(50),
            is_strict: random.percent(15),
            overlaps: random.percent(40),
            has_fifo: random.percent(3),
            has_probes: random.percent(20),
            has_floating_tag: random.percent(20),
            has_required: random.percent(15),
        }
    }

    pub(crate) const fn has_key(&self) -> bool {
        !matches!(self.key, Key::None)
    }

    /// Whether the first environment has a floating tag. Two environments cannot keep one tag on what each serves.
    pub(crate) const fn floats(&self) -> bool {
        self.has_floating_tag
    }

    /// Whether releases require the first environment.
    pub(crate) const fn requires(&self) -> bool {
        self.has_required && self.has_releases()
    }

    pub(crate) const fn shares_hooks(&self) -> bool {
        matches!(self.layout, Layout::TwoBranchesOneHook)
    }

    pub(crate) const fn has_releases(&self) -> bool {
        matches!(self.layout, Layout::BranchAndReleases)
    }

    pub(crate) const fn environments(&self) -> usize {
        if matches!(self.layout, Layout::Branch) {
            1
        } else {
            2
        }
    }

    /// The manifest that the history begins with.
    pub(crate) fn manifest(&self) -> Manifest {
        let environment = |key, name: &str, when| Environment {
            key,
            name: name.into(),
            when,
        };
        let mut environments = vec![environment(0, "staging", When::Branch("main"))];
        match self.layout {
            Layout::Branch => {}
            Layout::BranchAndReleases => {
                environments.push(environment(1, "production", When::Releases))
            }
            Layout::TwoBranches | Layout::TwoBranchesOneHook => {
                environments.push(environment(1, "preview-dev", When::Branch("dev")));
            }
        }
        let image_of = |service: usize| {
            if self.shares_image && service == 2 {
                1
            } else {
                service
            }
        };
        let images = (0..self.services)
            .filter(|service| image_of(*service) == *service)
            .map(|key| Image {
                key,
                repository: format!("acme/a{key}"),
                paths: vec![format!("services/{key}/**")],
                build: 0,
            });
        let services = (0..self.services).map(|key| Service {
            key,
            name: format!("s{key}"),
            image: image_of(key),
            paths: if self.has_extra_paths && key + 1 == self.services {
                vec![format!("cron/{key}/**")]
            } else {
                Vec::new()
            },
            after: (self.after && key == 1).then_some(0),
        });
        Manifest {
            environments,
            images: images.collect(),
            services: services.collect(),
            shared: if self.has_shared {
                vec!["shared/**".into()]
            } else {
                Vec::new()
            },
            has_ids: self.key == Key::WithIds,
            shares_hooks: self.shares_hooks(),
            has_probes: self.has_probes,
            floats: self.floats(),
            requires: self.requires(),
        }
    }
}
