// What the scenarios share: a gateway that runs, people who visit it, the letters they get, and the command line beside it.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

export const PATIENCE_MS = 60_000;
const LOOK_MS = 50;
const PASSWORD = "correct horse battery";
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

function need(name) {
  if (process.env[name]) return process.env[name];
  throw new Error(`${name} is not set; run these by: cargo test --workspace --test browser`);
}

/** The folder in which `pipeline` is configured. */
const folder = need("SHOP_FOLDER");

/** Runs `pipeline` to its end. */
export const pipeline = (...words) => promisify(execFile)(need("PIPELINE"), words, { cwd: folder });

/** Waits until `look` gives something. */
export async function until(what, look) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(LOOK_MS)) {
    const found = await look();
    if (found) return found;
  }
  throw new Error(`waited in vain until ${what}`);
}

/** A gateway of the shop. */
class Shop {
  #process;
  #said = "";

  static async open({ listen = "127.0.0.1:0", settings = {} } = {}) {
    const shop = new Shop();
    const set = Object.entries(settings).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
    const words = ["gateway", "run", "--listen", listen, ...set];
    shop.#process = spawn(need("PIPELINE"), words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    shop.#process.stderr.on("data", (bytes) => (shop.#said += bytes));
    shop.url = await until("the gateway listens", () => {
      assert.equal(shop.#process.exitCode, null, shop.#said);
      return /taking orders at (http:[^;]*);/.exec(shop.#said)?.[1];
    });
    shop.listen = new URL(shop.url).host;
    await until("the gateway is ready", async () => (await fetch(`${shop.url}/readyz`)).ok);
    return shop;
  }

  async close() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    assert.equal(await ended, 0, this.#said);
  }

  /** What the gateway says of a listing. */
  listing = async (sku) => (await fetch(`${this.url}/v1/listings/${sku}`)).json();
}

export const openShop = (options) => Shop.open(options);

/** A browser; its people are strangers to each other. */
export async function openBrowser() {
  const executablePath = process.env.CHROMIUM || CHROMIUM.find(existsSync);
  if (!executablePath) throw new Error("there is no Chromium; install it (Debian: apt-get install chromium), or name one as CHROMIUM");
  return chromium.launch({ executablePath });
}

/** What a browser complained of on its own account: a script that failed, or something the pages' policy forbids. */
const complaints = new WeakMap();

/** A stranger's browser window. */
export async function visit(browser, shop, options = {}) {
  const context = await browser.newContext({ baseURL: shop.url, viewport: { width: 1100, height: 820 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const found = [];
  complaints.set(context, found);
  context.on("weberror", (problem) => found.push(String(problem.error())));
  context.on("console", (message) => message.text().includes("Content Security Policy") && found.push(message.text()));
  return context;
}

/** Closes a window, in which nothing may have gone wrong. */
export async function leave(context) {
  await context.close();
  assert.deepEqual(complaints.get(context), []);
}

/** The link in the letter to somebody. */
const link = (email) =>
  until(`there is a letter to ${email}`, async () => {
    const letters = join(folder, "outbox");
    const names = existsSync(letters) ? await readdir(letters) : [];
    const texts = await Promise.all(names.filter((name) => name.endsWith(".txt")).map((name) => readFile(join(letters, name), "utf8")));
    const text = texts.find((letter) => letter.startsWith(`to: ${email}\n`));
    return /https?:\S+\/verify\?token=\S+/.exec(text ?? "")?.[0];
  });

/** Signs in on the account page, which then leads on to `next`. */
export async function signIn(page, email, next = "/") {
  await page.locator("#in-email").fill(email);
  await page.locator("#in-password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(next);
}

/** A customer: registered, verified by the link of a letter, and signed in. */
export async function customer(browser, shop, name) {
  const context = await visit(browser, shop);
  const page = await context.newPage();
  const email = `${name}@example.org`;
  await page.goto("/account");
  await page.locator("#new-email").fill(email);
  await page.locator("#new-password").fill(PASSWORD);
  await page.getByRole("button", { name: "Register" }).click();
  await page.getByText("We have sent you an e-mail").waitFor();
  await page.goto(await link(email));
  await page.locator("#verify-password").fill(PASSWORD);
  await page.getByRole("button", { name: "Verify my address" }).click();
  await page.getByText("Your address is verified").waitFor();
  await page.goto("/account");
  await signIn(page, email);
  return { context, page, email };
}

/** Presses what buys an item, and waits for the page of the order. */
export async function buy(page, sku) {
  await page.goto(`/items/${sku}`);
  await page.locator("#buy:enabled").click();
  await page.waitForURL("/orders/*");
}

/** Waits until the page of an order shows a state. */
export const reaches = (page, state) => page.locator(`#state[data-state="${state}"]`).waitFor();

/** Waits until the page of an order tells as many steps, which are these. */
export async function wentThrough(page, steps) {
  const told = page.locator("#steps strong");
  await told.nth(steps.length - 1).waitFor();
  assert.deepEqual(await told.allInnerTexts(), steps);
}

/** Keeps a picture of a page. */
export async function picture(page, name) {
  const screens = need("PICTURES_FOLDER");
  await mkdir(screens, { recursive: true });
  await page.screenshot({ path: join(screens, `${name}.png`), fullPage: true });
}
