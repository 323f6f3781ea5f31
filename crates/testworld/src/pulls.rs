//! Pull requests that go on.

use super::{Event, Kind, Repo, World};

impl World {
    /// Pushes another commit to a pull request that is open.
    pub fn push_to_pull_request(self, number: u32, change: impl FnOnce(&Repo) -> &Repo) -> Self {
        self.origin.git(&["checkout", "-q", "feature"]);
        change(&self.origin);
        let head = self.origin.commit("more of the feature");
        self.pull_request_is_on(number, &head)
    }

    /// The pull request is on this commit now.
    pub fn pull_request_is_on(mut self, number: u32, head: &str) -> Self {
        let base = self.origin.git(&["rev-parse", "main"]);
        self.origin.git(&["checkout", "-q", "--detach", &base]);
        self.origin
            .git(&["merge", "-q", "--no-ff", "-m", "merge", head]);
        let merge = self.origin.head();
        self.origin.git(&["branch", "-q", "-f", "feature", head]);
        self.origin
            .git(&["update-ref", &format!("refs/pull/{number}/head"), head]);
        self.origin
            .git(&["update-ref", &format!("refs/pull/{number}/merge"), &merge]);
        self.origin.git(&["checkout", "-q", "main"]);
        self.event = Some(Event::pull_request(
            "synchronize",
            number,
            &base,
            head,
            &merge,
        ));
        self
    }

    /// Pushes amd64 images of these names.
    pub fn images_of(self, names: &[&str]) -> Self {
        names
            .iter()
            .fold(self, |world, name| world.image(name, Kind::Amd64))
    }

    /// Another run of the workflow.
    pub fn run_of(self, id: u64) -> Self {
        self.variable("GITHUB_RUN_ID", &id.to_string())
    }
}
