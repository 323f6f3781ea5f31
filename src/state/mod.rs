//! What is known of an environment before anything is decided: the record at GitHub, the branch's tip, and what Render says.
//!
//! The rules are in [`crate::decide`]; here is only what they ask for. What cannot be read is never "nothing".

mod order;
mod past;
mod read;
mod records;
mod serving;

pub(crate) use order::Ordered;
pub(crate) use read::{KnownState, read};
pub(crate) use records::records_of;

use crate::context::Context;
use crate::decide::{
    Base, Begun, Demand, Differences, OnRender, Order, Serving, Standing, Why, begun, counting,
    ending, need, serving,
};
use crate::domain::{
    CommitSha, Decision, Digest, Environment, EnvironmentName, ImageTag, Manifest, Reading, Record,
    RecordState, Release, Repository, Service, ServiceId, ServiceName, When,
};
use crate::failure::Failure;
use crate::history::{History, Movement};
use crate::intake::inputs::Recording;
use crate::render::RenderApi;
use crate::resolve::hooks;
use order::Known;
use records::{ReadRecords, read_records};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// The records of an environment's services, or why they cannot be read.
type Records = Result<BTreeMap<ServiceName, Vec<Record>>, String>;

/// What the state of an environment is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Nothing is deployed by it.
    Plan,
    Deploy,
    /// Needs the whole record.
    Rollback,
}

/// What is known of an environment.
pub(crate) struct EnvironmentState {
    reader: Reader,
    environment: Environment,
    commit: CommitSha,
    release: Option<Release>,
    services: Vec<ServiceName>,
    repositories: BTreeMap<ServiceName, Repository>,
    ids: BTreeMap<ServiceName, ServiceId>,
    records: Records,
    /// Whether there is a record to write to.
    is_writable: bool,
    /// Whether deploys are to be recorded at all.
    is_kept: bool,
    /// The tip of the branch that the environment follows.
    tip: Result<CommitSha, String>,
    on_render: BTreeMap<ServiceName, OnRender>,
    /// Records of ours that were open and of which Render says the end: their numbers and what it is.
    settled: Vec<(ServiceName, u64, RecordState)>,
    /// The commits that images say they were built from, where the record does not know their digests.
    labels: BTreeMap<Digest, CommitSha>,
    /// What stands in for the record where there is none and no key: what the event says was there.
    event: Option<Base>,
    ancestry: RefCell<Known>,
}

/// What an environment's state is read for, and for which commit.
pub(crate) struct StateQuery<'a> {
    pub(crate) reader: Reader,
    pub(crate) manifest: &'a Manifest,
    pub(crate) environment: &'a Environment,
    pub(crate) commit: CommitSha,
    pub(crate) release: Option<&'a Release>,
    /// What the event says was there before.
    pub(crate) event: Base,
}

impl EnvironmentState {
    /// Reads what there is to read.
    ///
    /// # Errors
    /// [`Failure::Render`]: the API key is of no use. Everything else that cannot be read is kept as unknown, and said.
    pub(crate) async fn read(context: &Context, query: &StateQuery<'_>) -> Result<Self, Failure> {
        let name = &query.environment.name;
        let services: Vec<&Service> = query.manifest.services_in(name).collect();
        let names: Vec<ServiceName> = services
            .iter()
            .map(|service| service.name.clone())
            .collect();
        let ReadRecords {
            records,
            tip,
            is_writable,
        } = read_records(context, query.reader, query.environment, &names).await;
        if let Err(why) = &records {
            warn_without_records(context, why);
        }
        let ids = services.iter().filter_map(|service| {
            Some((service.name.clone(), hooks::id_of(context, service, name)?))
        });
        let repository = |service: &&Service| {
            Some((
                service.name.clone(),
                query.manifest.image(&service.image)?.repository.clone(),
            ))
        };
        let has_no_memory =
            context.request.recording == Recording::Off && context.clients.render.is_none();
        let mut state = Self {
            reader: query.reader,
            environment: query.environment.clone(),
            commit: query.commit,
            release: query.release.cloned(),
            repositories: services.iter().filter_map(repository).collect(),
            services: names,
            ids: ids.collect(),
            records,
            is_writable,
            is_kept: context.request.recording == Recording::On,
            tip,
            on_render: BTreeMap::new(),
            settled: Vec::new(),
            labels: BTreeMap::new(),
            event: has_no_memory.then(|| query.event.clone()),
            ancestry: RefCell::default(),
        };
        if let Some(render) = &context.clients.render {
            let unknown = state
                .services
                .iter()
                .filter(|service| !state.ids.contains_key(service));
            let unknown: Vec<&str> = unknown.map(|service| service.as_str()).collect();
            if !unknown.is_empty() {
                let names = unknown.join(", ");
                context.log.say(&format!("Render is not asked about {names}: neither an id in the manifest nor a hook says which service it is."));
            }
            state.on_render = serving::ask(context, render, &state.ids).await?;
            state.settle_open(render).await;
            state.labels = serving::labels(context, &state).await;
        }
        Ok(state)
    }

    /// Nothing: what goes by no record of an environment, and is written into none.
    pub(crate) fn of_nothing(
        environment: &Environment,
        commit: CommitSha,
        manifest: &Manifest,
    ) -> Self {
        let repository = |service: &Service| {
            Some((
                service.name.clone(),
                manifest.image(&service.image)?.repository.clone(),
            ))
        };
        Self {
            reader: Reader::Deploy,
            environment: environment.clone(),
            commit,
            release: None,
            services: Vec::new(),
            repositories: manifest.services.iter().filter_map(repository).collect(),
            ids: BTreeMap::new(),
            records: Ok(BTreeMap::new()),
            is_writable: false,
            is_kept: false,
            tip: Err("a preview follows no branch".into()),
            on_render: BTreeMap::new(),
            settled: Vec::new(),
            labels: BTreeMap::new(),
            event: None,
            ancestry: RefCell::default(),
        }
    }

    /// What each service needs, its order among others regarded.
    ///
    /// # Errors
    /// [`Failure::OrderUnknown`], where nobody pushed just now who may be believed to be newest.
    pub(crate) async fn demands(
        &self,
        context: &Context,
        manifest: &Manifest,
    ) -> Result<BTreeMap<ServiceName, Demand>, Failure> {
        let standings: Vec<(&ServiceName, Standing)> = self
            .services
            .iter()
            .map(|service| (service, self.standing(context, service)))
            .collect();
        let differences = self
            .differences(&context.clients.history, manifest, &standings)
            .await;
        let mut demands = BTreeMap::new();
        for (service, standing) in standings {
            let mut demand =
                Demand::from(need(&standing, |commit| differences.of(service, commit)));
            if demand.why.decision() == Decision::Deploy {
                let order = self
                    .order(&context.clients.history, service, &self.records, &self.tip)
                    .await;
                let order = match (&self.records, order) {
                    // Something newer may stand in it, unless this is the branch's tip.
                    (Err(why), Order::Current)
                        if self.is_kept && self.tip.as_ref() != Ok(&self.commit) =>
                    {
                        Order::Unknown(format!("the record of deploys is not known: {why}"))
                    }
                    (_, order) => order,
                };
                if let Ordered::Superseded(why) = self.judged(context, order)? {
                    demand.why = Why::Superseded(why);
                }
            }
            demands.insert(service.clone(), demand);
        }
        Ok(demands)
    }

    /// The environment.
    pub(crate) const fn environment(&self) -> &EnvironmentName {
        &self.environment.name
    }

    /// The commit being deployed.
    pub(crate) const fn commit(&self) -> CommitSha {
        self.commit
    }

    /// The release being deployed.
    pub(crate) const fn release(&self) -> Option<&Release> {
        self.release.as_ref()
    }

    /// A service's id on Render, where something says it.
    pub(crate) fn id(&self, service: &ServiceName) -> Option<&ServiceId> {
        self.ids.get(service)
    }

    /// What Render said of a service.
    pub(crate) fn on_render(&self, service: &ServiceName) -> &OnRender {
        self.on_render.get(service).unwrap_or(&OnRender::NoKey)
    }

    /// What a service serves, by Render's word or by our record.
    pub(crate) fn serving(&self, service: &ServiceName) -> Option<Serving> {
        serving(&self.records(service), self.on_render(service))
    }

    /// Whether there is a record to write to: one that could not be read just now is still written.
    pub(crate) const fn is_writable(&self) -> bool {
        self.is_writable
    }

    /// Whether the record could be read.
    pub(crate) const fn is_recorded(&self) -> bool {
        self.records.is_ok()
    }

    /// Everything that is recorded, of whatever id on Render and image repository; none where that cannot be read.
    pub(crate) fn all_records(&self) -> Option<&BTreeMap<ServiceName, Vec<Record>>> {
        self.records.as_ref().ok()
    }

    /// The records of a service that count, newest first.
    pub(crate) fn records(&self, service: &ServiceName) -> Vec<&Record> {
        self.of(&self.records, service).unwrap_or_default()
    }

    /// Records of ours that were open and of which Render says the end.
    pub(crate) fn settled(&self) -> &[(ServiceName, u64, RecordState)] {
        &self.settled
    }

    /// The commit whose bytes one of these digests is.
    pub(crate) fn commit_of(&self, service: &ServiceName, digests: &[Digest]) -> Option<CommitSha> {
        crate::decide::identify(&self.records(service), digests).or_else(|| self.labelled(digests))
    }

    /// As [`EnvironmentState::commit_of`], with what the record says by now.
    pub(crate) async fn commit_now(
        &self,
        context: &Context,
        service: &ServiceName,
        digests: &[Digest],
    ) -> Option<CommitSha> {
        let now = read_records(
            context,
            self.reader,
            &self.environment,
            std::slice::from_ref(service),
        )
        .await
        .records;
        let known = self
            .of(&now, service)
            .ok()
            .and_then(|records| crate::decide::identify(&records, digests));
        match known.or_else(|| self.commit_of(service, digests)) {
            Some(commit) => Some(commit),
            None => serving::label_of(context, self.repositories.get(service)?, digests).await,
        }
    }

    /// Finds out what became of the attempts of ours that nobody ended in the record, as far as Render shows it beyond doubt.
    async fn settle_open(&mut self, render: &RenderApi) {
        let Ok(records) = &mut self.records else {
            return;
        };
        for (service, id) in &self.ids {
            let of_service = records
                .get_mut(service)
                .map(Vec::as_mut_slice)
                .unwrap_or_default();
            let is_open = |record: &&mut Record| {
                record.is_own
                    && record.state == RecordState::Open
                    && record.intent.id.as_ref() == Some(id)
            };
            let mut open = of_service.iter_mut().filter(is_open).peekable();
            if open.peek().is_none() {
                continue;
            }
            let Ok(deploys) = render.newest(id).await else {
                continue;
            };
            for record in open {
                let digests = [
                    record.intent.image.digest.clone(),
                    record.intent.platform.clone(),
                ];
                if let Some(state) = ending(&digests, &deploys) {
                    (record.state, record.was_live) = (state, state == RecordState::Success);
                    self.settled.push((service.clone(), record.number, state));
                }
            }
        }
    }

    fn labelled(&self, digests: &[Digest]) -> Option<CommitSha> {
        digests
            .iter()
            .find_map(|digest| self.labels.get(digest).copied())
    }

    fn of<'r>(
        &self,
        records: &'r Records,
        service: &ServiceName,
    ) -> Result<Vec<&'r Record>, &'r str> {
        let records = records.as_ref().map_err(String::as_str)?;
        let of_service = records.get(service).map(Vec::as_slice).unwrap_or_default();
        let Some(repository) = self.repositories.get(service) else {
            return Ok(Vec::new());
        };
        Ok(counting(of_service, self.ids.get(service), repository).collect())
    }

    fn standing(&self, context: &Context, service: &ServiceName) -> Standing {
        if let Some(base) = &self.event {
            return Standing::of_event(base);
        }
        let records = self.of(&self.records, service);
        let records = records.as_deref().map_err(|why| *why);
        let mut standing = Standing::new(records, self.on_render(service), |digests| {
            self.labelled(digests)
        });
        if let Some(release) = &self.release {
            standing = standing.for_release(release.number(), &self.begun_in(&self.records));
        }
        if context.request.force.held && standing.hold.take().is_some() {
            context.log.say(&format!(
                "{service}: the rollback that holds it is set aside (force: held)."
            ));
        }
        standing
    }

    async fn differences(
        &self,
        history: &History,
        manifest: &Manifest,
        standings: &[(&ServiceName, Standing)],
    ) -> Differences {
        let commits = standings.iter().flat_map(|(_, standing)| {
            standing
                .commits
                .iter()
                .copied()
                .chain(standing.hold.iter().map(|hold| hold.from))
        });
        differences(history, manifest, self.commit, commits).await
    }

    /// The releases that were deployed or begun in the environment.
    fn begun_in(&self, records: &Records) -> Vec<Begun> {
        let When::Release { template, .. } = &self.environment.when else {
            return Vec::new();
        };
        let number = |tag: &ImageTag| match template.read(tag.as_str()) {
            Reading::Release(release) => Some(release.number()),
            Reading::Malformed | Reading::Foreign => None,
        };
        let of = |service| begun(&self.of(records, service).unwrap_or_default(), number);
        self.services.iter().flat_map(of).collect()
    }
}

/// What differs between a commit and each of several others.
pub(crate) async fn differences(
    history: &History,
    manifest: &Manifest,
    head: CommitSha,
    commits: impl Iterator<Item = CommitSha>,
) -> Differences {
    let mut differences = Differences::with(head);
    for commit in commits
        .filter(|commit| *commit != head)
        .collect::<BTreeSet<_>>()
    {
        differences.learn(
            manifest,
            commit,
            history.changes(&commit, &head, Movement::Forward).await,
        );
    }
    differences
}

/// Says what is then possible, in one line.
fn warn_without_records(context: &Context, why: &str) {
    let cost = match (context.request.recording, context.clients.render.is_some()) {
        (_, true) => "what Render serves is compared instead, and a rollback of ours does not hold",
        (Recording::Off, false) => {
            "only this event's own changes are deployed: what a run that failed or was cancelled left behind is lost"
        }
        (Recording::On, false) => "every service counts as changed",
    };
    context.warn(
        "Deploys are not remembered",
        &format!("the record of deploys is not used ({why}): {cost}"),
    );
}
