//! Deleting in the model: only previews may be (<https://api-docs.render.com/reference/delete-service>); deleting anything else is a violation.

use super::Render;
use super::model::Model;
use crate::server::Reply;

impl Render {
    /// Whether there is a service of that id.
    pub fn has(&self, id: &str) -> bool {
        self.with(|model| model.services.contains_key(id))
    }
}

impl Model {
    pub(super) fn remove(&mut self, id: &str) -> Result<Reply, (u16, String)> {
        if self.services[id].parent.is_none() {
            return Err((400, "a service that is no preview was to be deleted".into()));
        }
        self.services.remove(id);
        Ok(Reply::text(204, ""))
    }
}
