// A forgotten password: without a link in the address, asking for one; with it, choosing a new password.

import { ask } from "./api.js";
import { one, say } from "./dom.js";
import { form } from "./form.js";
import { forget } from "./session.js";

export function start() {
  const token = new URLSearchParams(location.search).get("token");
  const shown = one(token ? "#reset-form" : "#forgot-form");
  shown.hidden = false;
  form("#forgot-form", async ({ email }, said, element) => {
    await ask("POST", "/v1/accounts:forgot", { body: { email }, auth: false });
    element.hidden = true;
    say(said, "If there is an account with this address, an e-mail is on its way. Open the link in it.", "good");
  });
  form("#reset-form", async ({ password }, said, element) => {
    await ask("POST", "/v1/accounts:reset", { body: { token, password }, auth: false });
    forget();
    element.hidden = true;
    one("#done").hidden = false;
    say(said, "Your new password is set. Sign in with it.", "good");
  });
}
