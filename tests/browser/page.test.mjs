// The reader page (`--format html`) as people use it.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { after, before, test } from "node:test";

import { dolmetsch, launch, open, picture, violations, workspace } from "./harness.mjs";

const article = "tests/data/artikel.de.txt";
const folder = workspace();
const translate = (...parameters) =>
  dolmetsch(["translate", "--model", "builtin", "--quiet", "--beam", "1", ...parameters]);
const records = (...parameters) =>
  translate("--format", "jsonl", ...parameters)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

let browser, english, both;
before(async () => {
  browser = await launch();
  english = folder.write("en.html", translate("--to", "en", "--format", "html", article));
  both = folder.write("both.html", translate("--to", "en,vi", "--format", "html", article));
});
after(() => browser.close());

async function withPage(path, options, check) {
  const page = await open(browser, path, options);
  await check(page);
  assert.deepEqual(page.seen, { requests: [], answers: 0, errors: [] });
  await page.context().close();
}

/** The words of a record as [text, start] pairs, cut and counted in UTF-8 as the records do. */
function wordsOf(text) {
  const bytes = (string) => Buffer.byteLength(string);
  return [...text.matchAll(/\P{White_Space}+/gu)].map((match) => [match[0], bytes(text.slice(0, match.index))]);
}

/** For each word of one side the numbers of its partners, from the record's byte spans. */
function partners(record, side, other) {
  const [words, others] = [wordsOf(record[side]), wordsOf(record[other])];
  return words.map(([, start]) =>
    record.alignment
      .filter((link) => link[side][0] === start)
      .map((link) => others.findIndex(([, begin]) => begin === link[other][0]))
      .sort((a, b) => a - b),
  );
}

/** Sentences of a column, in order, as locators. */
const column = (page, number) => page.locator(`main > div > :nth-child(${number}) > span`);
const litWords = (sentence) =>
  sentence.evaluate((element) =>
    [...element.children].flatMap((word, index) => (word.matches(".mate, .on") ? [index] : [])),
  );

test("hover lights the words that the record links, in both directions", async () => {
  const expected = records("--to", "en", article);
  await withPage(english, {}, async (page) => {
    const [source, target] = [column(page, 1), column(page, 2)];
    assert.equal(await source.count(), expected.length);
    for (const index of [0, 1, 6, expected.length - 1]) {
      const record = expected[index];
      for (const [from, to, side, other] of [
        [source, target, "source", "target"],
        [target, source, "target", "source"],
      ]) {
        await from.nth(index).scrollIntoViewIfNeeded();
        const links = partners(record, side, other);
        assert.ok(links.some((numbers) => numbers.length > 0), "the record has links");
        for (const [number, numbers] of links.entries()) {
          await from.nth(index).locator("span").nth(number).hover();
          assert.deepEqual(await litWords(to.nth(index)), numbers, `${record[side]} · word ${number}`);
          assert.deepEqual(await litWords(from.nth(index)), [number]);
          assert.equal(await page.locator("main .on").count(), 1);
          assert.deepEqual(await page.locator(".lit").allTextContents(), [record.source, record.target]);
        }
      }
    }
    await page.mouse.move(2, 2);
    assert.equal(await page.locator("main").locator(".lit, .on, .mate").count(), 0, "nothing stays lit");
  });
});

test("everything can be done with the keyboard", async () => {
  const expected = records("--to", "en", article);
  await withPage(english, {}, async (page) => {
    const focused = () => page.evaluate(() => document.activeElement.textContent);
    const first = expected[0];
    await page.locator("summary").focus();
    await page.keyboard.press("Tab");
    const words = wordsOf(first.source).map(([word]) => word);
    assert.equal(await focused(), words[0]);
    assert.equal(await page.locator("main [tabindex='0']").count(), 1, "one tab stop");
    for (const [number, numbers] of partners(first, "source", "target").entries()) {
      assert.equal(await focused(), words[number]);
      assert.deepEqual(await litWords(column(page, 2).nth(0)), numbers);
      if (numbers.length > 0) {
        await page.keyboard.press("Enter");
        const [mate] = wordsOf(first.target)[numbers[0]];
        assert.equal(await focused(), mate, "Enter leads to the counterpart");
        await page.evaluate((number) => {
          document.querySelector("main > div > * > span").children[number].click();
        }, number);
      }
      await page.keyboard.press("ArrowRight");
    }
    assert.equal(await focused(), wordsOf(expected[1].source)[0][0], "on in the next paragraph");
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(), wordsOf(expected[2].source)[0][0]);
    await page.keyboard.press("End");
    assert.equal(await focused(), wordsOf(expected[2].source).at(-1)[0]);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowLeft");
    assert.equal(await focused(), words.at(-1));
    await page.keyboard.press("Escape");
    assert.equal(await page.locator(".lit").count(), 0);
    await page.locator("#sure").focus();
    await page.keyboard.press("Space");
    assert.equal(await page.locator("#sure").getAttribute("aria-pressed"), "true");
  });
});

test("two targets: one beside the source, or all", async () => {
  const expected = records("--to", "en,vi", article);
  await withPage(both, {}, async (page) => {
    const shown = async () => {
      const cells = await page.locator("main > div").nth(1).locator("> *").all();
      const visible = await Promise.all(cells.map(async (cell) => [await cell.getAttribute("lang"), await cell.isVisible()]));
      return visible.filter(([, is]) => is).map(([language]) => language).join(" ");
    };
    assert.equal(await shown(), "de en");
    await page.getByRole("radio", { name: "English" }).focus();
    await page.keyboard.press("ArrowRight");
    assert.equal(await shown(), "de vi");
    await page.getByText("All", { exact: true }).click();
    assert.equal(await shown(), "de en vi");
    await column(page, 1).nth(1).locator("span").nth(2).hover();
    for (const [number, language] of [[2, "en"], [3, "vi"]]) {
      const record = expected.filter((record) => record.target_lang === language)[1];
      assert.deepEqual(await litWords(column(page, number).nth(1)), partners(record, "source", "target")[2]);
    }
    await picture(page, "two-targets");
  });
});

test("confidence is shown on demand", async () => {
  const expected = records("--to", "en", article);
  await withPage(english, {}, async (page) => {
    const decoration = (word) => word.evaluate((element) => getComputedStyle(element).textDecorationLine);
    const words = column(page, 2).nth(1).locator("span");
    const scores = expected[1].word_scores.map(Math.exp);
    const doubtful = scores.findIndex((score) => score < 0.3);
    assert.ok(doubtful >= 0);
    assert.equal(await decoration(words.nth(doubtful)), "none");
    await page.getByRole("button", { name: "Confidence" }).click();
    for (const [number, score] of scores.entries()) {
      const tenths = await words.nth(number).getAttribute("data-tenths");
      assert.equal(Number(tenths), Math.min(9, Math.floor(score * 10)));
      assert.equal(await decoration(words.nth(number)), score < 0.7 ? "underline" : "none");
    }
    await picture(page, "confidence");
  });
});

test("flagged sentences say why, and can be visited one by one", async () => {
  // A limit that no sentence keeps to.
  const limit = ["--to", "en", "--max-length", "4", article];
  const path = folder.write("flagged.html", translate("--format", "html", ...limit));
  const expected = records(...limit);
  const flagged = expected.flatMap(({ flags }, index) => (flags.includes("limit") ? [index] : []));
  assert.ok(flagged.length > 10);
  await withPage(path, {}, async (page) => {
    const target = column(page, 2);
    for (const index of flagged) {
      const reason = target.nth(index).locator("xpath=following-sibling::*[1][self::small]");
      assert.match(await reason.innerText(), /^Check: .*cut off by the length limit/);
      const line = await target.nth(index).evaluate((element) => getComputedStyle(element).textDecorationStyle);
      assert.equal(line, "dotted", "not by colour alone");
    }
    const button = page.getByRole("button", { name: /to check$/ });
    const marked = await page.locator("main span.check").count();
    assert.equal(await button.innerText(), `${marked} to check`);
    for (const index of [flagged[0], flagged[1]]) {
      await button.click();
      assert.ok((await page.locator(".lit").allTextContents()).includes(expected[index].target));
    }
    assert.deepEqual(await violations(page), []);
    await picture(page, "flagged");
  });
});

const hostile = [
  "<script>alert('script')</script> ist ein Wort.",
  "</style><style>main{display:none}</style> und </script><script>alert(1)</script>.",
  '"><img src="https://example.org/x.png" onerror="alert(2)"> & &lt; &amp;lt; \'einfach\'.',
  "</title></textarea><!-- --><svg onload=alert(3)> ]]> <![CDATA[ <a href=javascript:alert(4)>Klick</a>",
  "javascript:alert(5) `${alert(6)}` {{7*7}} \\u003cscript\\u003e",
].join("\n\n");

test("a text of markup and scripts stays text", async () => {
  const input = folder.write('"><script>alert(7)<!--.txt'.replaceAll("/", "_"), `${hostile}\n`);
  const path = folder.write("hostile.html", translate("--to", "en,vi", "--format", "html", input));
  const expected = records("--to", "en", input);
  await withPage(path, {}, async (page) => {
    assert.deepEqual(await column(page, 1).allTextContents(), expected.map(({ source }) => source));
    assert.deepEqual(await column(page, 2).allTextContents(), expected.map(({ target }) => target));
    await column(page, 1).first().locator("span").first().hover();
    assert.equal(await page.locator("script").count(), 1);
    assert.equal(await page.locator("style").count(), 1);
    assert.equal(await page.locator("img, svg, a, iframe, link, object").count(), 0);
  });
});

test("the policy lets nothing else run, load or be sent", async () => {
  const html = readFileSync(english, "utf8");
  const policy = html.match(/Content-Security-Policy content="([^"]+)"/)[1];
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'/);
  assert.doesNotMatch(policy, /unsafe/);
  // Even markup that would have got into the page cannot do anything.
  const planted = html.replace("</main>", "<img src=x onerror=alert(1)><script>alert(2)</script><p style='color:red'>!</p></main>");
  const page = await open(browser, folder.write("planted.html", planted));
  await page.waitForTimeout(200);
  assert.equal(page.seen.answers, 0);
  assert.ok(page.seen.errors.every((error) => error.includes("Content Security Policy")), page.seen.errors.join());
  assert.ok(page.seen.errors.length >= 3);
  await page.context().close();
});

test("axe-core finds nothing serious", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      await withPage(both, { colorScheme, viewport: { width, height: 800 } }, async (page) => {
        assert.deepEqual(await violations(page), []);
        await page.getByRole("button", { name: "Confidence" }).click();
        await page.locator("summary").click();
        await page.getByText("All", { exact: true }).click();
        assert.deepEqual(await violations(page), [], "with everything open");
        await page.locator("summary").click();
        await column(page, 1).nth(1).locator("span").nth(3).click();
        assert.deepEqual(await violations(page), [], "with words lit");
        await picture(page, `page-${width}-${colorScheme}`);
      });
    }
  }
});

test("narrow screens have one column, and nothing sticks out", async () => {
  await withPage(both, { viewport: { width: 320, height: 640 } }, async (page) => {
    const cells = page.locator("main > div").nth(1).locator("> *");
    const [source, target] = [await cells.nth(0).boundingBox(), await cells.nth(1).boundingBox()];
    assert.ok(target.y >= source.y + source.height, "the translation stands under its source");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  });
});

test("print has both columns and no controls", async () => {
  await withPage(english, {}, async (page) => {
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator("button:visible, summary:visible, output:visible").count(), 0);
    const cells = page.locator("main > div").nth(1).locator("> *");
    const [source, target] = [await cells.nth(0).boundingBox(), await cells.nth(1).boundingBox()];
    assert.ok(target.x > source.x + source.width / 2 && target.y === source.y, "side by side");
    assert.ok((await page.pdf({ format: "A4" })).length > 10_000);
  });
});

test("it can be read without scripts", async () => {
  const expected = records("--to", "en", article);
  await withPage(both, { javaScriptEnabled: false }, async (page) => {
    assert.deepEqual(
      await column(page, 1).allTextContents(),
      expected.map(({ source }) => source),
    );
    assert.equal(await page.locator("button:visible").count(), 0, "no switch that does nothing");
    await page.getByText("Tiếng Việt").first().click();
    assert.ok(await column(page, 3).first().isVisible());
  });
});

test("a document of 2,000 sentences stays usable", async (context) => {
  const places = ["Hafen", "Markt", "Rathaus", "Bahnhof"];
  const sentences = Array.from({ length: 2000 }, (_, day) => `Am Tag ${day + 1} stand das Schiff am ${places[day % 4]}.`);
  const text = sentences.map((sentence, index) => sentence + ((index + 1) % 5 ? " " : "\n\n")).join("");
  const input = folder.write("long.txt", text);
  const path = folder.path("long.html");
  translate("--to", "en", "--format", "html", input, "-o", path);
  await withPage(path, {}, async (page) => {
    const text = await page.evaluate(() => document.querySelector("main").textContent);
    assert.ok(statSync(path).size < 3 * Buffer.byteLength(text), "under 3 times the size of its text");
    const loaded = await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd);
    assert.equal(await column(page, 1).count(), 2000);
    const start = performance.now();
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await column(page, 1).last().locator("span").first().hover();
    const lit = performance.now() - start;
    assert.equal(await page.locator(".lit").count(), 2);
    assert.ok((await page.locator("main span > span").count()) < 20_000, "words are made when they are needed");
    context.diagnostic(
      `${(statSync(path).size / 1024).toFixed(0)} KiB for ${(Buffer.byteLength(text) / 1024).toFixed(0)} KiB of text, loaded after ${loaded.toFixed(0)} ms, ` +
        `from the top to a lit word at the end in ${lit.toFixed(0)} ms`,
    );
  });
});
