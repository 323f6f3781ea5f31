//! Whether something newer was deployed: asked of git and the record, before the plan and again right before every hook.

use super::records::{ReadRecords, read_records};
use super::{EnvironmentState, Reader, Records};
use crate::context::Context;
use crate::decide::{Order, order_in_branch, order_of_release};
use crate::domain::{CommitSha, ServiceName, Trigger, When};
use crate::failure::{Failure, ReleaseRefusal};
use crate::history::{Ancestry, History};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What is known of who is whose ancestor. What is known once stays true.
pub(super) type Known = BTreeMap<(CommitSha, CommitSha), bool>;

/// What order comes to.
pub(crate) enum Ordered {
    /// Nothing newer is there, or nobody minds.
    Current,
    /// This is newer.
    Superseded(String),
}

impl EnvironmentState {
    /// Asks again: the record and the branch may have moved since the plan was made. An intent of ours stands in the record by now,
    /// so of two runs at once at least the older one sees the other.
    ///
    /// # Errors
    /// As [`EnvironmentState::demands`].
    pub(crate) async fn order_now(
        &self,
        context: &Context,
        service: &ServiceName,
    ) -> Result<Ordered, Failure> {
        let asked = match &self.environment.when {
            When::Branch(_) => std::slice::from_ref(service),
            When::Release { .. } => self.services.as_slice(),
        };
        let ReadRecords { records, tip, .. } =
            read_records(context, self.reader, &self.environment, asked).await;
        // Who could not read the record at first has said so, and goes by git.
        let records = if self.records.is_ok() {
            records
        } else {
            Ok(BTreeMap::new())
        };
        let order = match (&records, &self.environment.when) {
            (Err(why), _) => Order::Unknown(format!("the record of deploys is not known: {why}")),
            (Ok(_), _) => {
                self.order(&context.clients.history, service, &records, &tip)
                    .await
            }
        };
        self.judged(context, order)
    }

    /// The order of the run as a whole, where releases have numbers.
    ///
    /// # Errors
    /// A release that was moved or that goes back.
    pub(crate) async fn order_of_run(&self, context: &Context) -> Result<Ordered, Failure> {
        let (Some(release), Ok(_)) = (&self.release, &self.records) else {
            return Ok(Ordered::Current);
        };
        let begun = self.begun_in(&self.records);
        let decide = |reaches: &Reaches<'_>| {
            order_of_release(release.number(), &self.commit, &begun, reaches)
        };
        let order = self.settle(&context.clients.history, decide).await;
        self.judged(context, order)
    }

    pub(super) async fn order(
        &self,
        history: &History,
        service: &ServiceName,
        records: &Records,
        tip: &Result<CommitSha, String>,
    ) -> Order {
        if let Some(release) = &self.release {
            let begun = self.begun_in(records);
            let decide = |reaches: &Reaches<'_>| {
                order_of_release(release.number(), &self.commit, &begun, reaches)
            };
            return self.settle(history, decide).await;
        }
        let of_service = self.of(records, service).unwrap_or_default();
        let tip = tip.as_ref().map_err(String::as_str);
        self.settle(history, |reaches| {
            order_in_branch(&self.commit, tip, &of_service, reaches)
        })
        .await
    }

    /// Whether something that took our place is not older than we are: it carries our commit or a later one, or what the branch is on now.
    pub(crate) async fn is_not_older(&self, history: &History, other: &CommitSha) -> bool {
        if self.tip.as_ref() == Ok(other) {
            return true;
        }
        let asked = |reaches: &Reaches<'_>| match reaches(&self.commit, other) {
            Ok(true) => Order::Current,
            Ok(false) => Order::GoingBack(*other),
            Err(why) => Order::Unknown(why),
        };
        self.settle(history, asked).await == Order::Current
    }

    /// Decides, asking for ancestry as far as the decision turns on it: most turn on none.
    async fn settle(&self, history: &History, decide: impl Fn(&Reaches<'_>) -> Order) -> Order {
        let mut failed: BTreeMap<(CommitSha, CommitSha), String> = BTreeMap::new();
        loop {
            let missing = RefCell::new(Vec::new());
            let reaches = |ancestor: &CommitSha, descendant: &CommitSha| {
                let pair = (*ancestor, *descendant);
                if ancestor == descendant {
                    return Ok(true);
                }
                if let Some(known) = self.ancestry.borrow().get(&pair) {
                    return Ok(*known);
                }
                if let Some(why) = failed.get(&pair) {
                    return Err(why.clone());
                }
                missing.borrow_mut().push(pair);
                Err("not asked yet".to_owned())
            };
            let order = decide(&reaches);
            let missing = missing.into_inner();
            if missing.is_empty() {
                return order;
            }
            for (ancestor, descendant) in missing {
                let known = match history.is_ancestor(&ancestor, &descendant).await {
                    Ancestry::Yes => true,
                    Ancestry::No => false,
                    Ancestry::Unknown(why) => {
                        failed.insert((ancestor, descendant), why);
                        continue;
                    }
                };
                self.ancestry
                    .borrow_mut()
                    .insert((ancestor, descendant), known);
            }
        }
    }

    /// Makes of an order what it means, `force: older` regarded.
    pub(super) fn judged(&self, context: &Context, order: Order) -> Result<Ordered, Failure> {
        let is_set_aside = context.request.force.older;
        match order {
            Order::Moved(commit) => Err(Failure::Release(ReleaseRefusal::MovedFrom(commit))),
            Order::Superseded(why) if is_set_aside => {
                context
                    .log
                    .say(&format!("Deployed although {why} (force: older)."));
                Ok(Ordered::Current)
            }
            Order::GoingBack(_) if is_set_aside => Ok(Ordered::Current),
            Order::GoingBack(commit) => Err(Failure::GoingBack(commit)),
            Order::Superseded(why) => Ok(Ordered::Superseded(why)),
            Order::Unknown(why) => self.go_on_unasked(context, &why).map(|()| Ordered::Current),
            Order::Current => Ok(Ordered::Current),
        }
    }

    /// Where order cannot be asked, the first attempt of a push goes on: it is nearly always the newest, and GitHub's troubles are not to
    /// stop it. A repetition, or a person's or a schedule's dispatch, is not known to be. A plan does nothing that could be too old.
    fn go_on_unasked(&self, context: &Context, why: &str) -> Result<(), Failure> {
        let is_plan = self.reader == Reader::Plan;
        let is_first = matches!(context.trigger, Trigger::Push(_)) && !context.around.is_rerun;
        if !is_plan && !is_first && !context.request.force.older {
            return Err(Failure::OrderUnknown(format!(
                "whether something newer was deployed is not known: {why}"
            )));
        }
        let taken = match (is_plan, is_first) {
            (true, _) => "it is planned as if nothing were",
            (false, true) => "this push is taken to be the newest",
            (false, false) => "it is deployed all the same (force: older)",
        };
        let text = format!("whether something newer was deployed is not known ({why}); {taken}");
        context.warn_once("Order is not known", &text);
        Ok(())
    }
}

type Reaches<'a> = dyn Fn(&CommitSha, &CommitSha) -> Result<bool, String> + 'a;
