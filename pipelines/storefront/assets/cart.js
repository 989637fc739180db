// The cart, and checking it out as one order.

import { ask } from "./api.js";
import { placeAndGo } from "./buying.js";
import { make, one, say, working } from "./dom.js";
import { itemLink } from "./names.js";
import { isStranger } from "./stranger.js";
import { money } from "./words.js";

const output = () => one("#answer");
let cart = null;
const listings = new Map();

async function listingOf(sku) {
  if (!listings.has(sku)) {
    const listing = await ask("GET", `/v1/listings/${encodeURIComponent(sku)}`, { auth: false }).catch(() => null);
    // A failure is not kept: the next look asks again.
    if (listing) listings.set(sku, listing);
  }
  return listings.get(sku) ?? null;
}

function change(sku, quantity) {
  return working(null, output(), async () => {
    const path = `/v1/cart/lines/${encodeURIComponent(sku)}`;
    await (quantity > 0 ? ask("PUT", path, { body: { quantity } }) : ask("DELETE", path));
    document.dispatchEvent(new Event("cart"));
    await show();
  });
}

function row(line, listing) {
  const field = make("input", {
    type: "number", min: 1, max: listing?.limit_per_customer || 1000, value: line.quantity, inputmode: "numeric",
    "aria-label": `Quantity of ${line.sku}`,
  });
  field.addEventListener("change", () => field.reportValidity() && change(line.sku, field.valueAsNumber));
  const remove = make("button", { type: "button", class: "plain", "aria-label": `Remove ${line.sku}` }, "Remove");
  remove.addEventListener("click", () => change(line.sku, 0));
  const price = listing ? money(listing.unit_price * line.quantity, listing.currency) : "";
  return make(
    "tr",
    {},
    make("td", {}, itemLink(line.sku)),
    make("td", {}, field),
    make("td", { class: "number" }, price),
    make("td", {}, remove),
  );
}

let looks = 0;

async function show() {
  looks += 1;
  const turn = looks;
  const read = await ask("GET", "/v1/cart");
  const found = await Promise.all(read.lines.map((line) => listingOf(line.sku)));
  // An earlier question may be answered after a later one.
  if (turn !== looks) return;
  cart = read;
  one("#cart tbody").replaceChildren(...cart.lines.map((line, index) => row(line, found[index])));
  const isOpen = Boolean(cart.checking_out);
  const isEmpty = cart.lines.length === 0 && !isOpen;
  one("#body").hidden = isEmpty;
  one("#check-out").textContent = isOpen ? "Ask for my order again" : "Order all of it";
  if (isOpen) {
    say(output(), "Nobody knows yet whether your last order arrived. Ask again: however often, it is one order.", "wait");
  }
  one("#none").hidden = !isEmpty;
  const currency = found.find(Boolean)?.currency;
  const total = found.reduce((sum, listing, index) => sum + (listing ? listing.unit_price * cart.lines[index].quantity : 0), 0);
  one("#total").textContent = currency ? money(total, currency) : "";
}

async function checkOut() {
  const currency = [...listings.values()].find(Boolean)?.currency;
  const partial = one("#partial").checked;
  const sales = [...new Set(cart.lines.map((line) => listings.get(line.sku)?.sale).filter(Boolean))];
  const isPlaced = await placeAndGo(sales, "/v1/cart:checkout", { currency, partial }, output());
  if (isPlaced) document.dispatchEvent(new Event("cart"));
}

export async function start() {
  if (isStranger("Sign in to see your cart.")) return;
  one("#check-out").addEventListener("click", () => working(one("#check-out"), output(), checkOut));
  await working(null, output(), show);
}
