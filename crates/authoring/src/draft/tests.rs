use super::*;
use crate::{blueprint, dockerfile, workflow};
use parse::manifest::{self, Home};

/// Files with their contents; those without any are just there.
fn drafted(files: &[(&str, &str)]) -> (Draft, String) {
    let slug = Slug::parse("Acme/Shop").expect("a slug");
    let mut paths: Vec<Vec<u8>> = files
        .iter()
        .map(|(path, _)| path.as_bytes().to_vec())
        .collect();
    paths.sort();
    let content = |path: &str| {
        files
            .iter()
            .find(|(own, _)| *own == path)
            .map(|(_, text)| text.as_bytes())
    };
    let named = |is: &dyn Fn(&str) -> bool| -> Vec<&str> {
        files
            .iter()
            .map(|(path, _)| *path)
            .filter(|path| is(path))
            .collect()
    };
    let read =
        |path: &str| workflow::parse(path, content(path).unwrap_or_default()).expect("a workflow");
    let evidence = Evidence {
        slug: &slug,
        default_branch: "main",
        files: &paths,
        blueprint: content("render.yaml")
            .map(|text| blueprint::parse(text).expect("a Blueprint"))
            .unwrap_or_default(),
        workflows: named(&|path| path.starts_with(".github/"))
            .iter()
            .map(|path| ((*path).to_owned(), read(path)))
            .collect(),
        dockerfiles: named(&is_dockerfile)
            .iter()
            .map(|path| {
                (
                    (*path).to_owned(),
                    dockerfile::sources(content(path).unwrap_or_default()),
                )
            })
            .collect(),
    };
    let draft = draft(&evidence);
    let text = manifest_text(&draft);
    let home = Home {
        owner: "Acme",
        repo: "Shop",
        default_branch: "main",
    };
    let read = manifest::parse(text.as_bytes(), &home);
    assert!(read.is_ok(), "{read:?}\n{text}");
    (draft, text)
}

/// Each image: name, repository, paths, context, Dockerfile; then each service with its image.
fn told(draft: &Draft) -> Vec<String> {
    let image = |image: &ImageDraft| {
        let file = image.file.as_deref().unwrap_or("-");
        format!(
            "{} {} [{}] {:?} {file}",
            image.name,
            image.repository,
            image.paths.join(" "),
            image.context
        )
    };
    let service = |service: &ServiceDraft| format!("{} -> {}", service.name, service.image);
    draft
        .images
        .iter()
        .map(image)
        .chain(draft.services.iter().map(service))
        .collect()
}

#[test]
fn nothing_to_go_by_gives_one_image_of_everything() {
    let (draft, _) = drafted(&[("main.py", "")]);
    assert_eq!(
        told(&draft),
        ["shop ghcr.io/{owner}/{repo} [**] \"\" -", "shop -> shop"]
    );
}

#[test]
fn one_dockerfile_at_the_root_gives_what_it_copies() {
    let (draft, _) = drafted(&[
        ("Dockerfile", "COPY package*.json ./\nCOPY src ./src"),
        ("package.json", ""),
        ("src/a", ""),
        ("docs/a", ""),
    ]);
    assert_eq!(
        told(&draft)[0],
        "shop ghcr.io/{owner}/{repo} [package*.json src/** Dockerfile] \"\" Dockerfile"
    );
    let (draft, _) = drafted(&[("Dockerfile", "COPY . ."), ("src/a", "")]);
    assert_eq!(
        told(&draft)[0],
        "shop ghcr.io/{owner}/{repo} [**] \"\" Dockerfile"
    );
}

#[test]
fn several_dockerfiles_give_an_image_and_a_service_each() {
    let (draft, _) = drafted(&[
        ("services/api/Dockerfile", "COPY . ."),
        ("services/api/main.rs", ""),
        // This one copies what is only at the root, so it is built from there.
        (
            "services/jobs/Dockerfile",
            "COPY libs libs\nCOPY services/jobs .",
        ),
        ("services/jobs/main.rs", ""),
        ("libs/a", ""),
        ("tests/Dockerfile", "COPY . ."),
        (".devcontainer/Dockerfile", ""),
    ]);
    assert_eq!(
        told(&draft),
        [
            "api ghcr.io/{owner}/{repo}/api [services/api/**] \"services/api\" services/api/Dockerfile",
            "jobs ghcr.io/{owner}/{repo}/jobs [libs/** services/jobs/**] \"\" services/jobs/Dockerfile",
            "api -> api",
            "jobs -> jobs",
        ]
    );
}

#[test]
fn a_blueprint_gives_services_images_and_paths() {
    let blueprint = "
services:
  - { type: web, name: API Server, runtime: image, image: { url: 'ghcr.io/acme/api:latest' }, branch: trunk }
  - { type: worker, name: jobs, runtime: docker, rootDir: jobs, branch: trunk,
      buildFilter: { paths: [jobs, libs/**], ignoredPaths: ['**/*.md'] } }
  - { type: cron, name: nightly, runtime: docker, dockerfilePath: ./jobs/Dockerfile, branch: trunk }
  - { type: web, name: site, runtime: node, branch: trunk }
  - { type: pserv, name: cache, runtime: image, image: { url: 'docker.io/library/redis:7' }, branch: trunk }
";
    let (draft, text) = drafted(&[
        ("render.yaml", blueprint),
        ("api/Dockerfile", "COPY . ."),
        ("api/a", ""),
        ("jobs/Dockerfile", "COPY . ."),
        ("jobs/a", ""),
        ("libs/a", ""),
        ("old/Dockerfile", ""),
    ]);
    assert_eq!(
        told(&draft),
        [
            "api-server ghcr.io/{owner}/api [api/**] \"api\" api/Dockerfile",
            "jobs ghcr.io/{owner}/{repo}/jobs [jobs/** libs/** !**/*.md] \"jobs\" jobs/Dockerfile",
            "api-server -> api-server",
            "jobs -> jobs",
            "nightly -> jobs",
        ]
        .map(|line| line
            .replace("api-server ghcr", "api ghcr")
            .replace("-> api-server", "-> api"))
    );
    assert_eq!(draft.branch, "trunk");
    assert_eq!(draft.left_out.len(), 3, "{:?}", draft.left_out);
    assert!(
        text.contains("docker.io/library/redis:7") && text.contains("branch: trunk"),
        "{text}"
    );
}

#[test]
fn an_existing_workflow_gives_repository_context_and_tags() {
    let workflow = "
jobs:
  build:
    env: { IMAGE: '${{ github.repository }}' }
    steps:
      - uses: docker/metadata-action@v5
        with: { images: 'ghcr.io/${{ env.IMAGE }}', tags: 'type=sha' }
      - uses: docker/build-push-action@v6
        with: { context: app, target: runtime }
";
    let (draft, text) = drafted(&[
        (".github/workflows/build.yml", workflow),
        ("app/Dockerfile", "COPY . ."),
        ("app/a", ""),
    ]);
    assert_eq!(
        told(&draft)[0],
        "app ghcr.io/{owner}/{repo} [app/**] \"app\" app/Dockerfile"
    );
    assert_eq!(draft.commit_tag.as_deref(), Some("sha-{sha:7}"));
    assert!(
        text.contains("build: { context: app, target: runtime }"),
        "{text}"
    );
    assert!(text.contains("tags: { commit: \"sha-{sha:7}\" }"), "{text}");
}

#[test]
fn names_from_anywhere_make_a_manifest_that_is_read() {
    let (draft, _) = drafted(&[
        ("constructor/Dockerfile", ""),
        ("Ünï/Dockerfile", ""),
        ("a b/Dockerfile", "COPY \"x y\" ."),
        ("a-b/Dockerfile", ""),
        ("true/Dockerfile", ""),
        ("x/[y]/Dockerfile.##[group]", ""),
    ]);
    let names: Vec<&str> = draft
        .images
        .iter()
        .map(|image| image.name.as_str())
        .collect();
    assert_eq!(names.len(), draft.services.len());
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 6, "{names:?}");
}

#[test]
fn the_workflow_pins_what_the_documents_pin() {
    let pins = |text: &str| -> BTreeSet<String> {
        text.lines()
            .filter_map(|line| line.split_once("uses: "))
            .map(|(_, pin)| pin.to_owned())
            .collect()
    };
    let documented = include_str!("../../../../docs/workflows/ci.yml");
    assert_eq!(pins(include_str!("workflow.yml")), pins(documented));
}

#[test]
fn a_workflow_is_for_an_environment_of_a_branch() {
    let home = Home {
        owner: "acme",
        repo: "shop",
        default_branch: "main",
    };
    let parse = |text: &str| manifest::parse(text.as_bytes(), &home).expect("a manifest");
    let images = "images: { app: { repository: ghcr.io/acme/app, paths: [a] } }\nservices: { app: , job: { hook: J } }";
    let released = parse(&format!(
        "version: 1\nenvironments: {{ p: {{ tag: 'p-{{number}}' }} }}\n{images}"
    ));
    assert!(workflow_text(&released, None).is_none());
    let branch = parse(&format!(
        "version: 1\nenvironments: {{ live: {{ branch: 'on', floating-tags: [x] }} }}\n{images}"
    ));
    let text = workflow_text(&branch, Some("x y.yml")).expect("a workflow");
    for wanted in [
        "branches: [\"on\"]",
        "environment: live",
        "manifest: \"x y.yml\"",
        "app=${{ secrets.RENDER_HOOK_APP }}\n            job=${{ secrets.J }}\n",
        "packages: write # the images",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    let read = workflow::parse("x.yml", text.as_bytes()).expect("YAML");
    assert_eq!(read.handovers[0].hooks, ["app", "job"]);
}
