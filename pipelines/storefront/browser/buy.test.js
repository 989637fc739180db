// From the first visit to an order that is paid.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { buy, customer, leave, openBrowser, openShop, picture, reaches, signIn, visit, wentThrough } from "./shop.js";

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

test("register, verify, order, pay, and see it paid", async () => {
  const { context, page } = await customer(browser, shop, "anna");
  assert.equal(await page.locator('[data-sku="console-x"] [data-sold-out]').isVisible(), false);
  await picture(page, "home");
  await page.getByRole("searchbox").fill("gmae console");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.searchParams.has("q"));
  await page.getByRole("link", { name: /Orbit X game console/ }).first().click();
  await page.waitForURL("/items/console-x");
  await picture(page, "item");
  const before = await shop.listing("console-x");
  await page.locator("#buy:enabled").click();
  await page.waitForURL("/orders/*");
  const order = page.url();
  await reaches(page, "paid");
  assert.match(await page.locator("#meaning").innerText(), /Thank you/);
  await wentThrough(page, ["Set aside for you", "Paid"]);
  await page.locator("#lines").getByText("Orbit X game console").waitFor();
  assert.equal(await page.getByRole("button", { name: "Withdraw this order" }).isVisible(), false);
  await picture(page, "order-paid");

  await page.goto("/orders");
  await page.locator(`a[href="${new URL(order).pathname}"]`).waitFor();
  await picture(page, "my-orders");
  const now = await shop.listing("console-x");
  assert.deepEqual([now.stock.sold - before.stock.sold, before.stock.free - now.stock.free], [1, 1]);
  await page.goto("/sales/drop/wall");
  await page.getByText("Orbit X game console").waitFor();
  await picture(page, "wall");
  await leave(context);
});

test("who is not signed in is asked to, and comes back", async () => {
  const { context, page, email } = await customer(browser, shop, "ben");
  await page.goto("/account");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await page.goto("/items/console-x");
  await page.locator("#buy:enabled").click();
  await page.waitForURL("/account?next=*");
  await page.locator("#in-email").fill(email);
  await page.locator("#in-password").fill("wrong horse battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("#answer.bad").waitFor();
  await signIn(page, email, "/items/console-x");
  // A link may not lead anybody to another shop.
  for (const elsewhere of ["/%09/evil.example", "//evil.example", "/%5Cevil.example", "https://evil.example/"]) {
    const other = await visit(browser, shop);
    const tab = await other.newPage();
    await tab.goto(`/account?next=${elsewhere}`);
    await signIn(tab, email, "/");
    await leave(other);
  }
  await leave(context);
});

test("a cart of two things is one order", async () => {
  const { context, page } = await customer(browser, shop, "cleo");
  for (const sku of ["headphones-black", "console-x"]) {
    await page.goto(`/items/${sku}`);
    await page.getByRole("button", { name: "Add to cart" }).click();
    await page.getByText("It is in your cart").waitFor();
  }
  await page.locator("#cart-count").getByText("2", { exact: true }).waitFor();
  await page.goto("/cart");
  await picture(page, "cart");
  await page.locator("#check-out").click();
  await page.waitForURL("/orders/*");
  await reaches(page, "paid");
  assert.equal(await page.locator("#lines tbody tr").count(), 2);
  await leave(context);
});

test("an order of somebody else is none of yours", async () => {
  const dora = await customer(browser, shop, "dora");
  await buy(dora.page, "console-x");
  await reaches(dora.page, "paid");
  const order = dora.page.url();
  const eve = await customer(browser, shop, "eve");
  await eve.page.goto(order);
  await eve.page.getByText("There is no such order").waitFor();
  assert.equal(await eve.page.locator("#body").isVisible(), false);
  await leave(eve.context);

  const stranger = await visit(browser, shop);
  const page = await stranger.newPage();
  await page.goto(order);
  await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await signIn(page, dora.email, order);
  await reaches(page, "paid");
  await leave(stranger);
  await leave(dora.context);
});
