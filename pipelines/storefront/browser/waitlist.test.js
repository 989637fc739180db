// Sold out, on the waitlist, and then stock comes.

import { after, before, test } from "node:test";
import { buy, customer, leave, openBrowser, openShop, picture, pipeline, reaches, wentThrough } from "./shop.js";

const SKU = "watch-silver";
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

test("who waits gets what comes in, without touching the page", async () => {
  const first = await customer(browser, shop, "hanna");
  const second = await customer(browser, shop, "ivo");
  // Open while the other one buys the last: it changes by itself.
  await second.page.goto(`/items/${SKU}`);
  await second.page.getByRole("button", { name: "Buy now" }).waitFor();
  await buy(first.page, SKU);
  await reaches(first.page, "paid");
  await second.page.getByRole("button", { name: "Join the waitlist" }).waitFor();
  await picture(second.page, "sold-out");
  await second.page.getByRole("button", { name: "Tell me" }).click();
  await second.page.getByText("You will hear from us by e-mail.").waitFor();

  await second.page.locator("#buy:enabled").click();
  await second.page.waitForURL("/orders/*");
  await reaches(second.page, "waiting");
  await picture(second.page, "waiting");
  await pipeline("listing", "restock", SKU, "1", "--wait", "60s");
  await reaches(second.page, "paid");
  await wentThrough(second.page, ["On the waitlist", "Set aside for you", "Paid"]);
  await picture(second.page, "stock-came");
  await leave(first.context);
  await leave(second.context);
});

test("who no longer wants to wait withdraws, and the next in line is served", async () => {
  const [jo, kim] = [await customer(browser, shop, "jo"), await customer(browser, shop, "kim")];
  for (const { page } of [jo, kim]) {
    await buy(page, SKU);
    await reaches(page, "waiting");
  }
  await jo.page.getByRole("button", { name: "Withdraw this order" }).click();
  await reaches(jo.page, "cancelled");
  await pipeline("listing", "restock", SKU, "1", "--wait", "60s");
  await reaches(kim.page, "paid");
  await leave(jo.context);
  await leave(kim.context);
});
