//! Templates of tags and of releases: what they make is what they read. Two templates a run, apart by a line's end.
#![no_main]

use model::{
    CommitSha, ImageTag, PrNumber, TagReading, ReleaseTemplate, TagTemplate, can_collide,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    let sha = CommitSha::parse(b"0123456789abcdef0123456789abcdef01234567").expect("a commit");
    let number = PrNumber::parse(b"42").expect("a number");
    if let Ok(template) = TagTemplate::parse_commit(one) {
        // `{sha:40}` and `{sha}` are the same.
        assert_eq!(
            TagTemplate::parse_commit(&template.to_string()).as_ref(),
            Ok(&template)
        );
        let tag = template.commit_tag(&sha).expect("a tag");
        assert!(tag.as_str().contains("0123456"), "a tag without its commit");
        assert!(ImageTag::parse(tag.as_str()).is_ok());
    }
    let pull = TagTemplate::parse_pull_request(one);
    if let Ok(template) = &pull {
        assert_eq!(
            TagTemplate::parse_pull_request(&template.to_string()).as_ref(),
            Ok(template)
        );
        let tag = template.pull_request_tag(number, &sha).expect("a tag");
        if one.contains("{number}") {
            assert_eq!(template.pull_request_of(&tag), Some(number), "{tag}");
        }
        // Only tags that this template can make are a pull request's.
        if let Ok(tag) = ImageTag::parse(other)
            && let Some(found) = template.pull_request_of(&tag)
        {
            assert!(
                other.contains(&found.to_string()),
                "{other} is not of {found}"
            );
        }
    }
    let Ok(release) = ReleaseTemplate::parse(one) else {
        return;
    };
    assert_eq!(release.to_string(), one);
    if let TagReading::Release(found) = release.read(other) {
        assert_eq!(found.tag().as_str(), other);
        let next = release.next(Some(found.number()));
        assert!(
            next.is_none_or(|next| next.number() > found.number()),
            "the next release is not above {other}"
        );
    }
    if let Ok(pull) = TagTemplate::parse_pull_request(other) {
        let made = pull.pull_request_tag(number, &sha).expect("a tag");
        if matches!(release.read(made.as_str()), TagReading::Release(_)) {
            assert!(can_collide(&pull, &release), "{made} is a release of {one}");
        }
        assert_eq!(can_collide(&pull, &release), can_collide(&release, &pull));
    }
});
