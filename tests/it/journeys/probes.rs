//! Probes: the service itself says which commit it runs, with and without an API key.

use super::at_once;
use std::time::Duration;
use testworld::fault::{Fault, Faulty};
use testworld::render::{Fate, model::Why, service_id};
use testworld::site::Site;
use testworld::trap::{Moment, Place, Then};
use testworld::{Kind, Reply, Repo, Run, World};

const WEB: &str = "  web: {}";

/// The usual repository, in which services have probes: each with its own keys behind the address.
fn world(probes: &[(&str, &str)]) -> World {
    let mut world = World::new();
    let mut lines = Vec::new();
    for (service, keys) in probes {
        let origin = world.site(service).server.origin();
        let probe = format!("probe: {{ url: \"{origin}/version\"{keys} }}");
        lines.push(((*service).to_owned(), probe));
    }
    world
        .three_services_and(|text| {
            lines
                .iter()
                .fold(text.to_owned(), |text, (service, probe)| {
                    let (plain, after) = (
                        format!("  {service}: {{}}"),
                        format!("  {service}: {{ after: [api] }}"),
                    );
                    text.replace(&plain, &format!("  {service}: {{ {probe} }}"))
                        .replace(&after, &format!("  {service}: {{ after: [api], {probe} }}"))
                })
        })
        .deadline(Duration::from_secs(180))
}

fn touch_web(repo: &Repo) -> &Repo {
    repo.write("services/web/main.txt", "2")
}

fn touch_libs(repo: &Repo) -> &Repo {
    repo.write("libs/shared.txt", "2")
}

/// A push that changes `web`, which has a probe with these keys.
fn web(keys: &str) -> World {
    world(&[("web", keys)]).push_to_main(touch_web).images()
}

fn site(world: &World) -> &Site {
    &world.sites[0]
}

fn image(world: &World, service: &str) -> String {
    format!("{}@{}", world.repository(service), world.digest(service))
}

/// How the newest record of a service ended: its state, and the word that its description begins with.
fn record(run: &Run, service: &str) -> (String, String) {
    let records = run.world.github.records();
    let last = records
        .iter()
        .rfind(|record| record.service == service)
        .expect("a record");
    (last.state.clone(), last.word().to_owned())
}

fn ended(state: &str, word: &str) -> (String, String) {
    (state.to_owned(), word.to_owned())
}

#[test]
fn by_a_hook_alone_a_service_is_live_once_it_says_so() {
    let world = web("");
    site(&world).rolls(Duration::from_secs(30));
    let commit = world.commit();
    let run = world.deploy().ended(0, "live", "").hooked(&["web"]);
    assert_eq!(record(&run, "web"), ended("success", "live"));
    let answered = site(&run.world).answered();
    let last: Vec<&str> = answered
        .iter()
        .rev()
        .take(3)
        .map(|(_, own)| own.as_str())
        .collect();
    assert_eq!(last, [commit.as_str(); 3]);
    assert!(
        answered.iter().any(|(_, own)| *own != commit),
        "nothing was rolling"
    );
    let next = run.again().deploy();
    next.expect_unchanged();
}

#[test]
fn with_a_key_render_says_it_first_and_then_the_service() {
    let world = web(", times: 1").with_key();
    site(&world).drains(Duration::from_secs(25));
    let run = world.deploy().ended(0, "live", "").hooked(&["web"]);
    assert!(run.took > Duration::from_secs(25), "{:?}", run.took);
    assert_eq!(record(&run, "web"), ended("success", "live"));
}

#[test]
fn a_deploy_that_render_accepted_and_then_failed_is_not_lost() {
    let world = web(", timeout: 40s");
    world.render.deploy_ends(
        "web",
        Fate::Fails("build_failed", Why::Pull("unauthorized")),
    );
    let run = world
        .deploy()
        .ended(1, "failed", "probe-failed")
        .hooked(&["web"]);
    assert_eq!(record(&run, "web").0, "open");
    let took = run.service("web")["seconds"].as_u64().expect("seconds");
    assert!((40..45).contains(&took), "{took}");
    let run = run.again().deploy().ended(0, "live", "").hooked(&["web"]);
    assert_eq!(record(&run, "web"), ended("success", "live"));
}

#[test]
fn with_a_key_the_next_run_asks_again_and_deploys_nothing() {
    let world = web(", timeout: 20s").with_key();
    site(&world).answers(|_, _| Reply::text(200, "<h1>Back soon</h1>"));
    let run = world
        .deploy()
        .ended(1, "failed", "probe-failed")
        .hooked(&["web"]);
    assert_eq!(record(&run, "web"), ended("failure", "failed"));
    let run = run.says("<h1>Back soon</h1>");
    assert!(!run.output_file.contains("soon") && !run.summary.contains("soon"));
    let run = run
        .again()
        .deploy()
        .ended(1, "failed", "probe-failed")
        .no_hooks();
    let world = run.again();
    site(&world).answers(|_, commit| Reply::text(200, commit));
    let run = world.deploy().ended(0, "live", "").no_hooks();
    assert_eq!(record(&run, "web"), ended("success", "live"));
    run.again().deploy().expect_unchanged();
}

#[test]
fn a_failed_probe_puts_the_service_and_its_siblings_back_once() {
    let both = |repo: &Repo, text: &str| {
        repo.write("services/api/main.txt", text)
            .write("services/web/main.txt", text);
    };
    let world = world(&[("web", ", timeout: 20s"), ("api", "")])
        .push_to_main(|repo| {
            both(repo, "2");
            repo
        })
        .images()
        .with_key()
        .input("rollback-on-failure", "true");
    let run = world.deploy().ended(0, "live", "").hooked(&["api", "web"]);
    let before = ["api", "web"].map(|service| image(&run.world, service));
    let world = run
        .into_world()
        .push_to_main(|repo| {
            both(repo, "3");
            repo
        })
        .images();
    let after = ["api", "web"].map(|service| image(&world, service));
    site(&world).answers(|_, _| Reply::text(500, "boom"));
    let run = world.deploy().ended(1, "failed", "probe-failed");
    let calls = [
        ("api", after[0].as_str()),
        ("web", &after[1]),
        ("api", &before[0]),
        ("web", &before[1]),
    ];
    let mut found: Vec<(String, String)> = run
        .hooks
        .iter()
        .map(|call| (call.service.clone(), call.image.clone()))
        .collect();
    let mut wanted = calls
        .map(|(service, image)| (service.to_owned(), image.to_owned()))
        .to_vec();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    run.settled();
    // What is put back is not asked.
    for site in &run.world.sites {
        let calls = site.server.calls();
        let last = calls.last().expect("a call");
        assert!(last.at <= run.hooks[2].at, "{}", site.name);
    }
    for (service, image) in ["api", "web"].into_iter().zip(before) {
        assert_eq!(run.world.render.live(service), Some(image));
        assert_eq!(run.service(service)["status"], "failed");
        let reason = run.service(service)["reason"].to_string();
        assert!(reason.contains("was put back"), "{reason}");
    }
}

#[test]
fn a_service_starts_when_the_one_before_it_has_confirmed_itself() {
    for (probes, warns) in [(&[("api", "")][..], false), (&[][..], true)] {
        let world = world(probes).push_to_main(touch_libs).images();
        let run = world.deploy().hooked(&["api", "workers"]);
        let apart = run.hooks[1].at - run.hooks[0].at;
        assert_eq!(apart > Duration::from_secs(20), !warns, "{apart:?}");
        let warned = run.annotations("warning");
        assert_eq!(
            warned
                .iter()
                .any(|text| text.contains("Render only accepted")),
            warns
        );
        assert_eq!(run.service("workers")["status"], "accepted");
    }
}

#[test]
fn wait_live_needs_a_key_or_a_probe_of_each_service() {
    let all = [("api", ""), ("workers", ""), ("web", "")];
    let run = world(&all)
        .push_to_main(touch_web)
        .images()
        .input("wait", "live")
        .deploy();
    run.ended(0, "live", "").hooked(&["web"]);
    for probes in [
        &all[..2],
        &[("api", ""), ("workers", ""), ("web", ", expect: ok")],
    ] {
        let world = world(probes).push_to_main(touch_web).images();
        let run = world.input("wait", "live").deploy();
        run.expect_stopped("hook-missing")
            .annotates("error", "no probe tells of web");
    }
}

#[test]
fn text_that_every_image_answers_confirms_nothing_without_a_key() {
    let world = web(", expect: ok");
    site(&world).answers(|_, _| Reply::text(200, "ok"));
    let run = world.deploy().expect_accepted(["web"]);
    assert_eq!(record(&run, "web"), ended("success", "accepted"));
    let world = web(", expect: ok").with_key();
    site(&world).answers(|_, _| Reply::text(200, "ok"));
    world.deploy().ended(0, "live", "").hooked(&["web"]);
}

#[test]
fn an_image_that_does_not_say_its_commit_needs_its_digest_in_the_text() {
    let unlabelled = |keys: &str| {
        let world = web(keys).image("web", Kind::NoRevision);
        let digest = world.digest("web");
        let answered = digest.clone();
        site(&world).answers(move |_, _| Reply::text(200, answered.clone()));
        world.input("digest", &format!("web={digest}"))
    };
    unlabelled("")
        .deploy()
        .expect_stopped("probe-failed")
        .annotates("error", "{digest}");
    unlabelled(", expect: \"{digest}\"")
        .deploy()
        .ended(0, "live", "")
        .hooked(&["web"]);
}

#[test]
fn a_dry_run_says_what_would_be_asked_and_asks_nobody() {
    let world = web(", times: 2").input("dry-run", "true");
    let run = world.deploy().ended(0, "verified", "").no_hooks();
    let run = run.says("/version for ").says("2 times in a row");
    assert!(site(&run.world).server.calls().is_empty());
}

#[test]
fn a_run_that_is_cancelled_while_it_asks_ends_soon_and_the_next_one_asks_before_it_deploys() {
    for (has_key, moment) in [
        (false, Moment::Answered),
        (false, Moment::Unanswered),
        (true, Moment::Answered),
    ] {
        let mut world = web("");
        if has_key {
            world = world.with_key();
        }
        let place = Place {
            kind: "service: GET /version".into(),
            nth: 2,
            moment,
        };
        let world = world.cancel_at(place, &["-TERM"], Then::Answers);
        let run = world
            .deploy()
            .ended(1, "cancelled", "cancelled")
            .hooked(&["web"]);
        let (_, took) = run.cut.clone().expect("a cancelled run");
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(run.service("web")["status"], "cancelled");
        assert_eq!(record(&run, "web").0, "open");
        let world = run.again().after(Duration::ZERO, || {});
        world.render.pace(1);
        // By now the deploy is over.
        site(&world).starts(Duration::ZERO);
        let run = world.deploy();
        let outcome = if has_key { "live" } else { "nothing" };
        let run = run.ended(0, outcome, "").no_hooks();
        let records = run.world.github.records();
        let open = records
            .iter()
            .filter(|record| record.service == "web" && record.state == "open");
        assert_eq!(open.count(), 0, "{has_key}: {records:?}");
    }
}

#[test]
fn what_answers_badly_is_bounded_and_not_shown() {
    let elsewhere = World::new();
    let target = elsewhere.render.server.origin();
    type Answer = Box<dyn Fn(&testworld::server::Call, &str) -> Reply + Send + Sync>;
    let table: Vec<(&str, Answer)> = vec![
        ("which is not followed", {
            let target = target.clone();
            Box::new(move |_, _| {
                Reply::text(302, "").header("location", format!("{target}/version"))
            })
        }),
        ("which is not followed", {
            Box::new(|_, _| {
                Reply::text(307, "").header("location", "http://169.254.169.254/latest")
            })
        }),
        ("an answer without the expected text", {
            Box::new(|_, _| Reply::Flood {
                status: 200,
                bytes: 100 << 20,
                pause: Duration::ZERO,
            })
        }),
        ("an answer without the expected text", {
            Box::new(|_, _| Reply::Flood {
                status: 200,
                bytes: 1 << 30,
                pause: Duration::from_millis(200),
            })
        }),
        ("no answer", Box::new(|_, _| Reply::Silent)),
        ("no answer", Box::new(|_, _| Reply::Dropped)),
        ("compressed in another way", {
            Box::new(|_, commit| Reply::text(200, commit).header("content-encoding", "br"))
        }),
    ];
    at_once(table, |(told, answer)| {
        let world = web(", timeout: 40s");
        site(&world).answers(answer);
        let run = world
            .deploy()
            .ended(1, "failed", "probe-failed")
            .hooked(&["web"]);
        let run = run.says(told);
        assert!(run.took < Duration::from_secs(50), "{told}: {:?}", run.took);
    });
    assert!(
        elsewhere.render.server.calls().is_empty(),
        "another host was asked"
    );
}

#[test]
fn a_secret_in_an_answer_is_not_shown() {
    let world = web(", timeout: 10s");
    let token = world.text_of("github-token");
    site(&world).answers(move |_, _| Reply::text(200, format!("token={token}")));
    let run = world
        .deploy()
        .ended(1, "failed", "probe-failed")
        .hooked(&["web"]);
    run.says("it holds a secret");
}

#[test]
fn an_address_without_its_certificate_is_a_failed_probe() {
    let mut world = World::new();
    let host = world.site("web").server.host();
    let probe = format!("  web: {{ probe: {{ url: \"https://{host}/version\", timeout: 10s }} }}");
    let world = world
        .three_services_and(|text| text.replace(WEB, &probe))
        .push_to_main(touch_web)
        .images();
    let run = world
        .deploy()
        .ended(1, "failed", "probe-failed")
        .hooked(&["web"]);
    run.says("no connection");
}

#[test]
fn a_preview_is_asked_at_its_own_address() {
    for is_right in [true, false] {
        let mut world = World::new();
        let own = world.site("web-pr-7");
        let probe =
            "probe: { url: { staging: \"https://example.com/version?x=1\" }, timeout: 20s }";
        let entry = format!(
            "  web: {{ id: {{ staging: {} }}, previews: staging, {probe} }}",
            service_id("web")
        );
        let world = world
            .three_services_and(|text| text.replace(WEB, &entry))
            .pull_request(7, touch_web)
            .image("web", Kind::Amd64)
            .with_key();
        if !is_right {
            own.answers(|_, _| Reply::text(200, "old"));
        }
        let run = world.deploy();
        let run = if is_right {
            run.ended(0, "live", "")
        } else {
            run.ended(1, "failed", "probe-failed")
        };
        let calls = own.server.calls();
        assert!(
            calls
                .iter()
                .all(|call| call.line().contains("/version?x=1")),
            "{calls:?}"
        );
        assert!(calls.len() >= 3, "{}", run.shown());
        let wanted = image(&run.world, "web");
        run.hooked_with(&[("web-pr-7", &wanted)]);
    }
}

#[test]
fn a_rollback_asks_for_the_commit_that_it_goes_back_to() {
    let run = web("").deploy().ended(0, "live", "").hooked(&["web"]);
    let (first, bytes) = (run.world.commit(), image(&run.world, "web"));
    let world = run
        .into_world()
        .push_to_main(|repo| repo.write("services/web/main.txt", "3"))
        .images();
    let run = world.deploy().ended(0, "live", "").hooked(&["web"]);
    let world = run
        .into_world()
        .on_event(|world| testworld::Event::dispatch("refs/heads/main", &world.origin.head()))
        .input("environment", "staging");
    let run = world.run("rollback").ended(0, "live", "");
    let run = run.hooked_with(&[("web", &bytes)]);
    let answered = site(&run.world).answered();
    assert_eq!(
        answered.last().map(|(_, commit)| commit.clone()),
        Some(first)
    );
}

/// From the last old answer to the end of the run, for instances that stop to answer at every moment of two minutes.
fn lags(times: u32) -> Vec<Duration> {
    let found = std::sync::Mutex::new(Vec::new());
    at_once(0..30_u64, |step| {
        let world = web(&format!(", times: {times}"));
        site(&world).drains(Duration::from_millis(1300 + step * 3970));
        site(&world).starts(Duration::from_millis(500));
        let run = world.deploy().ended(0, "live", "").hooked(&["web"]);
        let commit = run.world.commit();
        let answered = site(&run.world).answered();
        let gone = run.hooks[0].at + Duration::from_millis(1800 + step * 3970);
        let began = run
            .world
            .github
            .server
            .calls()
            .iter()
            .map(|call| call.at)
            .min();
        let end = began.expect("a call") + run.took;
        assert!(answered.iter().any(|(_, own)| *own != commit));
        for (at, (first, _)) in answered.iter().enumerate() {
            let within =
                |other: &&(std::time::Instant, String)| other.0 - *first < Duration::from_secs(60);
            let minute = answered[at..].iter().filter(within).count();
            assert!(minute <= 30, "{minute} requests in a minute");
        }
        found.lock().expect("a list").push(end - gone);
    });
    let mut lags = found.into_inner().expect("a list");
    lags.sort();
    lags
}

#[test]
fn the_run_ends_soon_after_the_last_old_instance() {
    for (times, most) in [(1, 1500), (3, 5500)] {
        let lags = lags(times);
        let median = lags[lags.len() / 2];
        assert!(
            median <= Duration::from_millis(most),
            "times {times}: {lags:?}"
        );
    }
}

#[test]
fn an_address_that_refuses_connections_for_a_while_is_asked_again() {
    let faulty = Faulty::new("service: GET /version", 1, Fault::Refused, false);
    let run = web("").faulty(&faulty).deploy().ended(0, "live", "");
    run.hooked(&["web"]);
}

/// A small web server of its own process that answers one version. Several may share a port: the kernel spreads the connections.
struct Version {
    server: std::process::Child,
    /// It prints its port, and then a line for each request.
    lines: std::io::BufReader<std::process::ChildStdout>,
}

const SERVER: &str = r#"
import http.server, socket, sys
commit, port = sys.argv[1], int(sys.argv[2])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(commit.encode())
        print("asked", flush=True)
    def log_message(self, *rest):
        pass
class Server(http.server.HTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()
server = Server(("127.0.0.1", port), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

impl Version {
    /// Starts one, and gives the port that it is at.
    fn start(commit: &str, port: u16) -> (Self, u16) {
        use std::io::BufRead as _;
        let mut server = std::process::Command::new("python3")
            .args(["-c", SERVER, commit, &port.to_string()])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("python3");
        let stdout = server.stdout.take().expect("its output");
        let mut lines = std::io::BufReader::new(stdout);
        let mut line = String::new();
        lines.read_line(&mut line).expect("a port");
        let port = line.trim().parse().expect("a port");
        (Self { server, lines }, port)
    }

    /// Waits until it is asked.
    fn is_asked(&mut self) {
        use std::io::BufRead as _;
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a request");
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn the_program_sees_two_versions_of_a_real_server_roll() {
    let (mut old, port) = Version::start(&"0".repeat(40), 0);
    let url = format!("http://127.0.0.1:{port}/version");
    let probe = format!("  web: {{ probe: {{ url: \"{url}\", timeout: 2m, times: 2 }} }}");
    let world = World::new()
        .three_services_and(|text| text.replace(WEB, &probe))
        .push_to_main(touch_web)
        .images()
        .as_process();
    let commit = world.commit();
    let rolling = std::thread::spawn(move || {
        old.is_asked();
        let (new, _) = Version::start(&commit, port);
        std::thread::sleep(Duration::from_secs(3));
        drop(old);
        new
    });
    let run = world.deploy().ended(0, "live", "").hooked(&["web"]);
    let _new = rolling.join().expect("two versions");
    let run = run
        .says("an answer without the expected text")
        .says("the right answer");
    assert_eq!(record(&run, "web"), ended("success", "live"));
}
