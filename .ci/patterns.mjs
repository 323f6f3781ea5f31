// Records what picomatch and minimatch say to a grid of patterns and paths, for crates/model/src/pattern/tests/other_tools.rs.
// Usage: node .ci/patterns.mjs DIRECTORY-OF-NODE_MODULES >fixtures/patterns/other-tools.json
import { createRequire } from "node:module";
import { resolve } from "node:path";

const modules = resolve(process.argv[2]);
const load = createRequire(`${modules}/.`);
const picomatch = load("picomatch");
const { minimatch } = load("minimatch");
const version = (name) => load(`${name}/package.json`).version;

const segments = [
    "a", "ab", "*", "?", "**", "a*", "*b", "*.md", "**.md", "?b", "[ab]", "[!a]", "[^a]", "[a-c]x", "v[0-9]", "{a,b}", "{a,}b", "{a,b*}",
    "{a,{b,v1}}", ".a", ".*", "[slug]", "(g)", "\\(g\\)", "\\[slug\\]", "\\*", "\\{a\\}", "@m", "+p", "$x", "é", "a b", "a.md", "[]]", "a]", "a}", "~a", "#a", "a\\,b",
];
const paths = [
    "a", "b", "ab", "aab", "v1", "vx", "bx", "x.md", "a.md", ".a", ".md", "s", "[slug]", "(g)", "g", "*", "{a}", "@m", "+p", "$x", "é", "a b", "]", "a]", "a}", "~a", "#a", "a,b", "!a",
    "a/a", "a/b", "a/ab", "a/v1", "a/x.md", "a/.a", "a/[slug]", "a/(g)", "a/é", "b/a", "b/ab", "ab/b", "v1/a", ".a/b", ".a/.a", "[slug]/a", "(g)/a", "s/a", "é/a", "x.md/a", "a b/a",
    "@m/a", "+p/b", "a/a/a", "a/b/ab", "a/ab/x.md", "b/.a/x.md", "a/[slug]/x.md", "a/(g)/b", "ab/a/v1", "v1/b/a", ".a/a/.a", "a/b/a/b", "b/a/b/x.md", "*/a",
];

// Numbers that are the same on every machine.
let state = 7;
const next = (below) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
};
const patterns = new Set(segments);
for (const first of segments) for (const second of segments) patterns.add(`${first}/${second}`);
while (patterns.size < 2000) patterns.add([0, 0, 0].map(() => segments[next(segments.length)]).join("/"));

// One bit for each path, the first path highest.
const bits = (says) => BigInt(`0b${paths.map((path) => (says(path) ? 1 : 0)).join("")}`).toString(16);
const rows = [...patterns].map((pattern) => {
    const pico = picomatch(pattern, { dot: true });
    return `  ${JSON.stringify([pattern, bits((path) => pico(path)), bits((path) => minimatch(path, pattern, { dot: true }))])}`;
});
const tools = { picomatch: version("picomatch"), minimatch: version("minimatch") };
process.stdout.write(`{\n"tools": ${JSON.stringify(tools)},\n"paths": ${JSON.stringify(paths)},\n"rows": [\n${rows.join(",\n")}\n]\n}\n`);
