//! Whether something newer was deployed: asked of git, the records and what serves, before the plan and again before every call.

use super::{EnvironmentState, Look, StatePurpose};
use crate::context::Context;
use crate::failure::{Failure, ReleaseRefusal};
use decide::ledger::order::{ReleaseFacts, going_back, in_branch, in_release, moved};
use decide::ledger::{OnRender, Order, OrderQuestion, ServingState};
use model::{CommitSha, Record, Release, ServiceName};

/// What order comes to.
pub(crate) enum Ordered {
    /// Nothing newer is there, or nobody minds.
    Current,
    /// This is newer.
    Superseded(String),
}

/// What a look right before a call comes to.
pub(crate) enum OrderVerdict {
    /// The call may be made.
    Go,
    /// This is newer.
    Superseded(String),
    /// A rollback from this commit holds the service by now.
    Held(CommitSha),
}

impl EnvironmentState {
    /// Whether a call may be made, by a look and by what Render shows.
    ///
    /// # Errors
    /// As [`EnvironmentState::demands`].
    pub(crate) async fn verdict(
        &self,
        context: &Context,
        look: &Look,
        service: &ServiceName,
        on_render: &OnRender,
    ) -> Result<OrderVerdict, Failure> {
        let state = self.serving_state(look, service, on_render);
        if let Some(hold) = state.hold.as_ref().filter(|_| !context.request.force.held) {
            let identity = self.identity(service);
            let is_held = self
                .decide(context, look, &identity, |facts| {
                    hold.holds(|commit| facts.equality(commit, &self.commit))
                })
                .await;
            if is_held {
                return Ok(OrderVerdict::Held(hold.from));
            }
        }
        let order = self.order(context, look, service, &state).await;
        Ok(match self.judged(context, order)? {
            Ordered::Current => OrderVerdict::Go,
            Ordered::Superseded(why) => OrderVerdict::Superseded(why),
        })
    }

    /// Refuses a release that was deployed from another commit, or that goes back.
    ///
    /// # Errors
    /// A release that was moved or that goes back, or of which neither is known.
    pub(crate) async fn check_release(&self, context: &Context) -> Result<(), Failure> {
        let (Some(release), true) = (&self.release, self.is_recorded()) else {
            return Ok(());
        };
        let begun = self.begun_in(&self.first);
        if let Some(commit) = moved(release.number(), &self.commit, &begun) {
            return Err(Failure::Release(ReleaseRefusal::MovedFrom(commit)));
        }
        if context.request.force.older || self.first.tags.is_err() {
            return Ok(());
        }
        let Some(service) = self.services.first() else {
            return Ok(());
        };
        let identity = self.identity(service);
        let answer = self
            .decide(context, &self.first, &identity, |facts| {
                going_back(release.number(), &self.commit, &begun, facts)
            })
            .await;
        match answer {
            Ok(None) => Ok(()),
            Ok(Some(commit)) => Err(Failure::GoingBack(commit)),
            Err(why) => self.judged(context, Order::Unknown(why)).map(|_| ()),
        }
    }

    /// Whether the release was deployed or begun here, by our own record: then the branch that it was made on may be gone.
    pub(crate) fn was_begun(&self, release: &Release) -> bool {
        self.begun_in(&self.first)
            .iter()
            .any(|begun| begun.number == release.number() && begun.commit == self.commit)
    }

    pub(super) async fn order(
        &self,
        context: &Context,
        look: &Look,
        service: &ServiceName,
        state: &ServingState,
    ) -> Order {
        let identity = self.identity(service);
        let records: Vec<&Record> = look.counting(service).iter().collect();
        let asked = OrderQuestion {
            head: self.commit,
            records: match &look.records {
                Ok(_) => Ok(&records),
                Err(why) => Err(why),
            },
            serving: state,
        };
        let Some(release) = &self.release else {
            return self
                .decide(context, look, &identity, |facts| {
                    in_branch(&asked, &look.tip, facts_of(facts))
                })
                .await;
        };
        let (tags, begun) = (look.numbers(), self.begun_in(look));
        self.decide(context, look, &identity, |facts| {
            in_release(&asked, release.number(), &tags, &begun, facts)
        })
        .await
    }

    /// Whether something that took our place is not older than we are: it carries our commit or a later one, or what the branch is on now.
    pub(crate) async fn is_not_older(&self, context: &Context, other: &CommitSha) -> bool {
        if self.first.tip.commit() == Some(*other) {
            return true;
        }
        let Some(service) = self.services.first() else {
            return false;
        };
        let identity = self.identity(service);
        let reaches = self
            .decide(context, &self.first, &identity, |facts| {
                facts.reaches(&self.commit, other)
            })
            .await;
        reaches == Ok(true)
    }

    /// Makes of an order what it means, `force: older` regarded.
    pub(super) fn judged(&self, context: &Context, order: Order) -> Result<Ordered, Failure> {
        let is_set_aside = context.request.force.older;
        match order {
            Order::Current => Ok(Ordered::Current),
            Order::Superseded(why) if is_set_aside => {
                context
                    .log
                    .say(&format!("Deployed although {why} (force: older)."));
                Ok(Ordered::Current)
            }
            Order::Superseded(why) => Ok(Ordered::Superseded(why)),
            Order::Unknown(why) => self.unknown_order(context, &why),
        }
    }

    /// Where the order cannot be asked, nothing is deployed: any run may be a late one. A plan does nothing that could be too old.
    fn unknown_order(&self, context: &Context, why: &str) -> Result<Ordered, Failure> {
        let taken = match (self.reader, context.request.force.older) {
            (StatePurpose::Plan | StatePurpose::Merge, _) => {
                "the plan assumes that nothing newer was deployed"
            }
            (StatePurpose::Deploy | StatePurpose::Rollback, true) => {
                "it is deployed anyway (force: older)"
            }
            (StatePurpose::Deploy | StatePurpose::Rollback, false) => {
                return Err(Failure::OrderUnknown(format!(
                    "whether something newer was deployed is not known: {why}"
                )));
            }
        };
        let text = format!("whether something newer was deployed is not known ({why}); {taken}");
        context.warn_once("Order is not known", &text);
        Ok(Ordered::Current)
    }
}

/// The facts about a branch.
fn facts_of(facts: &dyn ReleaseFacts) -> &dyn decide::ledger::Facts {
    facts
}
