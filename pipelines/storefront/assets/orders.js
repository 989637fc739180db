// My orders, the latest first.

import { ask } from "./api.js";
import { make, one, working } from "./dom.js";
import { isStranger } from "./stranger.js";
import { money, stateTitle, time } from "./words.js";

let next = "/v1/me/orders";

function row(order) {
  const what = (order.lines || []).map((line) => `${line.quantity} × ${line.sku}`).join(", ");
  return make(
    "tr",
    {},
    make("td", {}, make("a", { href: `/orders/${order.order_id}` }, what || order.order_id.slice(0, 8))),
    make("td", {}, make("span", { class: `tag ${order.state}` }, stateTitle(order.state))),
    make("td", { class: "number" }, order.total ? money(order.total, order.currency) : ""),
    make("td", { class: "small soft" }, order.decided_at ? time(order.decided_at) : ""),
  );
}

async function more() {
  const page = await ask("GET", next);
  one("#orders tbody").append(...page.orders.map(row));
  next = page.next || null;
  one("#more").hidden = !next;
  one("#orders").hidden = one("#orders tbody").children.length === 0;
  one("#none").hidden = !one("#orders").hidden;
}

export async function start() {
  const output = one("#answer");
  if (isStranger("Sign in to see your orders.")) return;
  one("#more").addEventListener("click", () => working(one("#more"), output, more));
  await working(null, output, more);
}
