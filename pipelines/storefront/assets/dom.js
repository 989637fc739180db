// Small ways to the page. Texts are set as texts: nothing a server or a person said is ever read as HTML.

export const one = (selector, within = document) => within.querySelector(selector);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/** An element with attributes and children; a text is a child too. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Says something where screen readers hear it. */
export function say(element, text, mood = "") {
  if (!element) return;
  element.className = `notice ${mood}`;
  element.textContent = text;
}

/** Runs the work of a button or form with the button off; failures are said in `output`. */
export async function working(button, output, work) {
  if (button) button.disabled = true;
  try {
    return await work();
  } catch (problem) {
    say(output, problem.message, "bad");
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
}

/** Moves the parts of a stock bar. */
export function showStock(within, stock) {
  const whole = Math.max(1, stock.free + stock.held + stock.sold);
  let left = 0;
  for (const part of ["sold", "held", "free"]) {
    const width = (100 * stock[part]) / whole;
    const rect = one(`.stock .${part}`, within);
    rect?.setAttribute("x", left);
    rect?.setAttribute("width", width);
    left += width;
    const figure = one(`[data-stock="${part}"]`, within);
    if (figure) figure.textContent = new Intl.NumberFormat().format(stock[part]);
  }
  const waiting = one('[data-stock="waiting"]', within);
  if (waiting) waiting.textContent = new Intl.NumberFormat().format(stock.waiting);
}

/** A stock bar; its figures stand beside it as text. */
export function stockBar() {
  const space = "http://www.w3.org/2000/svg";
  const bar = document.createElementNS(space, "svg");
  const set = (element, values) => Object.entries(values).forEach(([name, value]) => element.setAttribute(name, value));
  set(bar, { class: "stock", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const part of ["all", "sold", "held", "free"]) {
    const rect = document.createElementNS(space, "rect");
    set(rect, { class: part, x: 0, y: 0, height: 4, width: part === "all" ? 100 : 0 });
    bar.append(rect);
  }
  return bar;
}
