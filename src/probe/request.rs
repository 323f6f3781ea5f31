//! What a service is asked: the probe of its manifest, filled in for the image that was deployed.

use super::{ProbeClient, ProbeError};
use decide::{ProbeVerdict, Streak};
use http_client::within;
use model::{
    CommitSha, Digest, EnvironmentName, Probe, ProbeAddress, ResponseHeader, Service, Untrusted,
};
use parse::inputs::Wait;
use std::time::Duration;

/// How much of the text that is looked for is shown.
const SHOWN: usize = 40;

/// What a service is asked after its deploy.
#[derive(Debug, Clone)]
pub struct ProbeRequest {
    address: ProbeAddress,
    /// The texts of which one has to be in the answer.
    expected: Vec<String>,
    header: Option<ResponseHeader>,
    timeout: Duration,
    times: u32,
    /// Whether a right answer proves which image serves.
    names_the_image: bool,
}

/// The image's commit is not known, and the probe's text needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitUnknown;

impl ProbeRequest {
    /// What a service is asked once the image of that commit and these digests was deployed. `None` where it has no probe in the environment, or
    /// `wait` says that none is asked.
    ///
    /// # Errors
    /// [`CommitUnknown`].
    pub fn of(
        wait: Wait,
        service: &Service,
        environment: &EnvironmentName,
        commit: Option<&CommitSha>,
        digests: &[Digest],
    ) -> Result<Option<Self>, CommitUnknown> {
        let Some((probe, address)) = wanted(wait, service, environment) else {
            return Ok(None);
        };
        Self::new(probe, address.clone(), commit, digests).map(Some)
    }

    /// What is asked at that address.
    ///
    /// # Errors
    /// [`CommitUnknown`].
    pub fn new(
        probe: &Probe,
        address: ProbeAddress,
        commit: Option<&CommitSha>,
        digests: &[Digest],
    ) -> Result<Self, CommitUnknown> {
        let expected = probe.expect.filled(commit, digests).ok_or(CommitUnknown)?;
        Ok(Self {
            address,
            expected,
            header: probe.header.clone(),
            timeout: probe.timeout,
            times: probe.times,
            names_the_image: probe.expect.names_the_image(),
        })
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> &ProbeAddress {
        &self.address
    }

    /// The text that is looked for, cut where it is long.
    #[must_use]
    pub fn expected(&self) -> String {
        let text = self.expected.first().map_or("", String::as_str);
        let cut: String = text.chars().take(SHOWN).collect();
        Untrusted(cut.as_bytes()).to_string()
    }

    /// How long the service may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How many right answers there have to be in a row.
    #[must_use]
    pub const fn times(&self) -> u32 {
        self.times
    }

    /// Whether a right answer proves which image serves.
    #[must_use]
    pub const fn names_the_image(&self) -> bool {
        self.names_the_image
    }

    /// Asks once. Gives the text that was looked into, too.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub async fn ask(
        &self,
        client: &ProbeClient,
        is_right: bool,
    ) -> Result<(ProbeVerdict, Vec<u8>), ProbeError> {
        let answer = client
            .ask(&self.address, self.header.as_ref(), is_right)
            .await?;
        let said = ProbeVerdict::of(&answer, &self.expected);
        Ok((said, answer.text.unwrap_or_default()))
    }

    /// Whether the service answers right at once, as often as the probe asks for. The first other answer ends it.
    pub async fn is_right_now(&self, client: &ProbeClient) -> bool {
        if !self.names_the_image {
            return false;
        }
        let mut streak = Streak::new(self.times);
        loop {
            let said = match within(self.timeout, self.ask(client, streak.has_begun())).await {
                Some(Ok((said, _))) => Some(said),
                Some(Err(_)) | None => None,
            };
            if streak.count(said) {
                return true;
            }
            if !streak.has_begun() {
                return false;
            }
        }
    }
}

/// The probe of a service in an environment, unless `wait` says that none is asked.
#[must_use]
pub fn wanted<'s>(
    wait: Wait,
    service: &'s Service,
    environment: &EnvironmentName,
) -> Option<(&'s Probe, &'s ProbeAddress)> {
    if wait == Wait::Accepted {
        return None;
    }
    let probe = service.probe.as_ref()?;
    Some((probe, probe.url.in_environment(environment)?))
}
