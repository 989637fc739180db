// The link in the e-mail. A click of the person verifies, so that a mail scanner which opens links does not.

import { ask } from "./api.js";
import { one, say, working } from "./dom.js";
import { isSignedIn, renew } from "./session.js";

export function start() {
  const output = one("#answer");
  const token = new URLSearchParams(location.search).get("token");
  if (!token) {
    say(output, "The link is not whole. Copy all of it from the e-mail.", "bad");
    return;
  }
  one("#verify").hidden = false;
  one("#verify").addEventListener("click", () =>
    working(one("#verify"), output, async () => {
      await ask("POST", "/v1/accounts:verify", { body: { token }, auth: false });
      // Whoever is signed in has a token that still says otherwise; only the next one lets them order.
      if (isSignedIn()) await renew();
      one("#verify").hidden = true;
      one("#done").hidden = false;
      say(output, "Your address is verified. You can order now.", "good");
    }),
  );
}
