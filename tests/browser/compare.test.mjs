// The page of `compare --format html` as people use it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { dolmetsch, launch, open, picture, violations, workspace } from "./harness.mjs";

const folder = workspace();
const evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>";
const things = ["ferry", "harbour", "library", "bridge", "orchard", "bakery", "tunnel"];
const rows = Array.from({ length: 120 }, (_, index) => {
  const thing = things[index % 7];
  const reference = `In ${1900 + index} the mayor of Hamburg visited the old ${thing} and spoke with everyone there.`;
  return {
    source: `Im Jahr ${1900 + index} besuchte der Bürgermeister „${thing}“ ${index}.`,
    reference,
    first: index % 5 ? reference.replace("old", "ancient") : reference.replace(String(1900 + index), "2001"),
    second: index % 3 ? reference : `The mayor saw a ${thing}.`,
  };
});
rows[7] = { source: evil, reference: `${evil} reference`, first: `${evil} output`, second: evil };
rows[8].first = rows[8].source;

let browser, several, single;
before(async () => {
  browser = await launch();
  const file = (key) => folder.write(`${key}.en`, rows.map((row) => row[key]).join("\n") + "\n");
  const [source, reference, first, second] = ["source", "reference", "first", "second"].map(file);
  const page = (name, ...parameters) =>
    folder.write(name, dolmetsch(["compare", "--reference", reference, "--source", source, "--format", "html", ...parameters]));
  several = page("several.html", first, second, "-m", "bleu,chrf,ter", "--paired-bs", "--paired-bs-n", "100");
  single = page("single.html", first);
});
after(() => browser.close());

async function withPage(path, options, check) {
  const page = await open(browser, path, options);
  await check(page);
  assert.deepEqual(page.seen, { requests: [], answers: 0, errors: [] });
  await page.context().close();
}

const shown = (page) =>
  page.locator("#list > li").evaluateAll((items) => items.map((item) => Number(item.id.replace("segment", ""))));
const chrf = (page, system = 0) =>
  page.locator("#list > li").evaluateAll(
    (items, system) =>
      items.map((item) => Number([...item.querySelectorAll("dd > small:first-of-type")][system].textContent.match(/chrF ([\d.]+)/)[1])),
    system,
  );

test("the table has each system's scores, intervals and p-values", async () => {
  await withPage(several, {}, async (page) => {
    const table = page.locator("section").first().locator("table");
    assert.equal(await table.locator("tbody tr").count(), 2);
    assert.match(await table.locator("tbody tr").nth(1).innerText(), /second\.en.*± .*p = 0\.0\d+/s);
    assert.equal(await page.locator("figure svg .series").count(), 2 * 3 + 2 * 2);
    await picture(page, "compare-top");
  });
});

test("segments are sorted, worst first at the beginning", async () => {
  await withPage(several, {}, async (page) => {
    const worst = await chrf(page);
    assert.equal(worst.length, 50);
    assert.deepEqual(worst, worst.toSorted((a, b) => a - b));
    await page.selectOption("#order", "best");
    const best = await chrf(page);
    assert.deepEqual(best, best.toSorted((a, b) => b - a));
    await page.selectOption("#order", "place");
    assert.deepEqual((await shown(page)).slice(0, 4), [1, 2, 3, 4]);
    await page.selectOption("#order", "gain");
    const [ours, theirs] = [await chrf(page, 0), await chrf(page, 1)];
    const gains = ours.map((score, index) => score - theirs[index]);
    for (let at = 1; at < gains.length; at++) assert.ok(gains[at] <= gains[at - 1] + 0.11, `${gains}`);
    await page.click("#more");
    assert.equal((await shown(page)).length, 100);
    await page.click("#more");
    assert.equal((await shown(page)).length, 120);
    assert.ok(await page.locator("#more").isHidden());
  });
});

test("filters by words, problem and system", async () => {
  await withPage(several, {}, async (page) => {
    await page.selectOption("#order", "place");
    await page.fill("#find", "ORCHARD");
    assert.ok((await shown(page)).every((number) => things[(number - 1) % 7] === "orchard"));
    assert.match(await page.locator("#count").innerText(), /^\d+ of 120 segments$/);
    await page.fill("#find", "");
    await page.selectOption("#problem", "untranslated");
    assert.deepEqual(await shown(page), [9]);
    await page.selectOption("#problem", "number missing");
    const missing = await shown(page);
    assert.ok(missing.length > 20 && missing.every((number) => (number - 1) % 5 === 0 || number === 9), `${missing}`);
    await page.selectOption("#system", "1");
    assert.ok((await shown(page)).every((number) => (number - 1) % 3 === 0));
  });
});

test("words that differ from the reference are marked", async () => {
  await withPage(several, {}, async (page) => {
    await page.selectOption("#order", "place");
    const second = page.locator("#segment2 dd").nth(1);
    assert.equal(await second.locator("del").innerText(), "old");
    assert.equal(await second.locator("ins").innerText(), "ancient");
    assert.equal(await page.locator("#segment2 dd").nth(2).locator("del, ins").count(), 0);
    // Without the marks it is the output, without what was added the reference.
    const text = await second.evaluate((element) => {
      const copy = element.cloneNode(true);
      for (const other of copy.querySelectorAll("del, small")) other.remove();
      return copy.textContent;
    });
    assert.equal(text.replace(/\s+/g, " "), rows[1].first);
  });
});

test("the source shows on demand", async () => {
  await withPage(several, {}, async (page) => {
    await page.selectOption("#order", "place");
    assert.equal(await page.getByText(rows[0].source).count(), 0);
    await page.check("#source");
    assert.equal(await page.getByText(rows[0].source).count(), 1);
    await picture(page, "compare-source");
  });
});

test("a point of the scatter plot leads to its segment", async () => {
  await withPage(several, {}, async (page) => {
    const points = page.locator("#scatter circle");
    assert.equal(await points.count(), 120);
    await points.nth(99).dispatchEvent("click");
    assert.equal(await page.evaluate(() => document.activeElement.id), "segment100");
    assert.ok(await page.locator("#segment100").isVisible());
  });
});

test("texts cannot become markup", async () => {
  await withPage(several, {}, async (page) => {
    await page.fill("#find", "onerror");
    assert.deepEqual(await shown(page), [8]);
    assert.equal(await page.locator("img").count(), 0);
    assert.ok((await page.locator("#segment8").innerText()).includes(`${evil} reference`));
    const policy = await page.locator("meta[http-equiv]").getAttribute("content");
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    const ran = await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.body.append(script);
      return window.ran;
    }).catch(() => undefined);
    assert.equal(ran, undefined);
    page.seen.errors = page.seen.errors.filter((message) => !message.includes("Content Security Policy"));
  });
});

test("keys reach everything, and axe finds nothing serious", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await withPage(several, { colorScheme }, async (page) => {
      const reached = new Set();
      for (let press = 0; press < 14; press++) {
        await page.keyboard.press("Tab");
        reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.tagName));
      }
      for (const id of ["SUMMARY", "find", "system", "other", "problem", "order", "source", "more"]) {
        assert.ok(reached.has(id), `${id} of ${[...reached]}`);
      }
      await page.locator("summary").first().click();
      assert.deepEqual(await violations(page), []);
      await page.locator("#controls").scrollIntoViewIfNeeded();
      await picture(page, `compare-${colorScheme}`);
    });
  }
});

test("fits a telephone, prints, and works with one system", async () => {
  await withPage(several, { viewport: { width: 360, height: 740 } }, async (page) => {
    const [width, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(width <= inner, `${width} > ${inner}`);
    await picture(page, "compare-telephone");
    await page.emulateMedia({ media: "print" });
    assert.ok(await page.locator("form").isHidden());
    assert.ok(await page.locator("#list > li").first().isVisible());
  });
  await withPage(single, {}, async (page) => {
    assert.ok(await page.locator("#scatter").isHidden());
    assert.ok(await page.locator("#other").isHidden());
    assert.equal((await shown(page)).length, 50);
    assert.match(await page.locator("table").first().innerText(), /±/);
  });
  assert.doesNotMatch(readFileSync(single, "utf8"), /https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
});
