// Two tabs of one customer against a limit of one unit each customer.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { buy, customer, leave, openBrowser, openShop, picture, reaches } from "./shop.js";

const SKU = "headphones-white";
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

test("of two tabs that buy at once, one gets it and the other hears why not", async () => {
  const { context, page } = await customer(browser, shop, "frida");
  const other = await context.newPage();
  const tabs = [page, other];
  await Promise.all(tabs.map((tab) => tab.goto(`/items/${SKU}`)));
  await Promise.all(tabs.map((tab) => tab.locator("#buy:enabled").waitFor()));
  const before = await shop.listing(SKU);
  await Promise.all(tabs.map((tab) => tab.locator("#buy").click()));
  // An order that is decided while the page waits is told there, else on the page of the order.
  const bought = async (tab) => {
    const paid = tab.locator('#state[data-state="paid"]');
    await paid.or(tab.getByText("You have reached the limit for this item.")).first().waitFor();
    return paid.isVisible();
  };
  const outcomes = await Promise.all(tabs.map(bought));
  assert.deepEqual(outcomes.toSorted(), [false, true]);
  const loser = tabs[outcomes.indexOf(false)];
  await picture(loser, "limit-reached");
  const now = await shop.listing(SKU);
  assert.deepEqual([now.stock.sold - before.stock.sold, before.stock.free - now.stock.free], [1, 1]);

  // Nor later, nor from another browser: the limit is the customer's.
  await loser.goto(`/items/${SKU}`);
  await loser.locator("#buy:enabled").click();
  assert.equal(await bought(loser), false);
  await leave(context);
  const { context: others, page: another } = await customer(browser, shop, "gustav");
  await buy(another, SKU);
  await reaches(another, "paid");
  await leave(others);
});
