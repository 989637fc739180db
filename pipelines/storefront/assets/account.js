// Registering, signing in and out, and erasing an account.

import { ask } from "./api.js";
import { one, say, working } from "./dom.js";
import { form } from "./form.js";
import { begin, forget, isSignedIn } from "./session.js";

/** Where to go on: a path of this shop, never an address somebody put into a link. */
function next() {
  // The browser says what it would make of the words: it reads more into them than one would think.
  const target = new URL(new URLSearchParams(location.search).get("next") || "/", location.origin);
  return target.origin === location.origin ? target.pathname + target.search : "/";
}

async function showMe() {
  one("#strangers").hidden = isSignedIn();
  one("#member").hidden = !isSignedIn();
  if (!isSignedIn()) return;
  const me = await ask("GET", "/v1/me");
  one("#email").textContent = me.email;
  one("#unverified").hidden = me.verified;
}

export async function start() {
  const output = one("#answer");
  form("#sign-in-form", async ({ email, password }) => {
    begin(await ask("POST", "/v1/sessions", { body: { email, password }, auth: false }));
    location.assign(next());
  });
  form("#register-form", async ({ email, password }, said, element) => {
    const locale = document.documentElement.lang;
    await ask("POST", "/v1/accounts", { body: { email, password, locale }, auth: false });
    element.reset();
    say(said, "We have sent you an e-mail. Open the link in it to finish.", "good");
  });
  form("#erase-form", async ({ password }, said) => {
    await ask("DELETE", "/v1/me", { body: { password } });
    forget();
    say(said, "Your data are gone. Decided orders stay in the log under a number that names nobody.", "good");
    await showMe();
  });
  one("#sign-out").addEventListener("click", () =>
    working(one("#sign-out"), output, async () => {
      await ask("DELETE", "/v1/sessions");
      forget();
      await showMe();
    }),
  );
  one("#resend").addEventListener("click", () =>
    working(one("#resend"), output, async () => {
      await ask("POST", "/v1/accounts:resend", { body: { email: one("#email").textContent } });
      say(output, "We have sent it again.", "good");
    }),
  );
  await working(null, output, showMe);
}
