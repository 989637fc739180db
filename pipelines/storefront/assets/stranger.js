// Pages that are of somebody: who is not signed in is asked to, and led back.

import { one, say } from "./dom.js";
import { isSignedIn } from "./session.js";

/** Whether nobody is signed in; then the page says why that is needed. */
export function isStranger(why) {
  if (isSignedIn()) return false;
  say(one("#answer"), why, "wait");
  const link = one("#sign-in");
  one("a", link).href = `/account?next=${encodeURIComponent(location.pathname)}`;
  link.hidden = false;
  return true;
}
