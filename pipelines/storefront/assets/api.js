// Asking the gateway. Every failure is a Problem with a sentence for people; nothing else is thrown.

import { token, renew, isSignedIn } from "./session.js";

export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || "Something went wrong.");
    this.status = status;
    this.name = (body.type || "").split("/").pop();
    this.rejectNumber = body.reject_number;
    this.retryAfter = retryAfter;
    this.body = body;
  }
}

const AWAY = { type: "/problems/unreachable", title: "The shop does not answer. Check the connection, then try again." };

async function send(method, path, { body, headers = {}, auth = true }) {
  const all = { Accept: "application/json", ...headers };
  if (body !== undefined) all["Content-Type"] = "application/json";
  const access = auth && isSignedIn() ? await token() : null;
  if (access) all.Authorization = `Bearer ${access}`;
  try {
    return await fetch(path, {
      method,
      headers: all,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch {
    throw new Problem(0, AWAY);
  }
}

/** Asks, and gives what was answered: null where there is no body. */
export async function ask(method, path, options = {}) {
  let response = await send(method, path, options);
  if (response.status === 401 && isSignedIn() && options.auth !== false) {
    await renew();
    response = await send(method, path, options);
  }
  const text = await response.text();
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    body = { title: "The answer could not be read." };
  }
  if (!response.ok) throw new Problem(response.status, body || {}, Number(response.headers.get("Retry-After")) || null);
  return body;
}

const PATIENCE = 8;

/**
 * Places an order, and asks again under the same key for as long as nobody knows whether it arrived: whatever happened to
 * the first try, there is one order.
 */
export async function place(path, body, { key = crypto.randomUUID(), headers = {} } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask("POST", path, { body, headers: { ...headers, "Idempotency-Key": key, Prefer: "wait=3" } });
    } catch (problem) {
      const isOpen = problem.status === 0 || problem.status === 503 || problem.status === 504 || problem.status === 429;
      if (!isOpen || attempt === PATIENCE) throw problem;
      const seconds = problem.retryAfter || Math.min(2 ** (attempt - 2), 8);
      await new Promise((resolve) => setTimeout(resolve, 1000 * seconds * (0.75 + Math.random() / 2)));
    }
  }
}
