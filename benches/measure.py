"""Makes the trees, starts the servers, runs the whole program many times as the runner would, and prints medians."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BENCH = ROOT / "target" / "bench"
OWNER, REPO = "acme", "shop"
PEOPLE = "Bench <bench@example.com> 1750000000 +0000"


class Servers:
    """The tests' models on loopback, in a process of their own (examples/bench_servers.rs). Each run gets new ones."""

    def __init__(self, program):
        self.latency = 0.0
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.registry = json.loads(self.process.stdout.readline())

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def begin(self, **world):
        return self.ask(json.dumps(world | {"latency": self.latency}))

    def counts(self):
        counts = self.ask("counts")
        if counts["violations"]:
            sys.exit(f"what the models did not expect: {counts['violations']}")
        return counts

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Case:
    """A repository with two commits and a deploy manifest, and what a push of the second is to do. With `behind`, so many more commits
    follow, each of some files of nobody; the last is pushed, and the images are those of the second commit."""

    def __init__(self, name, *, files, changed, services, images, hooks, behind=0):
        self.name, self.files, self.changed, self.behind = name, files, changed, behind
        self.services = [f"s{n:03}" for n in range(services)]
        self.images = [f"i{n:03}" for n in range(images)]
        self.expected = self.services[:hooks]
        self.home = BENCH / name.replace(" ", "-")
        self.workspace = self.home / "workspace"

    def manifest(self, registry):
        lines = ["version: 1", "environments:", "  staging: { branch: main }", 'ignore: ["**/*.md"]', "images:"]
        lines += [
            f'  {image}: {{ repository: "{registry}/{OWNER}/{image}", paths: ["images/{image}/**"] }}' for image in self.images
        ]
        lines.append("services:")
        for n, service in enumerate(self.services):
            paths = ", ".join(f'"{p}"' for p in (f"services/{service}/**", f"libs/{service}-*/**", f"!services/{service}/doc/**"))
            lines.append(f"  {service}: {{ image: {self.images[n % len(self.images)]}, paths: [{paths}] }}")
        return "\n".join(lines) + "\n"

    def paths(self):
        """Half of the files belong to services, evenly; the rest to nobody."""
        each = self.files // 2 // len(self.services)
        of_services = [
            [f"services/{service}/src/m{n // 20:03}/f{n % 20:02}.rs" for n in range(each)] for service in self.services
        ]
        rest = self.files - each * len(self.services)
        return of_services, [f"other/p{n // 400:03}/q{n // 20 % 20:02}/f{n % 20:02}.txt" for n in range(rest)]

    def make(self, servers):
        shutil.rmtree(self.home, ignore_errors=True)
        self.workspace.mkdir(parents=True)
        of_services, of_nobody = self.paths()
        everything = [path for paths in of_services for path in paths] + of_nobody
        share = self.changed // 2 // len(self.expected)
        touched = [path for paths in of_services[: len(self.expected)] for path in paths[:share]]
        touched += of_nobody[: self.changed - len(touched)]
        assert len(touched) == self.changed
        stream = bytearray()

        def commit(mark, parent, contents):
            stream.extend(f"commit refs/heads/main\nmark :{mark}\ncommitter {PEOPLE}\ndata 1\nx\n".encode())
            if parent:
                stream.extend(f"from :{parent}\n".encode())
            for path, content in contents:
                data = content.encode()
                stream.extend(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))

        manifest = (".github/deploy-manifest.yml", self.manifest(servers.registry))
        commit(1, None, [manifest, *((path, f"{path}\n") for path in everything)])
        commit(2, 1, [(path, f"{path} again\n") for path in touched])
        for n in range(self.behind):
            some = [of_nobody[(n * 50 + at) % len(of_nobody)] for at in range(50)]
            commit(3 + n, 2 + n, [(path, f"{path} {n}\n") for path in some])
        git = ["git", "-C", str(self.workspace), "-c", "init.defaultBranch=main"]
        subprocess.run([*git, "init", "--quiet"], check=True)
        subprocess.run([*git, "fast-import", "--quiet"], input=bytes(stream), check=True)
        subprocess.run([*git, "repack", "-a", "-d", "-q"], check=True)
        self.base, self.built, self.head = (
            subprocess.run([*git, "rev-parse", name], check=True, capture_output=True, text=True).stdout.strip()
            for name in (f"main~{self.behind + 1}", f"main~{self.behind}", "main")
        )
        subprocess.run([*git, "update-ref", "refs/remotes/origin/main", self.head], check=True)

    def event(self):
        person = {"login": "octocat", "id": 1, "type": "User"}
        return {
            "ref": "refs/heads/main",
            "before": self.base,
            "after": self.head,
            "created": False,
            "deleted": False,
            "forced": False,
            "base_ref": None,
            "head_commit": {"id": self.head, "timestamp": "2025-06-15T15:06:40Z"},
            "commits": [],
            "repository": {
                "id": 1,
                "name": REPO,
                "full_name": f"{OWNER}/{REPO}",
                "owner": {"login": OWNER, "id": 2, "type": "Organization"},
                "private": True,
                "fork": False,
                "default_branch": "main",
                "master_branch": "main",
                "html_url": f"https://github.com/{OWNER}/{REPO}",
            },
            "sender": person,
            "pusher": {"name": "octocat"},
        }

    def environment(self, registry, addresses):
        """What the runner gives a container action: every input, empty where unset, and its own variables."""
        variables = dict(
            GITHUB_ACTIONS="true",
            CI="true",
            GITHUB_ACTOR="octocat",
            GITHUB_API_URL=addresses["github"],
            GITHUB_SERVER_URL="https://github.com",
            GITHUB_EVENT_NAME="push",
            GITHUB_EVENT_PATH=str(self.home / "event.json"),
            GITHUB_OUTPUT=str(self.home / "output"),
            GITHUB_STEP_SUMMARY=str(self.home / "summary"),
            GITHUB_ENV=str(self.home / "env"),
            GITHUB_STATE=str(self.home / "state"),
            GITHUB_PATH=str(self.home / "path"),
            GITHUB_REF="refs/heads/main",
            GITHUB_REF_NAME="main",
            GITHUB_REF_TYPE="branch",
            GITHUB_SHA=self.head,
            GITHUB_REPOSITORY=f"{OWNER}/{REPO}",
            GITHUB_REPOSITORY_OWNER=OWNER,
            GITHUB_REPOSITORY_ID="1",
            GITHUB_RUN_ID="1",
            GITHUB_RUN_NUMBER="1",
            GITHUB_RUN_ATTEMPT="1",
            GITHUB_WORKSPACE=str(self.workspace),
            GITHUB_WORKFLOW="CI",
            GITHUB_JOB="deploy",
            RUNNER_ENVIRONMENT="github-hosted",
            RUNNER_OS="Linux",
            RUNNER_ARCH="X64",
            RUNNER_TEMP=str(self.home),
            HOME=str(self.home),
            PATH="/usr/sbin:/usr/bin:/sbin:/bin",
        )
        inputs = declared_inputs()
        inputs["github-token"] = addresses["token"]
        inputs["registry"] = registry
        inputs["registry-username"] = addresses["user"]
        inputs["registry-password"] = addresses["password"]
        inputs["render-api-url"] = addresses["render"]
        inputs["deploy-hooks"] = "\n".join(addresses["hooks"])
        variables.update({f"INPUT_{name.upper()}": value for name, value in inputs.items()})
        return variables

    def ready(self, servers):
        """Servers that know nothing of earlier runs, and the environment that leads to them."""
        of_service = {service: self.images[n % len(self.images)] for n, service in enumerate(self.services)}
        addresses = servers.begin(
            repository=str(self.workspace), base=self.base, built=self.built, images=self.images, services=of_service
        )
        (self.home / "event.json").write_text(json.dumps(self.event()))
        return self.environment(servers.registry, addresses)

    def run(self, program, servers):
        """One whole run: seconds from start to end, and what it asked the servers for."""
        environment = self.ready(servers)
        for name in ("output", "summary", "env", "state", "path"):
            (self.home / name).write_bytes(b"")
        log = os.open(self.home / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDONLY)
        actions = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
        os.chdir(self.workspace)
        began = time.perf_counter()
        child = os.posix_spawn(program[0], program, environment, file_actions=actions)
        _, status = os.waitpid(child, 0)
        took = time.perf_counter() - began
        os.close(log)
        os.close(nothing)
        code = os.waitstatus_to_exitcode(status)
        outputs = self.outputs()
        services = json.loads(outputs.get("services") or "[]")
        if code != 0 or outputs.get("outcome") != "accepted" or services != self.expected:
            print((self.home / "log").read_text(errors="replace"), file=sys.stderr)
            sys.exit(f"{self.name}: exit {code}, outcome {outputs.get('outcome')!r}, services {services}")
        return took, servers.counts()

    def outputs(self):
        """The outputs, by the runner's own rules."""
        lines = iter((self.home / "output").read_text().split("\n"))
        found = {}
        for line in lines:
            name, heredoc, delimiter = line.partition("<<")
            if heredoc and "=" not in name:
                found[name] = "\n".join(iter(lambda: next(lines), delimiter))
            elif line:
                name, _, found[name] = line.partition("=")
        return found


def declared_inputs():
    """Every input of action.yml with its default."""
    inputs, name, inside = {}, None, False
    for line in (ROOT / "action.yml").read_text().splitlines():
        if line and not line.startswith(" "):
            inside = line == "inputs:"
        elif inside and line.startswith("  ") and not line.startswith("   "):
            name = line.strip().rstrip(":")
            inputs[name] = ""
        elif inside and line.startswith("    default: "):
            inputs[name] = line.removeprefix("    default: ").strip('"')
    return inputs


class Report:
    """Lines of figures, each beside what it may be at most."""

    def __init__(self):
        self.over = False

    def line(self, what, value, limit=None, form="{:.3f} s"):
        verdict = ""
        if limit is not None:
            within = value <= limit
            self.over |= not within
            verdict = f"at most {form.format(limit)}: {'yes' if within else 'NO'}"
        print(f"  {what:<44} {form.format(value):>12}   {verdict}")


def measure(case, program, servers, runs):
    """The median of `runs` whole runs, the peak of memory, and what one run asked the servers."""
    case.run([program], servers)
    _, counts = case.run([program], servers)
    times = [case.run([program], servers)[0] for _ in range(runs)]
    return statistics.median(times), max(peak(case, program, servers) for _ in range(3)), counts


def peak(case, program, servers):
    """The peak of resident memory in bytes. A child begins with its parent's on its account: GNU time's is small, Python's would
    hide the program's."""
    figure = case.home / "peak"
    case.run(["/usr/bin/time", "--format", "%M", "--output", str(figure), program], servers)
    return int(figure.read_text().split()[-1]) * 1024


def requests(counts):
    kinds = ("registry", "token", "challenge", "hook", "github")
    return ", ".join(f"{counts.get(kind, 0)} {kind}" for kind in kinds)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--program", required=True, type=pathlib.Path)
    arguments.add_argument("--servers", required=True, help="the built examples/bench_servers.rs")
    arguments.add_argument("--runs", type=int, default=21)
    arguments.add_argument("--strict", action="store_true")
    given = arguments.parse_args()
    program = str(given.program.resolve())
    servers, report = Servers(given.servers), Report()
    try:
        small = Case("small", files=10_000, changed=300, services=10, images=1, hooks=1)
        large = Case("large", files=100_000, changed=10_000, services=200, images=20, hooks=9)
        one = Case("one", files=10_000, changed=300, services=1, images=1, hooks=1)
        nine = Case("nine", files=10_000, changed=300, services=9, images=1, hooks=9)
        apart = Case("apart", files=10_000, changed=300, services=9, images=9, hooks=9)
        back = Case("back", files=100_000, changed=10_000, services=200, images=20, hooks=9, behind=199)
        for case in (small, large, one, nine, apart, back):
            case.make(servers)
        print(f"{program}: {given.program.stat().st_size:,} bytes; medians of {given.runs} runs")
        for case, most, most_memory in ((small, 0.04, 20 << 20), (large, 0.10, None)):
            took, memory, counts = measure(case, program, servers, given.runs)
            print(
                f"{case.name}: {case.files:,} files, {case.changed:,} changed, {len(case.services)} services, "
                f"{len(case.images)} images, {len(case.expected)} hooks"
            )
            report.line("whole run", took, most)
            report.line("peak resident memory", memory / (1 << 20), most_memory and most_memory / (1 << 20), "{:.1f} MiB")
            verified = len({n % len(case.images) for n in range(len(case.expected))})
            report.line("registry requests for an image", counts.get("registry", 0) / verified, 3, "{:.2f}")
            report.line("token requests for an image", counts.get("token", 0) / verified, 1, "{:.2f}")
            size = (case.home / "output").stat().st_size / (len(case.services) + len(case.images))
            report.line("GITHUB_OUTPUT for a service or image", size / 1024, 1.5, "{:.2f} KiB")
            print(f"  one run asked: {requests(counts)}")
        took, _, counts = measure(back, program, servers, given.runs)
        print(f"back: as large, and the {len(back.expected)} images are those of the commit {back.behind} before the one that is pushed")
        report.line("whole run", took)
        report.line("registry requests for an image", counts.get("registry", 0) / len(back.expected), 205, "{:.2f}")
        report.line("GitHub requests", counts.get("github", 0), None, "{:.0f}")
        for seconds in (0.0, 0.02):
            servers.latency = seconds
            print(f"nine services instead of one, every answer {seconds * 1000:.0f} ms late")
            times = [measure(case, program, servers, given.runs)[0] for case in (one, nine, apart)]
            report.line("one", times[0])
            report.line("nine of one image", times[1])
            report.line("nine of nine images", times[2])
            # Without latency this measures the models, which answer the requests one after the other.
            report.line("nine to one, one image", times[1] / times[0], 1.5 if seconds else None, "{:.2f}")
            report.line("nine to one, nine images", times[2] / times[0], 1.5 if seconds else None, "{:.2f}")
    finally:
        servers.end()
    sys.exit(1 if given.strict and report.over else 0)


signal.signal(signal.SIGPIPE, signal.SIG_DFL)
main()
