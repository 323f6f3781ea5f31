//! What goes wrong with requests.

use super::RunNumber;
use crate::wire::Call;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    GitHub,
    Render,
    Registry,
    Service,
}

/// Which requests a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Calls that ask Render for a deploy.
    Deploys,
    /// Requests that write a record of a deploy.
    Records,
    /// Every request to GitHub.
    GitHub,
    /// GraphQL queries.
    GraphQl,
    /// Lists of tags and single tags.
    Tags,
    /// Questions to Render.
    Render,
    /// Questions to services about themselves.
    Services,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// No connection is made.
    Refused,
    /// It does not arrive, and nobody can tell.
    Unheard,
    /// It arrives, and its answer is lost.
    Lost,
    /// It is answered with that status and is not acted upon.
    Status(u16),
    /// There are too many requests: 429.
    Limited,
    /// It is acted upon, and something in between answers with that status.
    TakenBut(u16),
    /// Something in between answers with that status and a page; nothing arrives.
    Says(u16),
}

/// A fault that waits for its requests.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) which: Which,
    pub(crate) what: What,
    /// How many requests it is for.
    pub(crate) left: usize,
    /// The run that it is for; any if none.
    pub(crate) run: Option<RunNumber>,
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) waiting: Vec<Fault>,
    /// The runs that met one.
    pub(crate) met: std::collections::BTreeSet<RunNumber>,
}

impl Which {
    fn is(self, server: Server, call: &Call) -> bool {
        match self {
            Self::GitHub => server == Server::GitHub,
            Self::GraphQl => server == Server::GitHub && call.path.ends_with("/graphql"),
            Self::Records => {
                server == Server::GitHub
                    && call.method == "POST"
                    && call.path.contains("/deployments")
            }
            Self::Tags => {
                server == Server::GitHub && call.method == "GET" && call.path.contains("/tags")
            }
            Self::Render => server == Server::Render && call.method == "GET",
            Self::Services => server == Server::Service,
            Self::Deploys => is_deploy_call(server, call),
        }
    }
}

/// Whether a request asks Render for a deploy.
pub(crate) fn is_deploy_call(server: Server, call: &Call) -> bool {
    server == Server::Render
        && (call.path.starts_with("/deploy/")
            || (call.method == "POST" && call.path.ends_with("/deploys")))
}

impl Faults {
    /// What goes wrong with a request.
    pub(super) fn next(&mut self, server: Server, run: RunNumber, call: &Call) -> Option<What> {
        let is_it =
            |fault: &Fault| fault.run.is_none_or(|of| of == run) && fault.which.is(server, call);
        let at = self.waiting.iter().position(is_it)?;
        let fault = &mut self.waiting[at];
        let what = fault.what;
        fault.left -= 1;
        if fault.left == 0 {
            self.waiting.remove(at);
        }
        self.met.insert(run);
        Some(what)
    }
}
