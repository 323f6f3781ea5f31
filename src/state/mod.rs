//! What is known of an environment before anything is decided: the records at GitHub, the branch's tip or the release tags, and what Render says.
//!
//! The rules are in [`decide::ledger`]; here is only what they ask for. What cannot be read is never "nothing".

mod facts;
mod lag;
mod look;
mod order;
mod past;
mod probes;
mod read;
mod records;
mod serving;
mod standing;

pub(crate) use facts::compared;
pub(crate) use lag::{Lag, Lags};
pub(crate) use look::Look;
pub(crate) use order::OrderVerdict;
use order::Ordered;
pub(crate) use probes::Confirmed;
pub(crate) use read::{KnownState, after_merge, read};
pub(crate) use records::records_of;
pub(crate) use standing::ServedNow;

use crate::context::Context;
use crate::failure::Failure;
use crate::resolve::hooks;
use decide::ledger::{
    AttemptOnRender, Comparisons, DeployRecords, Identity, Need, OnRender, PushBase, ServingState,
    begun, identify, need, shown,
};
use decide::{Base, ServiceNeed, Serving, StartedRelease, Why, serving};
use facts::CommitFacts;
use github::Depth;
use model::{
    CommitSha, Decision, Digest, Environment, EnvironmentName, Manifest, Probe, ProbeAddress,
    Record, RecordState, Release, Repository, Service, ServiceId, ServiceIndex, ServiceKey,
    ServiceName, TagTemplate, When,
};
use parse::inputs::Recording;
use render::RenderApi;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What the state of an environment is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatePurpose {
    /// Nothing is deployed by it.
    Plan,
    /// What merging a pull request would deploy: a commit that is on no branch yet, so nothing orders it.
    Merge,
    Deploy,
    /// Has to see what is behind what serves.
    Rollback,
}

impl StatePurpose {
    const fn depth(self) -> Depth {
        match self {
            Self::Plan | Self::Merge | Self::Deploy => Depth::Success,
            Self::Rollback => Depth::Before,
        }
    }
}

/// What is known of an environment.
pub(crate) struct EnvironmentState {
    reader: StatePurpose,
    environment: Environment,
    commit: CommitSha,
    release: Option<Release>,
    default_branch: String,
    services: Vec<ServiceName>,
    repositories: BTreeMap<ServiceName, Repository>,
    /// How the tags of commits are written, by which a label is checked.
    commit_tag: TagTemplate,
    /// Services with paths of their own beside their image's: what an image was built from does not say what was deployed.
    with_own_paths: BTreeSet<ServiceName>,
    ids: BTreeMap<ServiceName, ServiceId>,
    /// What there was when the run began.
    first: Look,
    /// Whether deploys are to be recorded at all.
    is_kept: bool,
    on_render: BTreeMap<ServiceName, OnRender>,
    /// Attempts of ours that the records do not say the end of, and Render does.
    settled: Vec<(ServiceName, AttemptOnRender)>,
    /// The probes of services in this environment, unless `wait` says that none is asked.
    probed: BTreeMap<ServiceName, (Probe, ProbeAddress)>,
    /// Open attempts of ours that the services themselves have confirmed.
    confirmed: Vec<Confirmed>,
    /// The commits that images say they were built from, where the record does not know their digests.
    labels: BTreeMap<Digest, CommitSha>,
    /// What stands in for the record where there is none and no key: what the event says was there.
    event: Option<Base>,
    /// The commit before the push, where the run is one of a push to the branch.
    before: Option<PushBase>,
    known: RefCell<CommitFacts>,
}

/// What a state is about.
pub(crate) struct StateQuery<'a> {
    pub(crate) reader: StatePurpose,
    pub(crate) manifest: &'a Manifest,
    pub(crate) environment: &'a Environment,
    pub(crate) commit: CommitSha,
    pub(crate) release: Option<&'a Release>,
    /// What the event says was there before.
    pub(crate) event: Base,
    /// The commit that the branch was on before the push of this run.
    pub(crate) before: Option<CommitSha>,
    pub(crate) default_branch: &'a str,
}

impl EnvironmentState {
    /// Reads what there is to read.
    ///
    /// # Errors
    /// [`Failure::Render`]: the API key is of no use. Everything else that cannot be read is kept as unknown, and said.
    pub(crate) async fn read(context: &Context, query: &StateQuery<'_>) -> Result<Self, Failure> {
        let name = &query.environment.name;
        let services: Vec<&Service> = query.manifest.services_in(name).collect();
        let mut state = Self::unread(context, query, &services);
        let no_names = ServiceIndex::default();
        let first = Look::at(
            context,
            query.environment,
            query.release,
            &state.services,
            &state.ids,
            &no_names,
            query.reader.depth(),
        );
        state.first = first.await;
        if let Err(why) = &state.first.records {
            warn_without_records(context, why);
        }
        if let Some(render) = &context.clients.render {
            state.say_what_is_not_asked(context);
            state.on_render = serving::ask(context, render, &state.ids).await?;
            state.settle_open(render).await;
            state.labels = serving::labels(context, &state).await;
        } else if query.reader == StatePurpose::Deploy {
            state.confirm_open(context).await;
        }
        Ok(state)
    }

    fn unread(context: &Context, query: &StateQuery<'_>, services: &[&Service]) -> Self {
        let name = &query.environment.name;
        let has_no_memory =
            context.request.recording == Recording::Off && context.clients.render.is_none();
        let run = context.env.run.map(|(id, _)| id);
        let (mut repositories, mut ids, mut with_own_paths) =
            (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for service in services {
            if let Some(image) = query.manifest.image(&service.image) {
                repositories.insert(service.name.clone(), image.repository.clone());
            }
            if let Some(id) = hooks::id_of(context, service, name) {
                ids.insert(service.name.clone(), id);
            }
            if service.paths.iter().next().is_some() {
                with_own_paths.insert(service.name.clone());
            }
        }
        let path = &context.request.manifest.path;
        Self {
            reader: query.reader,
            environment: query.environment.clone(),
            commit: query.commit,
            release: query.release.cloned(),
            default_branch: query.default_branch.to_owned(),
            services: services
                .iter()
                .map(|service| service.name.clone())
                .collect(),
            repositories,
            commit_tag: query.manifest.tags.commit.clone(),
            with_own_paths,
            ids,
            first: Look::of_nothing(),
            is_kept: context.request.recording == Recording::On,
            on_render: BTreeMap::new(),
            settled: Vec::new(),
            probed: probes::of(context, services, name),
            confirmed: Vec::new(),
            labels: BTreeMap::new(),
            event: has_no_memory.then(|| query.event.clone()),
            before: query.before.map(|commit| PushBase { commit, run }),
            known: RefCell::new(CommitFacts::new(Comparisons::new(
                path,
                query.commit,
                query.manifest,
            ))),
        }
    }

    /// Nothing: what goes by no record of an environment, and is written into none.
    pub(crate) fn of_nothing(
        context: &Context,
        environment: &Environment,
        commit: CommitSha,
        manifest: &Manifest,
    ) -> Self {
        let query = StateQuery {
            reader: StatePurpose::Deploy,
            manifest,
            environment,
            commit,
            release: None,
            event: Base::None("a preview is compared with nothing".into()),
            before: None,
            default_branch: "",
        };
        let services: Vec<&Service> = manifest.services.iter().collect();
        let mut nothing = Self::unread(context, &query, &services);
        (nothing.services, nothing.is_kept, nothing.event) = (Vec::new(), false, None);
        nothing.ids.clear();
        nothing
    }

    fn say_what_is_not_asked(&self, context: &Context) {
        let unknown = self
            .services
            .iter()
            .filter(|service| !self.ids.contains_key(service));
        let unknown: Vec<&str> = unknown.map(|service| service.as_str()).collect();
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            context.log.say(&format!("Render is not asked about {names}: neither an id in the manifest nor a hook says which service it is."));
        }
    }

    /// What each service needs, its order among others regarded.
    ///
    /// # Errors
    /// [`Failure::OrderUnknown`].
    pub(crate) async fn demands(
        &self,
        context: &Context,
    ) -> Result<BTreeMap<ServiceName, ServiceNeed>, Failure> {
        let mut demands = BTreeMap::new();
        for service in &self.services {
            let mut state = self.serving_state(&self.first, service, self.on_render(service));
            if context.request.force.held && state.hold.take().is_some() {
                let text = "the rollback that holds it is set aside (force: held).";
                context.log.say(&format!("{service}: {text}"));
            }
            let mut demand = ServiceNeed::from(self.need(context, service, &state).await);
            if self.reader != StatePurpose::Merge && demand.why.decision() == Decision::Deploy {
                let order = self.order(context, &self.first, service, &state).await;
                if let Ordered::Superseded(why) = self.judged(context, order)? {
                    demand.why = Why::Superseded(why);
                }
            }
            demands.insert(service.clone(), demand);
        }
        Ok(demands)
    }

    async fn need(&self, context: &Context, service: &ServiceName, state: &ServingState) -> Need {
        let identity = self.identity(service);
        self.decide(context, &self.first, &identity, |facts| {
            need(state, |commit| facts.equality(commit, &self.commit))
        })
        .await
    }

    /// What serves of a service or may come to, by one look and by Render's word.
    pub(super) fn serving_state(
        &self,
        look: &Look,
        service: &ServiceName,
        on_render: &OnRender,
    ) -> ServingState {
        if let Some(base) = &self.event {
            return ServingState::of_event(base);
        }
        let found = look.records.as_ref().map_err(String::as_str);
        let records: Vec<&Record> = look.counting(service).iter().collect();
        let known = found.map(|seen| DeployRecords {
            records: &records,
            is_cut_off: seen
                .counting
                .get(service)
                .is_some_and(|found| found.is_cut_off),
        });
        let state = ServingState::new(known, on_render, self.before, |digests| {
            self.labelled(service, digests)
        });
        let state = if self.probed.contains_key(service) {
            state.for_probed(&records, on_render)
        } else {
            state
        };
        match &self.release {
            Some(release) => state.for_release(release.number(), &self.begun_in(look)),
            None => state,
        }
    }

    /// How a service is recognized in the manifests of other commits.
    pub(super) fn identity(&self, service: &ServiceName) -> Identity {
        let id = self.id_by_record(service);
        let index = self.index();
        let mut names: BTreeSet<ServiceKey> =
            id.iter().flat_map(|id| index.names(id)).cloned().collect();
        names.insert(ServiceKey::new(&self.environment.name, service));
        Identity { id, names }
    }

    /// The id that the manifest or a hook says, else that of the newest record of our own.
    fn id_by_record(&self, service: &ServiceName) -> Option<ServiceId> {
        let of_record = || {
            let newest = self.first.counting(service).first()?;
            newest.intent.id.clone()
        };
        self.ids.get(service).cloned().or_else(of_record)
    }

    /// The names that services have had.
    pub(crate) fn index(&self) -> ServiceIndex {
        match &self.first.records {
            Ok(seen) => seen.index.clone(),
            Err(_) => ServiceIndex::default(),
        }
    }

    /// Whether the environment follows this branch.
    pub(super) fn follows(&self, branch: &str) -> bool {
        matches!(&self.environment.when, When::Branch(own) if own == branch)
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
        self.first.is_writable
    }

    /// Whether the record could be read.
    pub(crate) const fn is_recorded(&self) -> bool {
        self.first.records.is_ok()
    }

    /// Everything that is recorded under the present names, of whatever id on Render and image repository; none where that cannot be read.
    pub(crate) fn all_records(&self) -> Option<&BTreeMap<ServiceName, Vec<Record>>> {
        self.first.records.as_ref().ok().map(|seen| &seen.named)
    }

    /// The records of a service that count, newest first.
    pub(crate) fn records(&self, service: &ServiceName) -> Vec<&Record> {
        self.first.counting(service).iter().collect()
    }

    /// What there was when the run began.
    pub(crate) const fn first(&self) -> &Look {
        &self.first
    }

    /// Attempts of ours that the records do not say the end of, and Render does.
    pub(crate) fn settled(&self) -> &[(ServiceName, AttemptOnRender)] {
        &self.settled
    }

    /// The commit whose bytes one of these digests is.
    pub(crate) fn commit_of(&self, service: &ServiceName, digests: &[Digest]) -> Option<CommitSha> {
        identify(&self.records(service), digests).or_else(|| self.labelled(service, digests))
    }

    /// As [`EnvironmentState::commit_of`], with what the record says by now.
    pub(crate) async fn commit_now(
        &self,
        context: &Context,
        service: &ServiceName,
        digests: &[Digest],
    ) -> Option<CommitSha> {
        let now = self
            .look_again(context, std::slice::from_ref(service))
            .await;
        let records: Vec<&Record> = now.counting(service).iter().collect();
        let known = identify(&records, digests);
        match known.or_else(|| self.commit_of(service, digests)) {
            Some(commit) => Some(commit),
            None => serving::label_of(context, self, service, digests).await,
        }
    }

    /// Finds out what became of the attempts of ours that the records do not say the end of, as far as Render shows it beyond doubt.
    async fn settle_open(&mut self, render: &RenderApi) {
        let Ok(seen) = &mut self.first.records else {
            return;
        };
        for (service, id) in &self.ids {
            let Some(found) = seen.counting.get_mut(service) else {
                continue;
            };
            let has_open = found
                .records
                .iter()
                .any(|record| record.is_own && decide::ledger::may_still_come(record));
            if !has_open {
                continue;
            }
            let Ok(deploys) = render.newest(id).await else {
                continue;
            };
            let records: Vec<&Record> = found.records.iter().collect();
            for ended in shown(&records, &deploys) {
                let record = found
                    .records
                    .iter_mut()
                    .find(|record| record.number == ended.number);
                // What Render shows as live is not the end of it where the service itself is asked.
                let is_asked =
                    ended.state == RecordState::Success && self.probed.contains_key(service);
                if let Some(record) = record {
                    if is_asked && record.state == RecordState::Open {
                        record.deploy = Some(ended.deploy.clone());
                        continue;
                    }
                    record.state = ended.state;
                    record.was_live = ended.state == RecordState::Success;
                    record.deploy = Some(ended.deploy.clone());
                }
                self.settled.push((service.clone(), ended));
            }
        }
    }

    /// The commit that an image says it was built from. Where a service has paths of its own, that is not what was deployed.
    fn labelled(&self, service: &ServiceName, digests: &[Digest]) -> Option<CommitSha> {
        if self.with_own_paths.contains(service) {
            return None;
        }
        digests
            .iter()
            .find_map(|digest| self.labels.get(digest).copied())
    }

    /// The releases that were deployed or begun in the environment, by what there was first and by a look.
    pub(super) fn begun_in(&self, look: &Look) -> Vec<StartedRelease> {
        let mut all = Vec::new();
        for service in &self.services {
            let now = look.counting(service);
            let records = if now.is_empty() {
                self.first.counting(service)
            } else {
                now
            };
            let records: Vec<&Record> = records.iter().collect();
            all.extend(begun(&records, |tag| self.number_of(tag)));
        }
        all
    }
}

/// Says what is then possible, in one line.
fn warn_without_records(context: &Context, why: &str) {
    let cost = match (context.request.recording, context.clients.render.is_some()) {
        (_, true) => "what Render serves is compared instead, and a rollback of ours does not hold",
        (Recording::Off, false) => {
            "only the changes of this event are deployed: changes that a failed or cancelled run did not deploy are not"
        }
        (Recording::On, false) => "every service counts as changed",
    };
    context.warn(
        "The deploy history is not used",
        &format!("the deploy history is not used ({why}): {cost}"),
    );
}
