// An item: live stock and price, and buying it.

import { ask } from "./api.js";
import { placeAndGo } from "./buying.js";
import { make, one, say, showStock, working } from "./dom.js";
import { isSignedIn } from "./session.js";
import { follow } from "./stream.js";
import { duration, money } from "./words.js";

const STATES = { open: "On sale", not_open: "Opens soon", paused: "Paused", closed: "Ended" };

let listing = null;

function show() {
  const buy = one("#buy");
  showStock(document, listing.stock);
  one("#price").textContent = money(listing.unit_price, listing.currency);
  const state = one("#state");
  state.textContent = STATES[listing.state] || listing.state;
  state.className = `tag ${listing.state}`;
  const isShort = listing.stock.free === 0;
  one("#tell-me").hidden = !(listing.state === "not_open" || (isShort && listing.state === "open"));
  const canWait = listing.waitlist_max > 0;
  buy.disabled = listing.state !== "open" || (isShort && !canWait && listing.stock.held === 0);
  buy.textContent = listing.is_drawn ? "Enter the draw" : isShort && canWait ? "Join the waitlist" : "Buy now";
  one("#soon").textContent = "";
}

function countDown() {
  if (listing?.state !== "not_open" || !listing.opens_at) return;
  const left = (Date.parse(listing.opens_at) - Date.now()) / 1000;
  if (left > 0) one("#soon").textContent = `Opens in ${duration(left)}`;
  else {
    listing.state = "open";
    show();
  }
}

function quantity() {
  const field = one("#quantity");
  return field.reportValidity() ? field.valueAsNumber : null;
}

function needsSession(output) {
  if (isSignedIn()) return false;
  say(output, "Please sign in first; what you chose is still here when you come back.", "wait");
  location.assign(`/account?next=${encodeURIComponent(location.pathname)}`);
  return true;
}

async function buy(sku, output) {
  const units = quantity();
  if (units === null || needsSession(output)) return;
  say(output, "Placing your order …", "wait");
  const body = { lines: [{ sku, quantity: units }], currency: listing.currency };
  await placeAndGo([listing.sale], "/v1/orders", body, output);
}

async function addToCart(sku, output) {
  const units = quantity();
  if (units === null || needsSession(output)) return;
  await ask("PUT", `/v1/cart/lines/${encodeURIComponent(sku)}`, { body: { quantity: units } });
  say(output, "It is in your cart. A cart sets nothing aside.", "good");
  document.dispatchEvent(new Event("cart"));
}

async function tellMe(sku, output) {
  if (needsSession(output)) return;
  const event = listing.state === "not_open" ? "opens" : "back_in_stock";
  await ask("POST", "/v1/subscriptions", { body: { sku, event } });
  say(output, "You will hear from us by e-mail.", "good");
}

export async function start() {
  const item = one("#item");
  const sku = item.dataset.sku;
  const output = one("#answer");
  if (!item.dataset.sale) return;
  one("#offer-form").hidden = false;
  const on = (button, work) =>
    one(button).addEventListener("click", () => working(one(button), output, () => work(sku, output)).then(() => listing && show()));
  on("#buy", buy);
  on("#add", addToCart);
  on("#tell-me", tellMe);
  one("#offer-form").addEventListener("submit", (event) => event.preventDefault());
  listing = await ask("GET", `/v1/listings/${encodeURIComponent(sku)}`, { auth: false }).catch(() => null);
  if (listing) show();
  setInterval(countDown, 250);
  follow(`/v1/listings/${encodeURIComponent(sku)}/events`, {
    onEvent: (type, data) => {
      if (type !== "listing") return;
      listing = data;
      show();
    },
    onState: (isLive) => (one("#live").hidden = !isLive),
  });
  const together = await ask("GET", `/v1/products/${encodeURIComponent(sku)}/bought-together`, { auth: false }).catch(() => null);
  if (together?.products?.length) showTogether(together.products);
}

function showTogether(products) {
  const entry = ({ sku, title }) => make("li", {}, make("a", { href: `/items/${encodeURIComponent(sku)}` }, title || sku));
  one("#together ul").append(...products.map(entry));
  one("#together").hidden = false;
}
