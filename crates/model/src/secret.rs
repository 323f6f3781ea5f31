//! Secrets: held, compared, sent to the one host that may have them, and never shown.

use super::Refused;
use super::image::is_loopback;
use std::fmt;

/// Text that must not leave the process except to where it belongs. It has no `Display`, and its `Debug` is `***`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. Every call is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A Render service's id: `srv-…`, or `crn-…` for a cron job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(String);

impl ServiceId {
    /// Reads `(srv|crn)-` and 1 to 64 letters or digits. Render's own have 20 of them (render-oss/cli
    /// `pkg/resource/service.go`), its documentation shows fewer.
    ///
    /// # Errors
    /// Refuses other shapes.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let rest = text
            .strip_prefix("srv-")
            .or_else(|| text.strip_prefix("crn-"));
        let well_formed = rest.is_some_and(|rest| {
            (1..=64).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if !well_formed {
            return Err(Refused::new(
                "service id",
                text.as_bytes(),
                "a Render service id like srv-abc123",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where Render's API is: `https://api.render.com`, or a loopback address (for tests and demonstrations).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderOrigin(String);

impl RenderOrigin {
    /// Reads an origin; one trailing slash is allowed.
    ///
    /// # Errors
    /// Refuses every other host: a deploy hook is a credential, and this is what it is sent to.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let origin = text.strip_suffix('/').unwrap_or(text);
        let loopback = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
            .is_some_and(|host| is_loopback(host) && super::RegistryHost::parse(host).is_ok());
        if origin != "https://api.render.com" && !loopback {
            return Err(Refused::new(
                "render-api-url",
                text.as_bytes(),
                "https://api.render.com or a loopback address",
            ));
        }
        Ok(Self(origin.to_owned()))
    }

    /// The origin as text, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no deploy hook. None of these shows any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// It is not of the one shape that deploy hooks have.
    #[error(
        "not a deploy hook: wanted https://api.render.com/deploy/srv-...?key=... and nothing else (value not shown)"
    )]
    Malformed,
    /// It is a Blueprint's sync hook: it would answer with success and deploy no code.
    #[error(
        "a Blueprint's sync hook (exs-...), which deploys no code; copy the hook from the service's own settings (value not shown)"
    )]
    Blueprint,
    /// It names an image already.
    #[error(
        "a deploy hook that already has an imgURL; the image is ours to name: remove it (value not shown)"
    )]
    HasImage,
}

/// A Render deploy hook: the right to deploy one service, sent only to `render-api-url`'s origin.
///
/// Shape: `<origin>/deploy/(srv|crn)-…?key=…`, from <https://render.com/docs/deploy-hooks>. Redirects are not followed and nothing
/// else may stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployHook {
    origin: RenderOrigin,
    service: ServiceId,
    key: Secret,
}

impl DeployHook {
    /// Reads a hook from raw text, without trimming and without any URL normalization: what is not literally of the
    /// shape is refused.
    ///
    /// # Errors
    /// Says which kind of wrong it is, without showing any of it.
    pub fn parse(text: &str, origin: &RenderOrigin) -> Result<Self, HookError> {
        let path = text
            .strip_prefix(origin.as_str())
            .and_then(|rest| rest.strip_prefix("/deploy/"))
            .ok_or(HookError::Malformed)?;
        let (id, query) = path.split_once('?').ok_or(HookError::Malformed)?;
        if id.starts_with("exs-") {
            return Err(HookError::Blueprint);
        }
        let service = ServiceId::parse(id).map_err(|_| HookError::Malformed)?;
        if query
            .split('&')
            .any(|pair| pair.to_ascii_lowercase().starts_with("imgurl="))
        {
            return Err(HookError::HasImage);
        }
        let key = query.strip_prefix("key=").ok_or(HookError::Malformed)?;
        let key_is_good = (4..=256).contains(&key.len())
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !key_is_good {
            return Err(HookError::Malformed);
        }
        Ok(Self {
            origin: origin.clone(),
            service,
            key: Secret::new(key),
        })
    }

    /// The service that it deploys. Not a secret: it stands in the dashboard's address.
    #[must_use]
    pub const fn service(&self) -> &ServiceId {
        &self.service
    }

    /// The bare key.
    #[must_use]
    pub const fn key(&self) -> &Secret {
        &self.key
    }

    /// The whole address, a secret.
    #[must_use]
    pub fn url(&self) -> Secret {
        Secret::new(format!(
            "{}/deploy/{}?key={}",
            self.origin.0, self.service, self.key.0
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AbCdEf123456_-x";

    fn render() -> RenderOrigin {
        RenderOrigin("https://api.render.com".into())
    }

    #[test]
    fn accepts_exactly_the_documented_shape() {
        for id in ["srv-abc123", "crn-abc123"] {
            let text = format!("https://api.render.com/deploy/{id}?key={KEY}");
            let hook = DeployHook::parse(&text, &render());
            assert_eq!(
                hook.as_ref().map(|hook| hook.url().expose().to_owned()),
                Ok(text)
            );
            assert_eq!(hook.map(|hook| hook.service().to_string()), Ok(id.into()));
        }
    }

    #[test]
    fn refuses_every_other_shape_without_showing_it() {
        let bad = [
            "http://api.render.com/deploy/srv-a?key=KEY",
            "https://api.render.com.evil.tld/deploy/srv-a?key=KEY",
            "https://api.render.com@evil/deploy/srv-a?key=KEY",
            "https://evil#api.render.com/deploy/srv-a?key=KEY",
            "https://api.render.com:8443/deploy/srv-a?key=KEY",
            "https://API.RENDER.COM./deploy/srv-a?key=KEY",
            "https://api.r\u{435}nder.com/deploy/srv-a?key=KEY",
            "https://169.254.169.254/deploy/srv-a?key=KEY",
            "https://[::1]/deploy/srv-a?key=KEY",
            "https://0x7f.1/deploy/srv-a?key=KEY",
            "file:///deploy/srv-a?key=KEY",
            "//api.render.com/deploy/srv-a?key=KEY",
            "https://api.render.com/deploy/srv-a?key=KEY\r\n",
            "https://api.render.com\\deploy\\srv-a?key=KEY",
            "https://api.render.com/deploy/srv-a?key=KEY\t",
            "https://api.render.com/deploy/%2e%2e/srv-a?key=KEY",
            "https://api.render.com/deploy/srv-a?key=KEY#x",
            "https://api.render.com/deploy/srv-a?key=KEY&ref=abc",
            "https://api.render.com/deploy/srv-a?key=",
            "https://api.render.com/deploy/srv-a",
            "https://api.render.com/deploy/dep-a?key=KEY",
            "***",
            "x",
            " ",
            "",
        ];
        for text in bad {
            let text = text.replace("KEY", KEY);
            let error = DeployHook::parse(&text, &render()).expect_err(&text);
            assert_eq!(error, HookError::Malformed, "{text:?}");
            assert!(!error.to_string().contains(KEY));
        }
    }

    #[test]
    fn names_the_two_hooks_that_people_paste_by_mistake() {
        let blueprint = format!("https://api.render.com/deploy/exs-abc?key={KEY}");
        assert_eq!(
            DeployHook::parse(&blueprint, &render()),
            Err(HookError::Blueprint)
        );
        let image = format!("https://api.render.com/deploy/srv-abc?key={KEY}&imgURL=ghcr.io%2Fa");
        assert_eq!(
            DeployHook::parse(&image, &render()),
            Err(HookError::HasImage)
        );
    }

    #[test]
    fn render_is_asked_nowhere_but_at_render_or_on_loopback() {
        for text in [
            "https://api.render.com",
            "https://api.render.com/",
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:9",
        ] {
            assert!(RenderOrigin::parse(text).is_ok(), "{text}");
        }
        for text in [
            "https://evil",
            "http://api.render.com",
            "https://api.render.com.evil",
            "http://[::1]>]",
            "http://127.0.0.1.evil:1",
            "http://127.0.0.1:1/x",
            "",
            "ftp://localhost",
            "http://a@localhost:1",
        ] {
            assert!(RenderOrigin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_show_themselves() {
        let hook = DeployHook::parse(
            &format!("https://api.render.com/deploy/srv-abc?key={KEY}"),
            &render(),
        );
        assert!(!format!("{hook:?}").contains(KEY));
    }
}
