//! Deploy manifests.
#![no_main]

use model::{EnvironmentName, ImageName, Pattern, Repository, ServiceName};
use parse::manifest::{Home, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let home = Home {
        owner: "acme",
        repo: "shop",
        default_branch: "main",
    };
    match parse(data, &home) {
        Err(mistakes) => {
            // 100 of them, and how many more there are.
            assert!((1..=101).contains(&mistakes.len()));
            for mistake in mistakes {
                let text = format!("{} {}", mistake.what(), mistake.help());
                assert!(mistake.line() > 0 && mistake.column() > 0, "{text}");
                assert!(
                    !text.contains(['\n', '\r']) && !text.contains("##["),
                    "{text:?}"
                );
            }
        }
        Ok(manifest) => {
            assert_eq!(
                format!("{manifest:?}"),
                format!("{:?}", parse(data, &home).expect("the same"))
            );
            for environment in &manifest.environments {
                assert!(EnvironmentName::parse(environment.name.as_str()).is_ok());
            }
            for image in &manifest.images {
                assert!(ImageName::parse(image.name.as_str()).is_ok());
                assert!(Repository::parse(&image.repository.to_string()).is_ok());
                assert!(
                    image
                        .paths
                        .iter()
                        .all(|pattern| Pattern::parse(pattern.as_str()).is_ok())
                );
            }
            for service in &manifest.services {
                assert!(ServiceName::parse(service.name.as_str()).is_ok());
                assert!(
                    manifest.image(&service.image).is_some(),
                    "a service without an image"
                );
            }
        }
    }
});
