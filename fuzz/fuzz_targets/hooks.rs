//! Deploy hooks: what is taken for one is one to every other reader, and shows nothing.
#![no_main]

use model::{DeployHook, RenderOrigin, ServiceId};
use libfuzzer_sys::fuzz_target;

const ORIGIN: &str = "https://api.render.com";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(origin) = RenderOrigin::parse(text) {
        let url = url::Url::parse(origin.as_str()).expect("an address");
        let host = url.host_str().unwrap_or_default();
        let is_loopback = matches!(host, "localhost" | "[::1]")
            || host
                .parse()
                .is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback());
        assert!(origin.as_str() == ORIGIN || is_loopback, "{text}");
        assert!(
            url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none(),
            "{text}"
        );
    }
    let origin = RenderOrigin::parse(ORIGIN).expect("Render");
    for text in [
        text.to_owned(),
        format!("{ORIGIN}/deploy/{text}"),
        format!("{ORIGIN}/deploy/srv-abc?key={text}"),
    ] {
        // An error is a word of a closed list: nothing of a malformed hook can be in it.
        let Ok(hook) = DeployHook::parse(&text, &origin) else {
            continue;
        };
        assert_eq!(hook.url().expose(), text);
        assert!(ServiceId::parse(hook.service().as_str()).is_ok());
        // A key of a few letters may stand in any text, and a service may be called like its key.
        let (shown, key) = (
            format!("{hook:?}").replace(hook.service().as_str(), ""),
            hook.key().expose(),
        );
        assert!(
            key.len() < 8 || !shown.contains(key),
            "its Debug shows the key"
        );
        let url = url::Url::parse(&text).expect("an address");
        assert_eq!(
            (url.scheme(), url.host_str(), url.port()),
            ("https", Some("api.render.com"), None)
        );
        assert_eq!(
            (url.username(), url.password(), url.fragment()),
            ("", None, None)
        );
        assert_eq!(url.path(), format!("/deploy/{}", hook.service()));
        let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        assert_eq!(query, [("key".to_owned(), hook.key().expose().to_owned())]);
    }
});
