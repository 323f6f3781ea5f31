//! The end of a run that a signal cuts off: what is true of it, and deploys that have not begun are asked to stop.

use super::{Flight, Stage};
use crate::command::scene::Scene;
use crate::decide::Plan;
use crate::domain::{
    Decision, Deploy, DeployId, DeployStatus, FailureWord, Outcome, ServiceName, Status,
};
use crate::intake::inputs::Writes;
use crate::render::{RenderApi, RenderWriter};
use crate::report::{Ended, Failed};
use http_client::within;
use std::time::Duration;

/// How long Render is spoken to of each service. The runner kills what has not ended some seconds after it asked, and there is still a report to write.
const PATIENCE: Duration = Duration::from_millis(3500);

/// Makes of a story that was cut off by a signal what is true of it. Records stay open: the next run looks.
pub(crate) async fn cancelled(scene: &Scene) {
    let flights: Vec<(ServiceName, Flight)> = scene
        .flights
        .borrow()
        .iter()
        .map(|(service, flight)| (service.clone(), flight.clone()))
        .collect();
    scene.log.end_group();
    scene.log.say("Cancelled: no further deploy is begun.");
    let mut stopped: Vec<(ServiceName, Option<DeployId>, &'static str)> = flights
        .iter()
        .map(|(service, flight)| {
            (
                service.clone(),
                flight.stage.deploy().cloned(),
                flight.stage.told(),
            )
        })
        .collect();
    let request = &scene.request;
    if let (Some(render), Some(key), Writes::Allowed) =
        (&scene.render, &request.render_api_key, request.writes)
    {
        let writer = RenderWriter::new(scene.client.clone(), &request.render_api_url, key.clone());
        let asked =
            flights
                .iter()
                .filter(|(_, flight)| flight.is_ours())
                .map(|(service, flight)| {
                    let (render, writer) = (render, &writer);
                    async move {
                        (
                            service,
                            within(PATIENCE, stop(scene, render, writer, service, flight)).await,
                        )
                    }
                });
        for (service, answer) in futures_util::future::join_all(asked).await {
            let own = stopped.iter_mut().find(|(name, ..)| name == service);
            if let (Some(own), Some((deploy, told))) = (own, answer) {
                *own = (service.clone(), deploy, told);
            }
        }
    }
    conclude(scene, &stopped);
}

impl Stage {
    const fn deploy(&self) -> Option<&DeployId> {
        match self {
            Self::Following(deploy) => Some(deploy),
            Self::Preparing | Self::Making | Self::Calling | Self::Adopted => None,
        }
    }

    const fn told(&self) -> &'static str {
        match self {
            Self::Preparing => "the run was cancelled first",
            Self::Making => "its preview was being made when the run was cancelled",
            Self::Calling => "the hook was being called when the run was cancelled",
            Self::Following(_) => "its deploy was under way when the run was cancelled",
            Self::Adopted => "a deploy of another run was followed when this one was cancelled",
        }
    }
}

impl Flight {
    const fn is_ours(&self) -> bool {
        match self.stage {
            Stage::Calling | Stage::Following(_) => true,
            Stage::Preparing | Stage::Making | Stage::Adopted => false,
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
    scene: &Scene,
    render: &RenderApi,
    writer: &RenderWriter,
    service: &ServiceName,
    flight: &Flight,
) -> (Option<DeployId>, &'static str) {
    let own = flight.stage.deploy().cloned();
    let Ok(deploys) = render.deploys(&flight.id).await else {
        return (own, flight.stage.told());
    };
    let Some(deploy) = flight.find(&deploys) else {
        return (own, flight.stage.told());
    };
    let id = Some(deploy.id.clone());
    if deploy.status == DeployStatus::Live {
        return (id, "its deploy was live already when the run was cancelled");
    }
    if !deploy.status.may_be_cancelled() {
        return (
            id,
            "its deploy had begun and goes on, the run was cancelled",
        );
    }
    match writer.cancel(&flight.id, &deploy.id).await {
        Ok(()) => {
            scene.log.say(&format!(
                "{service}: {} was cancelled on Render.",
                deploy.id
            ));
            (id, "its deploy was cancelled on Render with the run")
        }
        Err(error) => {
            scene.log.say(&format!("{service}: {error}."));
            (id, "its deploy goes on, Render did not cancel it")
        }
    }
}

fn conclude(scene: &Scene, stopped: &[(ServiceName, Option<DeployId>, &'static str)]) {
    let mut story = scene.story.borrow_mut();
    story.outcome = Outcome::Cancelled;
    story.headline = "Cancelled: no further hook is called".into();
    story.failed = Some(Failed {
        word: FailureWord::Cancelled,
        text: "the run was cancelled".into(),
        hint: "Run it again; what was not deployed is deployed then.".into(),
        page: None,
    });
    let Some(Plan { services, .. }) = story.plan.clone() else {
        return;
    };
    let deployed = services
        .into_iter()
        .filter(|service| service.decision == Decision::Deploy);
    let names: Vec<ServiceName> = deployed
        .map(|service| service.name)
        .chain(story.previews.iter().map(|preview| preview.service.clone()))
        .collect();
    for name in names {
        if story.services.iter().any(|ended| ended.service == name) {
            continue;
        }
        let flight = stopped.iter().find(|(own, ..)| *own == name);
        let (deploy, reason) = flight
            .map_or((None, Stage::Preparing.told()), |(_, deploy, told)| {
                (deploy.clone(), *told)
            });
        let is_begun = reason != Stage::Preparing.told();
        let status = if is_begun {
            Status::Cancelled
        } else {
            Status::NotStarted
        };
        story.services.push(Ended {
            deploy,
            ..Ended::without_deploy(&name, status, reason)
        });
    }
}
