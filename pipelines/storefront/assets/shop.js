// On every page: the theme, who is signed in, the cart's count; then what the page itself needs.

import { ask } from "./api.js";
import { all, one } from "./dom.js";
import { isSignedIn } from "./session.js";

const PAGES = {
  item: () => import("./item.js"),
  order: () => import("./order.js"),
  orders: () => import("./orders.js"),
  cart: () => import("./cart.js"),
  room: () => import("./room.js"),
  wall: () => import("./wall.js"),
  account: () => import("./account.js"),
  verify: () => import("./verify.js"),
  reset: () => import("./reset.js"),
  home: () => import("./home.js"),
};

function theme() {
  const root = document.documentElement;
  const kept = localStorage.getItem("theme");
  if (kept) root.dataset.theme = kept;
  one("#theme")?.addEventListener("click", () => {
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  });
}

function showSession() {
  const signedIn = isSignedIn();
  all("[data-signed-in]").forEach((element) => (element.hidden = !signedIn));
  all("[data-signed-out]").forEach((element) => (element.hidden = signedIn));
}

let counts = 0;

async function countCart() {
  const badge = one("#cart-count");
  if (!badge || !isSignedIn()) return;
  counts += 1;
  const turn = counts;
  try {
    const cart = await ask("GET", "/v1/cart");
    // An earlier question may be answered after a later one.
    if (turn !== counts) return;
    const units = cart.lines.reduce((sum, line) => sum + line.quantity, 0);
    badge.textContent = units || "";
    badge.hidden = !units;
  } catch {
    // The page works without the count.
  }
}

theme();
showSession();
document.addEventListener("session", showSession);
document.addEventListener("cart", countCart);
countCart();
PAGES[document.body.dataset.page]?.().then((page) => page.start());
