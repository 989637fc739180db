// What people call the things that orders call by a SKU.

import { ask } from "./api.js";
import { make } from "./dom.js";

const titles = new Map();

function titleOf(sku) {
  if (!titles.has(sku)) {
    const asked = ask("GET", `/v1/products/${encodeURIComponent(sku)}`, { auth: false });
    titles.set(sku, asked.then((product) => product.title).catch(() => sku));
  }
  return titles.get(sku);
}

/** A link to an item, called by its title as soon as that is known. */
export function itemLink(sku) {
  const link = make("a", { href: `/items/${encodeURIComponent(sku)}` }, sku);
  titleOf(sku).then((title) => (link.textContent = title));
  return link;
}
