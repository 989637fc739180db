// Forms that are sent by a script: their fields as an object, the button off meanwhile, failures said in words.

import { one, working } from "./dom.js";

export function form(id, work) {
  const element = one(id);
  const output = one("#answer");
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(element));
    working(one("button[type=submit]", element), output, () => work(values, output, element));
  });
}
