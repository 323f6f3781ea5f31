use super::*;
use crate::{blueprint, dockerfile, workflow};
use parse::manifest::{self, Home};

/// Files with their contents; those without any are just there.
fn drafted(files: &[(&str, &str)]) -> (Draft, String) {
    let draft = draft_of(files);
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

fn draft_of(files: &[(&str, &str)]) -> Draft {
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
    draft(&evidence)
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
fn nothing_to_go_by_gives_nothing() {
    for files in [
        &[("main.py", "")][..],
        &[("Dockerfile", "FROM postgres\nENV A=b")],
        &[("docker/Dockerfile.dev", "COPY . ."), ("a", "")],
    ] {
        let draft = draft_of(files);
        assert!(
            draft.images.is_empty() && draft.services.is_empty(),
            "{draft:?}"
        );
        let has_dockerfile = files[0].0 != "main.py";
        assert_eq!(!draft.left_out.is_empty(), has_dockerfile, "{draft:?}");
    }
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
    assert_eq!(draft.environments[0].branch.as_deref(), Some("trunk"));
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
        ("constructor/Dockerfile", "COPY . ."),
        ("Ünï/Dockerfile", "COPY . ."),
        ("a b/Dockerfile", "COPY \"x y\" ."),
        ("a-b/Dockerfile", "COPY . ."),
        ("true/Dockerfile", "COPY . ."),
        ("x/[y]/Dockerfile.##[group]", "COPY . ."),
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
    assert!(workflow_text(&released, None, None).is_none());
    let branch = parse(&format!(
        "version: 1\nenvironments: {{ live: {{ branch: 'on', floating-tags: [x] }} }}\n{images}"
    ));
    let text = workflow_text(
        &branch,
        Some("x y.yml"),
        Some("acme/ghcr-to-render@4f2c1d9"),
    )
    .expect("a workflow");
    for wanted in [
        "branches: [\"on\"]",
        "environment: live",
        "uses: acme/ghcr-to-render@4f2c1d9 ",
        "manifest: \"x y.yml\"",
        "app=${{ secrets.RENDER_HOOK_APP }}\n            job=${{ secrets.J }}\n",
        "packages: write # the images",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    let read = workflow::parse("x.yml", text.as_bytes()).expect("YAML");
    assert_eq!(read.handovers[0].hooks, ["app", "job"]);
}

#[test]
fn what_no_workflow_builds_is_left_out_where_workflows_build() {
    let (draft, text) = drafted(&[
        ("docker/Dockerfile", "COPY . ."),
        ("docker/Dockerfile.dev", "COPY . ."),
        ("apps/web/Dockerfile.bun", "COPY . ."),
        ("apps/web/a", ""),
        (
            ".github/workflows/ci.yml",
            "jobs: { a: { strategy: { matrix: { include: [{ target: web }, { target: jobs }] } }, steps: [
              { uses: 'docker/build-push-action@v6', with: { file: docker/Dockerfile, target: '${{ matrix.target }}', tags: 'ghcr.io/acme/shop-${{ matrix.target }}:1' } },
              { run: 'docker buildx bake' } ] } }",
        ),
    ]);
    assert_eq!(
        told(&draft),
        [
            "shop-web ghcr.io/{owner}/shop-web [**] \"\" docker/Dockerfile",
            "shop-jobs ghcr.io/{owner}/shop-jobs [**] \"\" docker/Dockerfile",
            "shop-web -> shop-web",
            "shop-jobs -> shop-jobs"
        ]
    );
    for wanted in [
        "build: { file: docker/Dockerfile, target: web }",
        "# - apps/web/Dockerfile.bun: neither a workflow nor a service of render.yaml builds it",
        "# - .github/workflows/ci.yml:3: a bake file builds images, which init does not read",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
}

#[test]
fn docker_hub_and_packages_of_others_are_named_and_never_pushed_to() {
    let (draft, text) = drafted(&[
        ("Dockerfile", "COPY . ."),
        (
            ".github/workflows/ci.yml",
            "jobs: { a: { steps: [{ run: 'docker build -t acme/shop:1 -t ghcr.io/other/shop:1 .' }] } }",
        ),
    ]);
    assert_eq!(draft.images[0].repository, "ghcr.io/{owner}/{repo}");
    for wanted in [
        "repository: \"ghcr.io/{owner}/{repo}\" # decide: nothing says where it is pushed to",
        "# - acme/shop: Docker Hub is not supported",
        "# - ghcr.io/other/shop: its packages are another owner's",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
}

#[test]
fn an_image_of_nothing_here_gets_no_service() {
    let (draft, text) = drafted(&[
        ("redis/Dockerfile", "FROM redis"),
        (
            ".github/workflows/ci.yml",
            "jobs: { a: { steps: [{ uses: 'docker/build-push-action@v6', with: { context: redis, tags: 'ghcr.io/acme/redis:1' } }] } }",
        ),
    ]);
    assert_eq!((draft.images.len(), draft.services.len()), (1, 0));
    assert!(
        text.contains("# - a service for image redis: its Dockerfile copies nothing"),
        "{text}"
    );
}

#[test]
fn branches_and_environments_of_render_yaml_are_environments() {
    let service =
        |name: &str, more: &str| format!("{{ type: web, name: {name}, runtime: docker{more} }}");
    let two = format!(
        "projects: [{{ name: p, environments: [
          {{ name: Production, services: [{}] }}, {{ name: Staging, services: [{}] }}] }}]",
        service("api", ""),
        service("api-staging", "")
    );
    let (_, text) = drafted(&[("Dockerfile", "COPY . ."), ("render.yaml", &two)]);
    for wanted in [
        "environments:\n  staging: { branch: main }\n  production: { tag: \"prod-{number}\" } # decide",
        "  api: # web api of render.yaml\n    image: api\n    environments: [production]\n    # id: { production: srv-... }",
        "  api-staging: # web api-staging of render.yaml\n    image: api\n    environments: [staging]",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    let branches = format!(
        "services: [{}, {}]",
        service("api", ", branch: main"),
        service("next", ", branch: develop")
    );
    let (_, text) = drafted(&[("Dockerfile", "COPY . ."), ("render.yaml", &branches)]);
    let wanted = "environments:\n  production: { branch: main }\n  develop: { branch: develop }\n";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn a_tag_that_follows_the_branch_becomes_a_floating_one() {
    let workflow = |rule: &str| {
        format!(
            "jobs: {{ a: {{ steps: [{{ uses: 'docker/metadata-action@v5', with: {{ images: ghcr.io/acme/shop, tags: '{rule}' }} }}] }} }}"
        )
    };
    let text = |rule: &str| {
        let workflow = workflow(rule);
        drafted(&[
            ("Dockerfile", "COPY . ."),
            (".github/workflows/ci.yml", &workflow),
        ])
        .1
    };
    assert!(text("type=ref,event=branch").contains("{ branch: main, floating-tags: [main] }"));
    for other in [
        "type=ref,event=branch,enable=false",
        "type=ref,event=pr",
        "type=sha",
    ] {
        assert!(text(other).contains("{ branch: main }"), "{other}");
    }
}
