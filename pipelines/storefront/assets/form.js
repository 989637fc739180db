// Forms that are sent by a script: their fields as an object, the button off meanwhile, failures said in words. The button
// comes off too: a browser that sent the form by itself would put a password into the address.

import { one, working } from "./dom.js";

export function form(id, work) {
  const element = one(id);
  const output = one("#answer");
  const button = one("button[type=submit]", element);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(element));
    working(button, output, () => work(values, output, element));
  });
  button.disabled = false;
}
