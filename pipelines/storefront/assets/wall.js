// The wall of a sale: for a big screen.

import { make, one, showStock, stockBar } from "./dom.js";
import { itemLink } from "./names.js";
import { follow } from "./stream.js";
import { number, reasonText } from "./words.js";

const SECONDS_SHOWN = 120;
const rates = [];
const items = new Map();
let rate = 0;

function spark() {
  rates.push(rate);
  if (rates.length > SECONDS_SHOWN) rates.shift();
  const most = Math.max(1, ...rates);
  const points = rates.map((value, index) => `${(100 * index) / (SECONDS_SHOWN - 1)} ${38 - (36 * value) / most}`);
  one("#spark path").setAttribute("d", points.length > 1 ? `M${points.join("L")}` : "");
}

function makeItem(sku) {
  const figures = make("span", { class: "small soft number push", "data-figures": "" });
  const entry = make("li", {}, make("div", { class: "row" }, make("strong", {}, itemLink(sku)), figures));
  entry.append(stockBar());
  one("#items").append(entry);
  return entry;
}

/** The entry of a listing: the page came with those there were then. */
function itemOf(sku) {
  if (!items.has(sku)) {
    const entry = one(`#items [data-sku="${CSS.escape(sku)}"]`) || makeItem(sku);
    items.set(sku, { entry, figures: one("[data-figures]", entry) });
  }
  return items.get(sku);
}

function show(wall) {
  rate = wall.decided_per_second;
  const figures = {
    decided: wall.decided, rate, sold: wall.stock.sold, held: wall.stock.held, free: wall.stock.free,
    waiting: wall.stock.waiting, paid: wall.events.paid || 0,
  };
  for (const [name, value] of Object.entries(figures)) {
    const output = one(`#figure-${name}`);
    if (output) output.textContent = number(value);
  }
  showStock(one("#whole"), wall.stock);
  for (const { sku, stock } of wall.items) {
    const { entry, figures: text } = itemOf(sku);
    showStock(entry, stock);
    text.textContent = `${number(stock.free)} free, ${number(stock.held)} held, ${number(stock.sold)} sold`;
  }
  const rejects = Object.entries(wall.rejects).sort(([, a], [, b]) => b - a);
  one("#rejects").replaceChildren(
    ...rejects.map(([reason, count]) =>
      make("tr", {}, make("td", {}, reasonText(reason)), make("td", { class: "number" }, number(count)))),
  );
  one("#no-rejects").hidden = rejects.length > 0;
  if (wall.proof) showProof(wall.proof);
}

function showProof(proof) {
  const box = one("#proof");
  box.hidden = false;
  box.classList.toggle("good", proof.holds);
  box.classList.toggle("bad", !proof.holds);
  one("#proof-text").textContent = proof.text;
  one("#certificate").textContent = proof.certificate;
}

export function start() {
  const sale = one("#wall").dataset.sale;
  setInterval(spark, 1000);
  follow(`/v1/sales/${encodeURIComponent(sale)}/events`, {
    onEvent: (type, data) => {
      if (type === "figures") show(data);
    },
    onState: (isLive) => (one("#live").hidden = !isLive),
  });
}
