// Who is signed in. The access token lives in this page's memory only, the refresh token in a cookie no script can read.

const HINT = "signed-in";
const MARGIN_MS = 30_000;

let access = null;
let endsAt = 0;

/** Whether somebody signed in from this browser and has not signed out. Only a hint: the gateway knows. */
export const isSignedIn = () => localStorage.getItem(HINT) === "yes";

/** Takes the answer to signing in, or to staying so. */
export function begin(answer) {
  access = answer.access_token;
  endsAt = Date.now() + 1000 * answer.expires_in;
  localStorage.setItem(HINT, "yes");
  document.dispatchEvent(new Event("session"));
}

export function forget() {
  access = null;
  localStorage.removeItem(HINT);
  document.dispatchEvent(new Event("session"));
}

// A refresh token is good for one use, and two uses look like a theft: the tabs of a browser take turns.
const inTurn = (work) => (navigator.locks ? navigator.locks.request("refresh", work) : work());

/** Gets a new access token; without one, nobody is signed in any more. */
export function renew() {
  const before = access;
  return inTurn(async () => {
    if (access !== before && Date.now() < endsAt - MARGIN_MS) return access;
    try {
      const response = await fetch("/v1/sessions:refresh", { method: "POST", credentials: "same-origin" });
      if (response.ok) begin(await response.json());
      else if (response.status === 401 || response.status === 400) forget();
    } catch {
      // Away for now: what was known stays known.
    }
    return access;
  });
}

/** An access token that is good for a while yet, or null. */
export async function token() {
  if (!isSignedIn()) return null;
  if (access && Date.now() < endsAt - MARGIN_MS) return access;
  return renew();
}
