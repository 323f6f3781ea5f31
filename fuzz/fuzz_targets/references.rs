//! Names of images, against the OCI crate's parser: what we take, it takes, and for the same thing.
#![no_main]

use model::{Digest, ImageTag, RegistryHost, Repository};
use libfuzzer_sys::fuzz_target;
use oci_distribution::Reference;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(host) = RegistryHost::parse(text) {
        assert_eq!(host.as_str(), text);
    }
    if let Ok(digest) = Digest::parse(text) {
        assert_eq!(digest.to_string(), text);
    }
    if let Ok(tag) = ImageTag::parse(text) {
        assert_eq!(tag.as_str(), text);
        let whole: Reference = format!("ghcr.io/acme/api:{text}")
            .parse()
            .expect("the crate takes our tag");
        assert_eq!(whole.tag(), Some(text));
    }
    let Ok(repository) = Repository::parse(text) else {
        return;
    };
    assert_eq!(repository.to_string(), text);
    // Neither a browser's reading nor the operating system's finds another host in it.
    let url = url::Url::parse(&format!("https://{}/", repository.host().as_str())).expect("a host");
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let read = match url.host().expect("a host") {
        // The same address may be written in two ways.
        url::Host::Ipv6(address) => format!("[{address}]{port}"),
        host => format!("{host}{port}"),
    };
    assert!(
        read == repository.host().as_str() || format!("{read}:443") == repository.host().as_str(),
        "{read}"
    );
    // The crate does not read addresses of IPv6, which the grammar has.
    if text.starts_with('[') {
        return;
    }
    let digest = format!("sha256:{}", "a".repeat(64));
    for (suffix, tag, wanted) in [
        (":x".to_owned(), Some("x"), None),
        (format!("@{digest}"), None, Some(digest.as_str())),
    ] {
        let whole: Reference = format!("{text}{suffix}")
            .parse()
            .expect("the crate takes our repository");
        assert_eq!((whole.tag(), whole.digest()), (tag, wanted));
        assert_eq!(
            format!("{}/{}", whole.registry(), whole.repository()),
            text,
            "they mean different places"
        );
    }
});
