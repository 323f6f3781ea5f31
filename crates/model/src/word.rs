//! The closed lists of words that outputs speak in (interface: outputs).

use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$variant_doc])* $variant,)* }

        impl $type {
            /// Every word of the list, in its order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word as it stands in outputs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// How a run ended, the `outcome` output. The order is that of precedence: a run whose services ended differently has
    /// the first that occurs.
    Outcome {
        /// The run was cancelled.
        Cancelled = "cancelled",
        /// Something that was tried did not work.
        Failed = "failed",
        /// Something may not be done, and was not tried.
        Refused = "refused",
        /// A newer commit or deploy has taken over.
        Superseded = "superseded",
        /// Render accepted the deploy; whether it went live is not known.
        Accepted = "accepted",
        /// Render serves the digest that was asked for.
        Live = "live",
        /// The images are there and fit; nothing was deployed.
        Verified = "verified",
        /// A rollback holds the services where they are.
        Held = "held",
        /// There was something to do, and a reason not to.
        Skipped = "skipped",
        /// The event asks for nothing.
        Nothing = "nothing",
        /// A plan was made.
        Planned = "planned",
    }
}

words! {
    /// What is to be done with a service.
    Decision {
        /// Deploy it.
        Deploy = "deploy",
        /// Leave it as it is.
        Skip = "skip",
        /// It may not be deployed.
        Refuse = "refuse",
    }
}

words! {
    /// How one service ended.
    Status {
        /// Render serves the digest that was asked for.
        Live = "live",
        /// Render accepted the deploy; whether it went live is not known.
        Accepted = "accepted",
        /// A newer commit or deploy has taken over.
        Superseded = "superseded",
        /// The deploy did not work.
        Failed = "failed",
        /// The deploy was not begun.
        NotStarted = "not-started",
        /// It has what it needs.
        Unchanged = "unchanged",
        /// It could not be deployed, or was not to be.
        Skipped = "skipped",
        /// A rollback holds it.
        Held = "held",
        /// It may not be deployed.
        Refused = "refused",
        /// The run was cancelled before its end was known.
        Cancelled = "cancelled",
        /// Its end is not known.
        Unknown = "unknown",
    }
}

words! {
    /// What went wrong, the `failure` output. Each has a heading in docs/failures.md.
    FailureWord {
        /// An input is wrong.
        BadInput = "bad-input",
        /// The event is wrong, or none that this program answers to.
        BadEvent = "bad-event",
        /// The deploy manifest is wrong.
        BadManifest = "bad-manifest",
        /// A service that should be deployed has no deploy hook.
        HookMissing = "hook-missing",
        /// A deploy hook is not of the shape of one.
        HookMalformed = "hook-malformed",
        /// Render does not accept the deploy hook.
        HookDenied = "hook-denied",
        /// A deploy hook names an image already.
        HookHasImage = "hook-has-image",
        /// The service is suspended on Render.
        ServiceSuspended = "service-suspended",
        /// The service's image on Render is in another repository.
        ImageRepositoryDiffers = "image-repository-differs",
        /// The image is not in the registry.
        ImageMissing = "image-missing",
        /// The registry does not let us see the image.
        ImageDenied = "image-denied",
        /// The image is not there under the expected tag, but is under another.
        ImageOtherTag = "image-other-tag",
        /// The image is not for linux/amd64.
        ImageNotAmd64 = "image-not-amd64",
        /// The image is larger than Render takes.
        ImageTooBig = "image-too-big",
        /// The image's parts are missing or make no sense.
        ImageBroken = "image-broken",
        /// The image was built from another commit.
        ImageOtherCommit = "image-other-commit",
        /// The bytes are not those of the digest.
        DigestDiffers = "digest-differs",
        /// What changed cannot be found out.
        ChangesUnknown = "changes-unknown",
        /// Which of two commits is newer cannot be found out.
        OrderUnknown = "order-unknown",
        /// The release is older than what is live.
        GoingBack = "going-back",
        /// The release tag was moved.
        ReleaseMoved = "release-moved",
        /// The release tag is on another digest.
        ReleaseTaken = "release-taken",
        /// The image was not live in the environment that has to have it first.
        NotLiveInRequiredEnvironment = "not-live-in-required-environment",
        /// The job lacks a permission.
        PermissionMissing = "permission-missing",
        /// The deploy failed.
        DeployFailed = "deploy-failed",
        /// Render could not pull the image.
        ImagePullFailed = "image-pull-failed",
        /// The pre-deploy command failed.
        PreDeployFailed = "pre-deploy-failed",
        /// The service ran out of memory.
        OutOfMemory = "out-of-memory",
        /// The service's process ended.
        Exited = "exited",
        /// The service failed its health check.
        Unhealthy = "unhealthy",
        /// Render gave up waiting.
        TimedOut = "timed-out",
        /// Another deploy took this one's place.
        ReplacedByOther = "replaced-by-other",
        /// The deploy was not live when our time was over.
        NotLiveInTime = "not-live-in-time",
        /// A service limits our requests.
        RateLimited = "rate-limited",
        /// GitHub's API does not answer.
        GithubUnavailable = "github-unavailable",
        /// The registry does not answer.
        RegistryUnavailable = "registry-unavailable",
        /// Render does not answer.
        RenderUnavailable = "render-unavailable",
        /// The run was cancelled.
        Cancelled = "cancelled",
        /// The service's own address did not answer with what was deployed.
        ProbeFailed = "probe-failed",
    }
}
