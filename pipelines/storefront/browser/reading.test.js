// Who cannot run scripts can read; who cannot see, or has no mouse, can shop.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { customer, leave, openBrowser, openShop, picture, reaches, visit } from "./shop.js";

const PAGES = ["/", "/?q=headphones", "/items/console-x", "/items/watch-silver", "/account", "/cart", "/orders", "/sales/drop/wall", "/rooms/drop", "/reset", "/verify?token=x", "/no/such/page"];
let shop;
let browser;
before(async () => {
  shop = await openShop();
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await shop?.close();
});

test("what is sold can be read without scripts", async () => {
  const context = await visit(browser, shop, { javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto("/");
  await page.getByRole("link", { name: /Orbit X game console/ }).click();
  await page.getByText("The console everybody asks for").waitFor();
  assert.match(await page.locator("#price").innerText(), /499/);
  assert.ok(Number(await page.locator('[data-stock="free"]').innerText()) > 0);
  // Chromium leaves out what is for browsers without scripts when a driver turns them off.
  assert.match(await page.content(), /<noscript>.*Buying needs JavaScript/);
  await page.goto("/sales/drop/wall");
  await page.getByText("Orbit X game console").waitFor();
  await leave(context);
});

test("no page has what the rules of accessibility forbid, by day and by night", async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  for (const colorScheme of ["light", "dark"]) {
    // The pages' policy would keep the examiner out.
    const context = await visit(browser, shop, { colorScheme, bypassCSP: true });
    const page = await context.newPage();
    for (const path of PAGES) {
      await page.goto(path);
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
      const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${colorScheme} ${path}: ${id}: ${node.html} ${node.failureSummary}`));
      assert.deepEqual(found, []);
      assert.ok(passes.length > 5, path);
      if (path === "/items/console-x") await picture(page, `item-${colorScheme}`);
    }
    await leave(context);
  }
});

test("the keyboard is enough to buy", async () => {
  const { context, page } = await customer(browser, shop, "olga");
  await page.goto("/items/console-x");
  await page.locator("#buy:enabled").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "To the content");
  await page.keyboard.press("Enter");
  const focused = () => page.evaluate(() => document.activeElement.id);
  for (let steps = 0; (await focused()) !== "buy"; steps += 1) {
    assert.ok(steps < 10, "the button is not reached by Tab");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.waitForURL("/orders/*");
  await reaches(page, "paid");
  await leave(context);
});

test("a small screen shows everything, and nothing sticks out", async () => {
  const context = await visit(browser, shop, { viewport: { width: 360, height: 740 } });
  const page = await context.newPage();
  for (const path of PAGES) {
    await page.goto(path);
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= window, `${path} is ${content} wide on a screen of ${window}`);
  }
  await page.goto("/");
  await picture(page, "home-small");
  await leave(context);
});
