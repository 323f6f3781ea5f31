//! Whose deployments and statuses are ours: an account is compared by its kind and its number, never by its login alone.

use serde::Deserialize;

/// What is asked of the account that wrote something. `github-actions` may be a person's login too; the number is the account's own.
pub(super) const ACCOUNT: &str = "fragment account on Actor { __typename login ... on Bot { databaseId } ... on User { databaseId } }";
/// What is asked of the account that the token belongs to. Its type is always `User`, also where it is an app's bot.
pub(super) const VIEWER: &str = "viewer { login databaseId }";
/// What GraphQL puts behind the login of an app where it is the viewer. No person's login has brackets.
const BOT: &str = "[bot]";

/// An account, as GraphQL tells of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActorWire {
    #[serde(rename = "__typename")]
    kind: Option<String>,
    login: String,
    database_id: Option<u64>,
}

impl ActorWire {
    /// Whether it is an app's bot, and its number; `None` for what is neither a bot nor a person, or has no number.
    fn account(&self) -> Option<(bool, u64)> {
        let is_bot = match self.kind.as_deref() {
            Some("Bot") => true,
            Some("User") | None => self.login.ends_with(BOT),
            Some(_) => return None,
        };
        Some((is_bot, self.database_id?))
    }
}

/// Whether two are the same account. Nobody is nobody else.
pub(super) fn is_same(one: Option<&ActorWire>, other: Option<&ActorWire>) -> bool {
    let account = |actor: Option<&ActorWire>| actor.and_then(ActorWire::account);
    match (account(one), account(other)) {
        (Some(one), Some(other)) => one == other,
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn actor(value: Value) -> Option<ActorWire> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_account_is_its_kind_and_its_number() {
        let creator = |kind: &str, login: &str, number: u64| {
            actor(json!({"__typename": kind, "login": login, "databaseId": number}))
        };
        let bot = actor(json!({"login": "github-actions[bot]", "databaseId": 5}));
        let ada = actor(json!({"login": "ada", "databaseId": 7}));
        let same = |one: &Option<ActorWire>, other| is_same(one.as_ref(), Option::as_ref(&other));
        assert!(same(&bot, creator("Bot", "github-actions", 5)));
        assert!(same(&bot, creator("Bot", "renamed", 5)));
        assert!(same(&ada, creator("User", "ada", 7)));
        for other in [
            creator("User", "github-actions", 5),
            creator("User", "github-actions", 6),
            creator("Bot", "github-actions", 6),
            creator("Mannequin", "github-actions", 5),
            creator("User", "ada", 5),
            actor(json!({"__typename": "Bot", "login": "github-actions"})),
            None,
        ] {
            assert!(!is_same(bot.as_ref(), other.as_ref()), "{other:?}");
        }
        assert!(!same(&ada, creator("Bot", "ada", 7)));
        assert!(!is_same(None, None));
    }
}
