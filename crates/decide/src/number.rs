//! The number of the next release.

use model::{Release, ReleaseNumber, ReleaseTemplate};

/// Why a release gets no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoNumber {
    /// The one that was asked for is not above all others.
    #[error("release {wanted} is not above {highest}, the highest there is{}", .next.as_ref().map(|next| format!(": the next is {next}")).unwrap_or_default())]
    NotAbove {
        /// What was asked for.
        wanted: Release,
        /// The number that is in the way, as a template writes it.
        highest: String,
        /// What would be taken without asking.
        next: Option<Release>,
    },
    /// There is none above the highest.
    #[error("no release can follow {0}")]
    RunOut(String),
}

/// The next release: the one that was asked for, if it is above all that are known; else the one after the highest.
///
/// # Errors
/// [`NoNumber`].
pub fn number(
    template: &ReleaseTemplate,
    known: impl Iterator<Item = ReleaseNumber>,
    wanted: Option<&Release>,
) -> Result<Release, NoNumber> {
    let highest = known.max();
    let shown =
        |number: ReleaseNumber| format!("{}{number}{}", template.prefix(), template.suffix());
    let next = template.next(highest);
    match (wanted, highest) {
        (Some(wanted), Some(highest)) if wanted.number() <= highest => Err(NoNumber::NotAbove {
            wanted: wanted.clone(),
            highest: shown(highest),
            next,
        }),
        (Some(wanted), _) => Ok(wanted.clone()),
        (None, highest) => {
            next.ok_or_else(|| NoNumber::RunOut(highest.map(shown).unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TagReading;

    fn release(template: &ReleaseTemplate, tag: &str) -> Release {
        match template.read(tag) {
            TagReading::Release(release) => release,
            reading @ (TagReading::Malformed | TagReading::Foreign) => panic!("{tag}: {reading:?}"),
        }
    }

    /// What is said for these tags and this wish.
    fn said(template: &str, tags: &[&str], wanted: Option<&str>) -> String {
        let template = ReleaseTemplate::parse(template).unwrap();
        let known = tags.iter().filter_map(|tag| match template.read(tag) {
            TagReading::Release(release) => Some(release.number()),
            TagReading::Malformed | TagReading::Foreign => None,
        });
        let wanted = wanted.map(|tag| release(&template, tag));
        number(&template, known, wanted.as_ref())
            .map_or_else(|refused| refused.to_string(), |release| release.to_string())
    }

    #[test]
    fn the_next_number_is_one_above_the_highest_integer() {
        for (tags, wanted) in [
            (&[][..], "prod-1"),
            (&["prod-1"], "prod-2"),
            (&["prod-9", "prod-10", "prod-2"], "prod-11"),
            // Strange tags are no releases, however high they look.
            (
                &[
                    "prod-3",
                    "prod-007",
                    "prod-99999999999999999999",
                    "prod-8-hotfix",
                    "prod-0",
                    "v9",
                ],
                "prod-4",
            ),
            (&["sha256-aa", "latest", "4f2c1d9"], "prod-1"),
            // A gap stays one.
            (&["prod-1", "prod-5"], "prod-6"),
            (&["prod-999999999"], "no release can follow prod-999999999"),
        ] {
            assert_eq!(said("prod-{number}", tags, None), wanted, "{tags:?}");
        }
        for (tags, wanted) in [
            (&[][..], "v0.0.1"),
            (&["v1.9.9", "v1.10.0"], "v1.10.1"),
            (&["v1.2.3", "v1.2.4-rc1", "v01.9.0", "v2"], "v1.2.4"),
            (&["v1.2.999999999"], "no release can follow v1.2.999999999"),
        ] {
            assert_eq!(said("v{version}", tags, None), wanted, "{tags:?}");
        }
        assert_eq!(
            said("{number}-live", &["9-live", "10-dead"], None),
            "10-live"
        );
    }

    #[test]
    fn a_wish_is_granted_above_all_others_only() {
        let above =
            "release prod-42 is not above prod-42, the highest there is: the next is prod-43";
        for (tags, asked, wanted) in [
            (&["prod-42"][..], "prod-43", "prod-43"),
            (&["prod-42"], "prod-50", "prod-50"),
            (&[], "prod-7", "prod-7"),
            (&["prod-42"], "prod-42", above),
            (
                &["prod-42"],
                "prod-9",
                "release prod-9 is not above prod-42, the highest there is: the next is prod-43",
            ),
            (
                &["prod-999999999"],
                "prod-5",
                "release prod-5 is not above prod-999999999, the highest there is",
            ),
        ] {
            assert_eq!(said("prod-{number}", tags, Some(asked)), wanted);
        }
        assert_eq!(said("v{version}", &["v1.3.9"], Some("v1.4.0")), "v1.4.0");
        assert!(said("v{version}", &["v1.10.0"], Some("v1.9.0")).contains("not above v1.10.0"));
    }
}
