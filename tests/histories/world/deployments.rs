//! GitHub's deployments and their statuses. Shapes: <https://docs.github.com/en/rest/deployments> and the GraphQL schema's `Deployment`.

use super::{RunNumber, date};
use serde_json::{Value, json};

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) login: String,
    pub(crate) id: u64,
    /// `Bot` or `User`.
    pub(crate) kind: &'static str,
}

impl Account {
    /// The account that the job's token belongs to.
    pub(crate) fn own() -> Self {
        Self {
            login: "github-actions".into(),
            id: 41_898_282,
            kind: "Bot",
        }
    }

    /// Another one; `number` chooses its shape. The first has the login that the own one has.
    pub(crate) fn other(number: u8) -> Self {
        match number % 3 {
            0 => Self {
                login: "github-actions".into(),
                id: 7001,
                kind: "User",
            },
            1 => Self {
                login: "mallory".into(),
                id: 7002,
                kind: "User",
            },
            _ => Self {
                login: "other-app".into(),
                id: 7003,
                kind: "Bot",
            },
        }
    }

    /// As GraphQL shows an actor: the login of an app without `[bot]`.
    fn actor(&self) -> Value {
        json!({"__typename": self.kind, "login": self.login, "databaseId": self.id, "id": self.node(), "url": format!("https://github.com/{}", self.login)})
    }

    /// As GraphQL shows the viewer: the login of an app with `[bot]`.
    pub(super) fn viewer(&self) -> Value {
        let suffix = if self.kind == "Bot" { "[bot]" } else { "" };
        let mut actor = self.actor();
        actor["login"] = format!("{}{suffix}", self.login).into();
        actor
    }

    fn node(&self) -> String {
        let prefix = if self.kind == "Bot" { "BOT" } else { "U" };
        format!("{prefix}_kgDO{}", self.id)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Status {
    /// In lower case.
    pub(crate) state: String,
    pub(crate) description: String,
    creator: Account,
    pub(crate) created: u64,
    log_url: Option<String>,
    environment_url: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) number: u64,
    pub(crate) task: String,
    pub(crate) payload: Value,
    /// The payload as GraphQL shows it.
    payload_text: Value,
    /// The commit's full name.
    pub(crate) commit: String,
    /// The environment that it was made in.
    pub(crate) original: String,
    /// The environment that its latest status names: lists go by it.
    pub(crate) environment: String,
    pub(crate) description: String,
    pub(crate) creator: Account,
    pub(crate) created: u64,
    pub(crate) statuses: Vec<Status>,
    /// The run that wrote it.
    pub(crate) run: Option<RunNumber>,
    /// In how many lists it does not appear yet.
    pub(crate) late: usize,
    /// The step of the last list that left it out.
    pub(crate) hidden: usize,
    /// When it was written.
    pub(crate) step: usize,
}

/// All of them, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Deployments {
    pub(crate) list: Vec<Deployment>,
    made: u64,
    /// In how many lists the next one does not appear.
    pub(crate) next_is_late: usize,
}

impl Deployment {
    /// The latest state, `None` while there is none.
    pub(crate) fn state(&self) -> Option<&Status> {
        self.statuses.last()
    }

    /// Whether a list that was read in that step shows it under its own name.
    pub(crate) fn is_shown(&self, step: usize) -> bool {
        self.step <= step
            && self.hidden < step
            && self.late == 0
            && self.environment == self.original
    }

    /// A field of the payload as text.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.payload[name].as_str().unwrap_or_default()
    }

    /// As GraphQL shows it.
    pub(super) fn object(&self) -> Value {
        let statuses: Vec<Value> = self.statuses.iter().rev().map(Status::object).collect();
        let state = match self.state().map(|status| status.state.as_str()) {
            None => "PENDING".to_owned(),
            Some("success") => "ACTIVE".to_owned(),
            Some(state) => state.to_uppercase(),
        };
        json!({
            "__typename": "Deployment", "id": format!("DE_kwDO{}", self.number), "databaseId": self.number, "task": self.task,
            "payload": self.payload_text, "commitOid": self.commit, "commit": {"__typename": "Commit", "oid": self.commit},
            "originalEnvironment": self.original, "environment": self.environment, "latestEnvironment": self.environment,
            "description": self.description, "creator": self.creator.actor(), "createdAt": date(self.created),
            "updatedAt": date(self.statuses.last().map_or(self.created, |status| status.created)),
            "state": state, "latestStatus": statuses.first(), "statuses": {"nodes": statuses},
        })
    }
}

impl Status {
    fn object(&self) -> Value {
        json!({
            "__typename": "DeploymentStatus", "state": self.state.to_uppercase(), "description": self.description,
            "creator": self.creator.actor(), "createdAt": date(self.created), "updatedAt": date(self.created),
            "logUrl": self.log_url, "environmentUrl": self.environment_url,
        })
    }
}

impl Deployments {
    /// A POST of `deployments`.
    pub(super) fn create(
        &mut self,
        (now, step, run): (u64, usize, Option<RunNumber>),
        creator: Account,
        body: &Value,
        commit: String,
    ) -> Value {
        self.made += 1;
        let number = 1000 + self.made;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let task = if body["task"].is_null() {
            "deploy".to_owned()
        } else {
            text("task")
        };
        let environment = if body["environment"].is_null() {
            "production".to_owned()
        } else {
            text("environment")
        };
        self.list.push(Deployment {
            number,
            task,
            payload_text: match &body["payload"] {
                Value::Null => Value::Null,
                payload => payload.to_string().into(),
            },
            payload: body["payload"].clone(),
            commit: commit.clone(),
            original: environment.clone(),
            environment: environment.clone(),
            description: text("description"),
            creator,
            created: now,
            statuses: Vec::new(),
            run,
            late: std::mem::take(&mut self.next_is_late),
            hidden: 0,
            step,
        });
        json!({"id": number, "sha": commit, "environment": environment, "created_at": date(now)})
    }

    /// A POST of `deployments/<number>/statuses`; `None` if there is no such deployment.
    pub(super) fn add_status(
        &mut self,
        now: u64,
        creator: Account,
        number: u64,
        body: &Value,
    ) -> Option<Value> {
        let found = self.list.iter_mut().find(|found| found.number == number)?;
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        if let Some(environment) = text("environment") {
            found.environment = environment;
        }
        let state = text("state").unwrap_or_default();
        found.statuses.push(Status {
            state: state.clone(),
            description: text("description").unwrap_or_default(),
            creator,
            created: now,
            log_url: text("log_url"),
            environment_url: text("environment_url"),
        });
        Some(json!({"id": 1, "state": state}))
    }

    /// Those of some environments, newest first, as a list shows them.
    pub(super) fn of(&mut self, step: usize, environments: &[String]) -> Vec<&Deployment> {
        let is_in = |found: &Deployment| environments.contains(&found.environment);
        let mut shown = Vec::new();
        for found in self.list.iter_mut().rev().filter(|found| is_in(found)) {
            if found.late > 0 {
                (found.late, found.hidden) = (found.late - 1, step);
                continue;
            }
            shown.push(&*found);
        }
        shown
    }

    /// Somebody else writes one, ended with that state where there is one.
    pub(crate) fn write_foreign(
        &mut self,
        (now, step): (u64, usize),
        creator: &Account,
        body: &Value,
        commit: &str,
        state: Option<&str>,
    ) {
        let late = std::mem::take(&mut self.next_is_late);
        self.create((now, step, None), creator.clone(), body, commit.to_owned());
        self.next_is_late = late;
        if let Some(state) = state {
            let number = 1000 + self.made;
            let body = json!({"state": state, "description": "live: seen"});
            self.add_status(now, creator.clone(), number, &body);
        }
    }
}
