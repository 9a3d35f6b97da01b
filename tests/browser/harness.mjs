// What the browser tests share: the program, a Chromium, and an observer of what
// a page does.
//
//   DOLMETSCH_BIN   the program [target/debug/dolmetsch]
//   CHROMIUM        the browser [/usr/bin/chromium]
//   SCREENSHOTS     a folder for pictures of the pages; without it none are made

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { chromium } from "playwright-core";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const program = process.env.DOLMETSCH_BIN ?? join(target, "debug/dolmetsch");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");

/** What `dolmetsch` prints; `input` is its standard input. */
export function dolmetsch(parameters, input = "") {
  return execFileSync(program, parameters, {
    cwd: root,
    env: { ...process.env, DOLMETSCH_CONFIG: "" },
    input,
    encoding: "utf8",
    maxBuffer: 1 << 30,
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** A folder of its own for each test file, which is gone afterwards. */
export function workspace() {
  const folder = mkdtempSync(join(tmpdir(), "dolmetsch-browser-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return {
    /** Writes a file, and gives its path. */
    write(name, content) {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
    path: (name) => join(folder, name),
  };
}

/** Starts Chromium. */
export function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) {
    throw new Error(`${executablePath} is not there (apt-get install chromium, or set CHROMIUM)`);
  }
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

/**
 * Opens an HTML file. `page.seen` collects what a good page has none of:
 * requests besides the file itself and answers to them, and errors, dialogs and
 * console messages.
 */
export async function open(browser, path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const url = pathToFileURL(path).href;
  page.seen = { requests: [], answers: 0, errors: [] };
  page.on("request", (request) => {
    if (request.url() !== url) page.seen.requests.push(request.url());
  });
  page.on("requestfinished", (request) => {
    if (request.url() !== url) page.seen.answers += 1;
  });
  page.on("pageerror", (error) => page.seen.errors.push(error.message));
  page.on("console", (message) => page.seen.errors.push(message.text()));
  page.on("dialog", (dialog) => {
    page.seen.errors.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(url);
  return page;
}

/** axe-core's violations of at least `impact` serious, each on a line. */
export async function violations(page) {
  // evaluate() is not held up by the page's policy, a script element would be.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}

/** Takes a picture of the visible part, if SCREENSHOTS names a folder. */
export async function picture(page, name) {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
