// The waiting room: a place is drawn, and stays through reloads, a lost connection and new gateways.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PATIENCE_MS, customer, leave, openBrowser, openShop, picture, pipeline, reaches } from "./shop.js";

const SALE = "room-drop";
const SKU = "drone";
let shop;
let browser;
before(async () => {
  shop = await openShop({ settings: { room_ceiling_per_second: 0 } });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await shop?.close();
});

const state = (page, name, timeout = PATIENCE_MS) => page.locator(`#state[data-state="${name}"]`).waitFor({ timeout });

async function openSale(seconds) {
  const text = `[sale]
name = "${SALE}"
currency = "EUR"
opens = "+${seconds}s"
hold = "10m"
room = true
room_window = "1h"

[[listing]]
sku = "${SKU}"
stock = 5
price = "39.00"
`;
  await writeFile(join(process.env.SHOP_FOLDER, "room.toml"), text);
  await pipeline("sale", "apply", "room.toml", "--wait", "60s");
}

test("a place is kept, whatever is in between", async () => {
  const people = [];
  const begun = Date.now();
  for (const name of ["lena", "marc", "nora"]) people.push(await customer(browser, shop, name));
  // Two enter and one of them comes back before it opens, which takes less than to become three customers.
  const seconds = Math.max(20, Math.ceil((2 * (Date.now() - begun)) / 1000));
  await openSale(seconds);
  for (const { page } of people.slice(0, 2)) {
    await page.goto(`/rooms/${SALE}`);
    await page.getByRole("button", { name: "Take a place" }).click();
    await state(page, "before");
  }
  await picture(people[0].page, "room-before");
  // Closed, and opened again before the draw: still in.
  await people[0].page.close();
  people[0].page = await people[0].context.newPage();
  await people[0].page.goto(`/rooms/${SALE}`);
  await state(people[0].page, "before");

  for (const { page } of people.slice(0, 2)) await state(page, "waiting", 1000 * seconds + PATIENCE_MS);
  const late = people[2].page;
  await late.goto(`/rooms/${SALE}`);
  await late.getByRole("button", { name: "Take a place" }).click();
  await state(late, "waiting");
  const places = () => Promise.all(people.map(({ page }) => page.locator("#place").innerText()));
  const drawn = await places();
  const number = (text) => Number(/number (\d+)/.exec(text)[1]);
  assert.deepEqual(drawn.slice(0, 2).map(number).toSorted(), [1, 2]);
  assert.equal(number(drawn[2]), 3);
  await picture(late, "room-waiting");

  // Ordering around the room does not work: one is sent back to it.
  await late.goto(`/items/${SKU}`);
  await late.locator("#buy:enabled").click();
  await late.waitForURL(`/rooms/${SALE}`);
  await state(late, "waiting");

  await late.reload();
  await state(late, "waiting");
  // The gateway goes, and another comes: pages find it by themselves.
  const { listen } = shop;
  await shop.close();
  for (const { page } of people) await page.locator("#live").waitFor({ state: "hidden" });
  shop = await openShop({ listen, settings: { room_ceiling_per_second: 0 } });
  for (const { page } of people) await page.locator("#live").waitFor();
  assert.deepEqual(await places(), drawn);

  // And one that lets people in.
  await shop.close();
  shop = await openShop({ listen });
  for (const { page } of people) await state(page, "admitted");
  await picture(late, "room-admitted");
  await late.goto(`/items/${SKU}`);
  await late.locator("#buy:enabled").click();
  await late.waitForURL("/orders/*");
  await reaches(late, "paid");
  for (const { context } of people) await leave(context);
  const { stdout } = await pipeline("prove", "--room", SALE);
  assert.match(stdout, /\nPROVED\n$/);
});
