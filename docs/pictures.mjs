// Makes a page of a job summary, as GitHub shows one: its Markdown, its style, and Mermaid's pictures.
// Usage: node docs/pictures.mjs TOOLS SUMMARY.md PAGE.html [light|dark]

import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [tools, from, to, theme = "light"] = process.argv.slice(2);
// GitHub's own page colours.
const ground = theme === "dark" ? "#0d1117" : "#fff";
const require = createRequire(`${tools}/package.json`);
const markdown = require("markdown-it")({ html: true, linkify: true });

// GitHub draws blocks of this language in place of showing them.
const { fence } = markdown.renderer.rules;
markdown.renderer.rules.fence = (tokens, at, ...rest) =>
  tokens[at].info.trim() === "mermaid"
    ? `<pre class="mermaid">${markdown.utils.escapeHtml(tokens[at].content)}</pre>`
    : fence(tokens, at, ...rest);

const body = markdown.render(await readFile(from, "utf8"));
const installed = `${tools}/node_modules`;
const page = `<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="file://${installed}/github-markdown-css/github-markdown-${theme}.css">
<style>body { margin: 0; padding: 24px; background: ${ground} } .markdown-body { width: 892px; box-sizing: border-box }
pre.mermaid { background: ${ground} !important; padding: 0 !important }</style>
<article class="markdown-body">${body}</article>
<script src="file://${installed}/mermaid/dist/mermaid.min.js"></script>
<script>
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: "${theme === "dark" ? "dark" : "default"}" });
  const told = (drawn) => {
    document.documentElement.dataset.drawn = drawn;
    document.documentElement.dataset.height = Math.ceil(document.querySelector("article").getBoundingClientRect().bottom) + 24;
  };
  mermaid.run({ querySelector: "pre.mermaid" }).then(() => told("yes"), (error) => told("no: " + error));
</script>
`;
await writeFile(to, page);
