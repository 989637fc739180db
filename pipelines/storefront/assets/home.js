// The list of products: stock and state follow as they change.

import { all, one, showStock } from "./dom.js";
import { follow } from "./stream.js";

export function start() {
  const cards = new Map(all("[data-sku]").map((card) => [card.dataset.sku, card]));
  const sales = new Set(all("[data-sale]").map((card) => card.dataset.sale));
  for (const sale of sales) {
    follow(`/v1/sales/${encodeURIComponent(sale)}/events`, {
      onEvent: (type, wall) => {
        if (type !== "figures") return;
        for (const item of wall.items) {
          const card = cards.get(item.sku);
          if (!card) continue;
          showStock(card, item.stock);
          const soldOut = one("[data-sold-out]", card);
          if (soldOut) soldOut.hidden = item.stock.free > 0;
        }
      },
    });
  }
}
