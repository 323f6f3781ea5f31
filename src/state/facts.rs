//! What the rules of order and equality ask, found out as far as they ask it. What is known of commits stays true and is asked for once;
//! where branches and tags are is asked for each time.

use super::EnvironmentState;
use super::look::Look;
use crate::context::Context;
use crate::history::{Ancestry, Movement};
use crate::resolve::{commit_manifest, on_from_branch};
use decide::Equality;
use decide::ledger::order::ReleaseFacts;
use decide::ledger::{
    CommitManifest, Comparisons, FactResult, Facts, Identity, Missing, Unanswered,
};
use model::{CommitSha, ImageTag, Record, ReleaseNumber, TagReading, When};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// How many manifests of other commits are read in a run. Two or three are usual; an old release may have twenty newer ones.
const MOST_MANIFESTS: usize = 100;
/// How many rounds of questions a decision may take: each answers all that the one before found missing.
const MOST_ROUNDS: usize = 100;

/// What is known of commits.
pub(super) struct CommitFacts {
    ancestry: BTreeMap<(CommitSha, CommitSha), bool>,
    comparisons: Comparisons,
    between: BTreeMap<(CommitSha, CommitSha), Vec<CommitSha>>,
    /// The commits of annotated tags.
    peeled: BTreeMap<CommitSha, CommitSha>,
}

impl CommitFacts {
    pub(super) const fn new(comparisons: Comparisons) -> Self {
        Self {
            ancestry: BTreeMap::new(),
            comparisons,
            between: BTreeMap::new(),
            peeled: BTreeMap::new(),
        }
    }
}

/// What was found out for one decision, and stays true for no other.
#[derive(Default)]
struct DecisionFacts {
    branches: BTreeMap<String, Option<CommitSha>>,
    /// Whether a commit is on a branch from which releases are made.
    on_release_branch: BTreeMap<CommitSha, bool>,
    /// Why a question has no answer.
    failed: BTreeMap<Missing, String>,
}

/// The facts about one service.
struct LedgerFacts<'a> {
    state: &'a EnvironmentState,
    look: &'a Look,
    identity: &'a Identity,
    known: &'a CommitFacts,
    found: &'a DecisionFacts,
    missing: RefCell<BTreeSet<Missing>>,
}

impl EnvironmentState {
    /// Decides, asking for facts as far as the decision turns on them: most turn on few.
    pub(super) async fn decide<T>(
        &self,
        context: &Context,
        look: &Look,
        identity: &Identity,
        decide: impl Fn(&dyn ReleaseFacts) -> T,
    ) -> T {
        let mut found = DecisionFacts::default();
        let mut rounds = 0;
        loop {
            rounds += 1;
            let (decision, missing) = {
                let known = self.known.borrow();
                let facts = LedgerFacts {
                    state: self,
                    look,
                    identity,
                    known: &known,
                    found: &found,
                    missing: RefCell::default(),
                };
                let decision = decide(&facts);
                (decision, facts.missing.into_inner())
            };
            if missing.is_empty() || rounds == MOST_ROUNDS {
                return decision;
            }
            for question in missing {
                if let Err(why) = self.ask(context, look, &question, &mut found).await {
                    found.failed.insert(question, why);
                }
            }
        }
    }

    /// Answers a question.
    async fn ask(
        &self,
        context: &Context,
        look: &Look,
        question: &Missing,
        found: &mut DecisionFacts,
    ) -> Result<(), String> {
        let history = &context.clients.history;
        match question {
            Missing::Ancestry(ancestor, descendant) => {
                let known = match history.is_ancestor(ancestor, descendant).await {
                    Ancestry::Yes => true,
                    Ancestry::No => false,
                    Ancestry::Unknown(why) => return Err(why),
                };
                let pair = (*ancestor, *descendant);
                self.known.borrow_mut().ancestry.insert(pair, known);
            }
            Missing::Manifest(commit) => {
                let count = self.known.borrow().comparisons.manifests();
                let manifest = if count > MOST_MANIFESTS {
                    let why = format!("more than {MOST_MANIFESTS} manifests");
                    CommitManifest::Unknown(why)
                } else {
                    commit_manifest(context, commit, &self.default_branch).await
                };
                let mut known = self.known.borrow_mut();
                known.comparisons.learn_manifest(*commit, manifest);
            }
            Missing::Changes(one, other) => {
                let changes = history.changes(one, other, Movement::Forward).await;
                let mut known = self.known.borrow_mut();
                known.comparisons.learn_changes(*one, *other, changes);
            }
            Missing::Between(head, tip) => {
                let commits = history.commits_after(head, tip).await?;
                let pair = (*head, *tip);
                self.known.borrow_mut().between.insert(pair, commits);
            }
            Missing::Branch(branch) => {
                let tip = history
                    .tip(branch)
                    .await
                    .map_err(|error| error.to_string())?;
                found.branches.insert(branch.clone(), tip);
            }
            Missing::Tag(number) => {
                let Some(object) = look.tag_object(*number) else {
                    return Err(format!("there is no tag of release {number}"));
                };
                let commit = history
                    .peel(&object)
                    .await
                    .map_err(|error| error.to_string())?
                    .ok_or_else(|| format!("the tag of release {number} is on no commit"))?;
                self.known.borrow_mut().peeled.insert(object, commit);
            }
            Missing::OnReleaseBranch(commit) => {
                let (environment, branch) = (&self.environment, &self.default_branch);
                let known = match on_from_branch(context, environment, commit, branch).await {
                    Ancestry::Yes => true,
                    Ancestry::No => false,
                    Ancestry::Unknown(why) => return Err(why),
                };
                found.on_release_branch.insert(*commit, known);
            }
        }
        Ok(())
    }

    /// The number of a release's tag in this environment.
    pub(super) fn number_of(&self, tag: &ImageTag) -> Option<ReleaseNumber> {
        let When::Release { template, .. } = &self.environment.when else {
            return None;
        };
        match template.read(tag.as_str()) {
            TagReading::Release(release) => Some(release.number()),
            TagReading::Malformed | TagReading::Foreign => None,
        }
    }
}

/// How a commit compares with others on a service, where nothing else of an environment is known.
pub(crate) async fn compared(
    context: &Context,
    comparisons: &mut Comparisons,
    head: &CommitSha,
    other: &CommitSha,
    identity: &Identity,
) -> Equality {
    for _ in 0..MOST_ROUNDS {
        match comparisons.compare(other, head, identity) {
            Ok(equality) => return equality,
            Err(Missing::Manifest(commit)) => {
                // The branch matters only where there is no manifest, and then no environment requires another.
                let manifest = commit_manifest(context, &commit, "").await;
                comparisons.learn_manifest(commit, manifest);
            }
            Err(Missing::Changes(one, other)) => {
                let changes = context
                    .clients
                    .history
                    .changes(&one, &other, Movement::Forward)
                    .await;
                comparisons.learn_changes(one, other, changes);
            }
            Err(_) => break,
        }
    }
    Equality::Unknown("it was not compared".into())
}

impl LedgerFacts<'_> {
    /// Why there is no answer yet: it was asked in vain, or has to be asked.
    fn unanswered(&self, question: Missing) -> String {
        if let Some(why) = self.found.failed.get(&question) {
            return why.clone();
        }
        self.missing.borrow_mut().insert(question);
        "not asked yet".to_owned()
    }
}

impl Facts for LedgerFacts<'_> {
    fn reaches(&self, ancestor: &CommitSha, descendant: &CommitSha) -> FactResult<bool> {
        if ancestor == descendant {
            return Ok(true);
        }
        match self.known.ancestry.get(&(*ancestor, *descendant)) {
            Some(known) => Ok(*known),
            None => Err(self.unanswered(Missing::Ancestry(*ancestor, *descendant))),
        }
    }

    fn equality(&self, one: &CommitSha, other: &CommitSha) -> Equality {
        match self.known.comparisons.compare(one, other, self.identity) {
            Ok(equality) => equality,
            Err(missing) => Equality::Unknown(self.unanswered(missing)),
        }
    }

    fn newer(&self, head: &CommitSha, tip: &CommitSha) -> FactResult<Vec<CommitSha>> {
        match self.known.between.get(&(*head, *tip)) {
            Some(commits) => Ok(commits.clone()),
            None => Err(self.unanswered(Missing::Between(*head, *tip))),
        }
    }

    fn has_service(&self, commit: &CommitSha) -> FactResult<bool> {
        match self.known.comparisons.has(commit, self.identity) {
            Ok(has) => Ok(has),
            Err(Unanswered::Unknown(why)) => Err(why),
            Err(Unanswered::Missing(missing)) => Err(self.unanswered(missing)),
        }
    }

    fn tip_of(&self, record: &Record) -> FactResult<Option<CommitSha>> {
        // The environment may have had another branch then, or be gone now: the manifest of that commit says it.
        let commit = &record.intent.commit;
        let manifest = match self.known.comparisons.manifest_of(commit) {
            Some(CommitManifest::Known(manifest)) => manifest,
            Some(CommitManifest::Unusable) => return Ok(None),
            Some(CommitManifest::Unknown(why)) => return Err(why.clone()),
            None => return Err(self.unanswered(Missing::Manifest(*commit))),
        };
        let environment = manifest.environment(&record.environment);
        let branch = match environment.map(|environment| &environment.when) {
            Some(When::Branch(branch)) => branch,
            Some(When::Release { .. }) | None => return Ok(None),
        };
        if self.state.follows(branch) {
            return Ok(None);
        }
        match self.found.branches.get(branch) {
            Some(tip) => Ok(*tip),
            None => Err(self.unanswered(Missing::Branch(branch.clone()))),
        }
    }
}

impl ReleaseFacts for LedgerFacts<'_> {
    fn tag(&self, number: ReleaseNumber) -> FactResult<Option<CommitSha>> {
        let Some(object) = self.look.tag_object(number) else {
            return Ok(None);
        };
        match self.known.peeled.get(&object) {
            Some(commit) => Ok(Some(*commit)),
            None => Err(self.unanswered(Missing::Tag(number))),
        }
    }

    fn is_on_release_branch(&self, commit: &CommitSha) -> FactResult<bool> {
        match self.found.on_release_branch.get(commit) {
            Some(known) => Ok(*known),
            None => Err(self.unanswered(Missing::OnReleaseBranch(*commit))),
        }
    }

    fn number(&self, record: &Record) -> Option<ReleaseNumber> {
        self.state.number_of(record.intent.release.as_ref()?)
    }
}
