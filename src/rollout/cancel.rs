//! The end of a run that a signal cuts off: what is true of it, and deploys that have not begun are asked to stop.

use crate::context::{CommandOutcome, Context, InFlightDeploy, Stage, TagSent, Writers};
use decide::PlannedService;
use http_client::within;
use model::{Decision, Deploy, DeployId, DeployStatus, FailureWord, Outcome, ServiceName, Status};
use parse::inputs::{Command, OperationCommand, PipelineCommand};
use render::{RenderApi, RenderWriter};
use report::{CleanupResult, Failed, RunReport, ServiceResult};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long Render is spoken to of each service. The runner kills what has not ended some seconds after it asked, and there is still a report to write.
const PATIENCE: Duration = Duration::from_millis(3500);

/// What became of a deploy that was in flight: its id, and a sentence.
type CancelledDeploy = (Option<DeployId>, &'static str);

/// Ends a run that was cut off by a signal, and reports what is true of it. Records stay open: the next run looks.
pub(crate) async fn cancelled(context: &Context, writers: Option<&Writers<'_>>) -> RunReport {
    let in_flight = context.progress.in_flight();
    context.log.end_group();
    context.log.say("Cancelled: nothing further is begun.");
    let mut stopped: BTreeMap<ServiceName, CancelledDeploy> = in_flight
        .iter()
        .map(|(service, deploy)| {
            let stage = &deploy.stage;
            (service.clone(), (stage.deploy().cloned(), stage.told()))
        })
        .collect();
    let writer = writers.and_then(|writers| writers.render.as_ref());
    if let (Some(render), Some(writer)) = (&context.clients.render, writer) {
        let writer = &writer.deploys;
        let asked = in_flight
            .iter()
            .filter(|(_, deploy)| deploy.is_to_stop())
            .map(|(service, deploy)| async move {
                let stop = stop(context, render, writer, service, deploy);
                (service, within(PATIENCE, stop).await)
            });
        for (service, answer) in futures_util::future::join_all(asked).await {
            if let Some(answer) = answer {
                stopped.insert(service.clone(), answer);
            }
        }
    }
    report(context, &stopped)
}

impl Stage {
    const fn deploy(&self) -> Option<&DeployId> {
        match self {
            Self::Following(deploy) | Self::Probing(Some(deploy), _) => Some(deploy),
            Self::Probing(None, _)
            | Self::Preparing
            | Self::Making
            | Self::Calling
            | Self::Adopted => None,
        }
    }

    const fn told(&self) -> &'static str {
        match self {
            Self::Preparing => "the run was cancelled first",
            Self::Making => "its preview was being made when the run was cancelled",
            Self::Calling => "the hook was being called when the run was cancelled",
            Self::Following(_) => "its deploy was under way when the run was cancelled",
            Self::Adopted => "a deploy of another run was followed when this one was cancelled",
            Self::Probing(_, true) => {
                "it was live and its probe was being asked when the run was cancelled"
            }
            Self::Probing(_, false) => {
                "it was accepted and its probe was being asked when the run was cancelled"
            }
        }
    }
}

impl InFlightDeploy {
    /// Whether Render may have been asked for it by this run, and it is to stop with the run. Going back goes on.
    const fn is_to_stop(&self) -> bool {
        match self.stage {
            Stage::Calling | Stage::Following(_) => !self.is_restore,
            Stage::Preparing | Stage::Making | Stage::Adopted | Stage::Probing(..) => false,
        }
    }

    fn find<'d>(&self, deploys: &'d [Deploy]) -> Option<&'d Deploy> {
        match self.stage.deploy() {
            Some(id) => deploys.iter().find(|deploy| deploy.id == *id),
            None => deploys
                .iter()
                .find(|deploy| !self.known.contains(&deploy.id) && deploy.is_of(&self.wanted)),
        }
    }
}

/// Asks Render to cancel a deploy of ours that has not begun. One that runs its pre-deploy command or starts is left to it.
async fn stop(
    context: &Context,
    render: &RenderApi,
    writer: &RenderWriter,
    service: &ServiceName,
    tracked: &InFlightDeploy,
) -> CancelledDeploy {
    let own = tracked.stage.deploy().cloned();
    let Ok(deploys) = render.deploys(&tracked.id).await else {
        return (own, tracked.stage.told());
    };
    let Some(deploy) = tracked.find(&deploys) else {
        return (own, tracked.stage.told());
    };
    let id = Some(deploy.id.clone());
    if deploy.status == DeployStatus::Live {
        return (id, "its deploy was live already when the run was cancelled");
    }
    if !deploy.status.may_be_cancelled() {
        return (
            id,
            "its deploy had begun and continues; the run was cancelled",
        );
    }
    match writer.cancel(&tracked.id, &deploy.id).await {
        Ok(()) => {
            context.log.say(&format!(
                "{service}: {} was cancelled on Render.",
                deploy.id
            ));
            (id, "its deploy was cancelled on Render with the run")
        }
        Err(error) => {
            context.log.say(&format!("{service}: {error}."));
            (id, "its deploy continues: Render did not cancel it")
        }
    }
}

/// What a promotion had done until it was cancelled.
fn promoted(tags: &[TagSent]) -> String {
    if tags.is_empty() {
        return "Cancelled: no tag was put".to_owned();
    }
    let told: Vec<String> = tags
        .iter()
        .map(|sent| {
            let how = if sent.is_there {
                "was put"
            } else {
                "was being put"
            };
            format!("{} {how} on {}", sent.tag, sent.image)
        })
        .collect();
    format!("Cancelled: {}; no further tag is put", told.join(", "))
}

/// What a command had done until it was cancelled, and what to do.
fn words(context: &Context, report: &RunReport) -> (String, &'static str) {
    match context.request.command {
        Command::Operation(OperationCommand::Cleanup) => {
            let items = report.cleanup_items.iter();
            let deleted = items.filter(|item| item.result == CleanupResult::Deleted);
            let headline = format!("Cancelled: {} deleted, the rest stays", deleted.count());
            (headline, "Run it again: it continues with the rest.")
        }
        Command::Pipeline(PipelineCommand::Promote) => (
            promoted(&context.progress.tags()),
            "Run it again: it skips tags that are already right.",
        ),
        Command::Local(_) | Command::Pipeline(_) | Command::Operation(_) => (
            "Cancelled: no more hooks are called".to_owned(),
            "Run it again: it deploys the rest.",
        ),
    }
}

fn report(context: &Context, stopped: &BTreeMap<ServiceName, CancelledDeploy>) -> RunReport {
    let mut report = context.progress.report();
    let (headline, hint) = words(context, &report);
    CommandOutcome::new(Outcome::Cancelled, headline).complete(&mut report);
    report.failed = Some(Failed {
        word: FailureWord::Cancelled,
        text: "the run was cancelled".into(),
        hint: hint.into(),
        page: None,
    });
    let Some(plan) = &report.plan else {
        return report;
    };
    let is_deployed = |service: &&PlannedService| service.decision == Decision::Deploy;
    let deployed = plan.services.iter().filter(is_deployed);
    let names: Vec<ServiceName> = deployed
        .map(|service| service.name.clone())
        .chain(
            report
                .previews
                .iter()
                .map(|preview| preview.service.clone()),
        )
        .collect();
    for name in names {
        if report.services.iter().any(|ended| ended.service == name) {
            continue;
        }
        let not_begun = (None, Stage::Preparing.told());
        let (deploy, reason) = stopped.get(&name).cloned().unwrap_or(not_begun);
        let status = if reason == Stage::Preparing.told() {
            Status::NotStarted
        } else {
            Status::Cancelled
        };
        report.services.push(ServiceResult {
            deploy,
            ..ServiceResult::without_deploy(&name, status, reason)
        });
    }
    report
}
