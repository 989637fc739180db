// The link in the e-mail says who reads it, the password who has registered. So nobody verifies what somebody else has
// registered with their address, and a mail scanner that opens links verifies nothing.

import { ask } from "./api.js";
import { one, say } from "./dom.js";
import { form } from "./form.js";
import { isSignedIn, renew } from "./session.js";

export function start() {
  const token = new URLSearchParams(location.search).get("token");
  if (!token) {
    say(one("#answer"), "The link is not whole. Copy all of it from the e-mail.", "bad");
    return;
  }
  one("#verify-form").hidden = false;
  form("#verify-form", async ({ password }, said, element) => {
    await ask("POST", "/v1/accounts:verify", { body: { token, password }, auth: false });
    // Whoever is signed in has a token that still says otherwise; only the next one lets them order.
    if (isSignedIn()) await renew();
    element.hidden = true;
    one("#done").hidden = false;
    say(said, "Your address is verified. You can order now.", "good");
  });
}
