//! Images in the model: which are built, and which a run takes. The search is the program's own (`decide::Search`); what is here answers it.

use crate::event::At;
use crate::git::{IMAGES, SERVICES, number, same, sha};
use crate::run::{Known, Rules, Run, Stop, Wanted, equal_to};
use crate::world::{Memory, World};
use ghcr_to_render::decide::{
    Ancestor, Cause, Equality, MOST_ANCESTORS, Next, Reach, Records, Required, Search, Sight,
    Source, counting, judge_required, recorded_images, required_images,
};
use ghcr_to_render::domain::{CommitSha, ImageTag, Kind, Record};
use std::rc::Rc;

/// An image that a search found.
struct Found {
    build: usize,
    source: Source,
}

/// What the job that plans has built, and what of it failed.
#[derive(Default)]
pub(crate) struct Matrix {
    listed: Vec<usize>,
    /// The images that it looked for.
    needed: Vec<usize>,
    /// Its commit was the branch's tip. What was superseded then is not built, though the branch may come back to it at any moment: with a push of
    /// its own, whose run plans again.
    is_of_tip: bool,
    /// What it went by could be read.
    is_informed: bool,
    /// How many bytes had gone from the registry by then.
    gone: usize,
    /// How many records there were. They are read back to a success only, page by page: one more on top, and the last of them is out of sight.
    records: usize,
}

/// The job that plans, and the one that builds: the images of the services to deploy that nothing is there for.
pub(crate) fn build(
    world: &mut World,
    run: &Run,
    memory: &Result<Memory, String>,
    services: &[usize],
) -> Result<Matrix, Stop> {
    let is_of_tip = run.commit == world.git.tip;
    let mut matrix = Matrix {
        is_of_tip,
        is_informed: memory.is_ok(),
        gone: world.gone,
        records: recorded(world),
        ..Matrix::default()
    };
    for (image, (_, paths)) in IMAGES.iter().enumerate() {
        let users: Vec<usize> = services
            .iter()
            .copied()
            .filter(|service| SERVICES[*service].2 == image)
            .collect();
        if !users.is_empty() {
            matrix.needed.push(image);
        }
        let is_listed = match (world.rules, run.before) {
            (Rules::MatrixFromEvent, Some(before)) => {
                let is_unchanged = same(world.git.tree(before), world.git.tree(run.commit), paths);
                !is_unchanged && world.tagged(run.commit, image).is_none()
            }
            _ => {
                !users.is_empty() && find(world, run, image, &users, memory.as_ref().ok()).is_none()
            }
        };
        if is_listed {
            matrix.listed.push(image);
        } else if !users.is_empty() {
            world.count("images not built again");
        }
    }
    let mut failed = false;
    for image in &matrix.listed {
        failed |= world.build(run.commit, *image).is_none();
    }
    // The job that deploys needs the one that builds.
    if failed {
        Err(Stop::Failed("image-missing"))
    } else {
        Ok(matrix)
    }
}

/// The images of the services to deploy.
pub(crate) fn images(
    world: &mut World,
    run: &Run,
    memory: &Result<Memory, String>,
    matrix: &Matrix,
    services: Vec<(At, Known)>,
) -> Result<Vec<Wanted>, Stop> {
    if !services.is_empty() {
        world.step()?;
    }
    let mut found: [Option<(usize, usize)>; IMAGES.len()] = [None; IMAGES.len()];
    for (image, found) in found.iter_mut().enumerate() {
        let users: Vec<usize> = services
            .iter()
            .map(|(at, _)| at.service)
            .filter(|at| SERVICES[*at].2 == image)
            .collect();
        if users.is_empty() {
            continue;
        }
        let Some(Found { build, source }) = find(world, run, image, &users, memory.as_ref().ok())
        else {
            check_stuck(world, run, image, memory, matrix);
            return Err(Stop::Failed("image-missing"));
        };
        world.count(match &source {
            Source::Own(_) => "images of the commit itself",
            Source::Required(..) => "releases of what staging ran",
            Source::Recorded(..) => "images by a record",
            Source::Ancestor(..) => "images of an ancestor",
        });
        let own = world.tagged(run.commit, image);
        if matches!(source, Source::Required(..)) && own.is_some_and(|own| own != build) {
            world.count("releases of what staging ran, whatever the tag is on");
        }
        let of = source.commit().map_or(run.commit, number);
        let label = world.builds[build]
            .commit
            .filter(|_| world.setting.has_labels);
        *found = Some((build, label.unwrap_or(of)));
    }
    let mut wanted = Vec::new();
    for (at, order) in services {
        let Some((build, built_from)) = found[SERVICES[at.service].2] else {
            continue;
        };
        required(world, run, at, build)?;
        let built_from = Some(built_from);
        let (commit, release, kind) = (run.commit, run.release(), Kind::Deploy);
        wanted.push(Wanted {
            at,
            build,
            commit,
            kind,
            from: None,
            to: None,
            release,
            built_from,
            order,
        });
    }
    Ok(wanted)
}

/// Invariant 4: a run of the tip waits for no image that its matrix did not list, as far as what it went by is still so. In the runs at the end
/// nothing comes between, and a run that waits there breaks the first invariant.
fn check_stuck(
    world: &mut World,
    run: &Run,
    image: usize,
    memory: &Result<Memory, String>,
    matrix: &Matrix,
) {
    if run.commit != world.git.tip || !matrix.is_of_tip || matrix.listed.contains(&image) {
        return;
    }
    if !matrix.needed.contains(&image) {
        // Somebody deployed by hand or wrote a record since, or Render was asked in vain: the next run plans with that.
        world.count("runs stuck on what is needed only since the matrix was made");
        return;
    }
    if memory.is_err() && matrix.is_informed
        || world.gone > matrix.gone
        || recorded(world) != matrix.records
    {
        world.count("runs stuck on what was deleted, pushed out of sight or not to be read");
        return;
    }
    let name = IMAGES[image].0;
    world.violate(
        4,
        format!("{run} is stuck on {name}, which its matrix did not list"),
    );
}

fn recorded(world: &World) -> usize {
    world
        .places
        .iter()
        .flatten()
        .map(|place| place.records.len())
        .sum()
}

/// The image of the run's commit, as the program searches for it.
fn find(
    world: &mut World,
    run: &Run,
    image: usize,
    users: &[usize],
    memory: Option<&Memory>,
) -> Option<Found> {
    let requires = world.setting.requires && run.environment == 1;
    let staging: Vec<Vec<Rc<Record>>> = if requires {
        world.staging()
    } else {
        Vec::new()
    };
    let mut services: Vec<usize> = (0..SERVICES.len())
        .filter(|service| SERVICES[*service].2 == image)
        .collect();
    services.sort_by_key(|service| !users.contains(service));
    let own = |records: &[Vec<Rc<Record>>], service: usize| {
        records.get(service).map(|records| {
            records
                .iter()
                .map(|record| Record::clone(record))
                .collect::<Vec<_>>()
        })
    };
    let of = |records: &[Vec<Rc<Record>>]| -> Vec<Vec<Record>> {
        services
            .iter()
            .filter_map(|service| own(records, *service))
            .collect()
    };
    let ran = of(&staging);
    let here = memory.map(|memory| of(&memory.records)).unwrap_or_default();
    let count = |(service, records): (&usize, &'_ Vec<Record>)| -> Vec<Record> {
        let id = &world
            .place(At {
                environment: 0,
                service: *service,
            })
            .id;
        counting(records, Some(id), world.repository(*service))
            .cloned()
            .collect()
    };
    let wanted: Vec<Vec<Record>> = services.iter().zip(&ran).map(count).collect();
    let wanted: Vec<Records<'_>> = wanted
        .iter()
        .map(|records| records.iter().collect())
        .collect();
    let recorded: Vec<Records<'_>> = here
        .iter()
        .chain(&ran)
        .map(|records| records.iter().collect())
        .collect();
    let head = sha(run.commit);
    let has_checkout = world.setting.has_checkout;
    let paths = if world.rules == Rules::EqualForOneService {
        SERVICES[services[0]].1
    } else {
        IMAGES[image].1
    };
    let mut search = Search::new(
        head,
        &[tag(run.commit)],
        Reach::Equal,
        required_images(&head, &wanted),
        recorded_images(&head, &recorded),
        |_| has_checkout,
    );
    loop {
        match search.wants() {
            Next::Compare(commit) => {
                search.compared(commit, &equality(world, run.commit, &commit, paths))
            }
            Next::Look(source) => search.looked(match look(world, image, &source) {
                Some(_) => Sight::Right,
                None => Sight::Absent,
            }),
            Next::GoBack => {
                let parents =
                    std::iter::successors(world.git.commits[run.commit].parent, |commit| {
                        world.git.commits[*commit].parent
                    });
                let ancestors = parents.take(MOST_ANCESTORS).map(|at| Ancestor {
                    commit: sha(at),
                    tag: tag(at),
                });
                search.went_back(ancestors.collect(), |_| has_checkout);
            }
            Next::List(tags) => {
                let is_there = |tag: &ImageTag| world.tagged(commit_of(tag), image).is_some();
                let there: Vec<ImageTag> = tags.into_iter().filter(is_there).collect();
                search.listed(&there);
            }
            Next::Found(source) => {
                let build = look(world, image, &source)?;
                return Some(Found { build, source });
            }
            Next::Nothing => return None,
        }
    }
}

fn look(world: &World, image: usize, source: &Source) -> Option<usize> {
    match source {
        Source::Own(tag) | Source::Ancestor(tag, _) => world.tagged(commit_of(tag), image),
        Source::Required(digest, _) | Source::Recorded(digest, _) => world
            .build_of(digest)
            .filter(|build| !world.builds[*build].is_gone && world.builds[*build].image == image),
    }
}

fn equality(world: &World, commit: usize, other: &CommitSha, paths: &[usize]) -> Equality {
    if same(world.git.tree(commit), world.git.tree(number(other)), paths) {
        return Equality::Equal;
    }
    Equality::Differs(Cause {
        pattern: String::new(),
        path: Vec::new(),
        matched: 1,
    })
}

fn tag(commit: usize) -> ImageTag {
    ImageTag::parse(&sha(commit).to_string()).expect("a tag")
}

fn commit_of(tag: &ImageTag) -> usize {
    number(&CommitSha::parse(tag.to_string().as_bytes()).expect("a commit's tag"))
}

/// Whether staging has had it, where production requires that.
fn required(world: &World, run: &Run, at: At, build: usize) -> Result<(), Stop> {
    if !world.setting.requires || run.environment != 1 {
        return Ok(());
    }
    let staging = At {
        environment: 0,
        service: at.service,
    };
    let all = world.whole_record(staging);
    let id = &world.place(staging).id;
    let records: Vec<&Record> = all
        .iter()
        .map(|record| &**record)
        .filter(|record| record.intent.id.as_ref() == Some(id))
        .collect();
    let digests = [
        world.builds[build].index.clone(),
        world.builds[build].platform.clone(),
    ];
    match judge_required(
        Ok(&records),
        &digests,
        equal_to(world, run.commit, SERVICES[at.service].1),
    ) {
        Required::Met(_) => Ok(()),
        Required::Missing(_) => Err(Stop::Failed("not-live-in-required-environment")),
    }
}
