// Shoppers who look and order at a fixed rate, and a program that sends batches. Any answer that is not as it should be, or
// is lost, fails the run; how long answers take does not.
import { check } from "k6";
import { uuid } from "./uuid.js";
import http from "k6/http";

const url = __ENV.URL;
const headers = { Authorization: `Bearer ${__ENV.KEY}`, "Content-Type": "application/json" };
const rate = Number(__ENV.RATE);
const scenario = (exec, share) => ({
  executor: "constant-arrival-rate",
  exec,
  rate: Math.max(1, Math.round(rate * share)),
  timeUnit: "1s",
  duration: __ENV.DURATION,
  preAllocatedVUs: 20,
  maxVUs: 200,
});

export const options = {
  scenarios: { look: scenario("look", 1), order: scenario("order", 1), batch: scenario("batch", 0.1) },
  thresholds: { checks: ["rate==1"], dropped_iterations: ["count==0"] },
};

export function look() {
  const listing = http.get(`${url}/v1/listings/PLENTY`);
  check(listing, {
    "the listing is shown": (answer) => answer.status === 200 && answer.json("sku") === "PLENTY",
    "it may be kept for a second": (answer) => answer.headers["Cache-Control"] === "public, max-age=1",
  });
}

export function order() {
  const lines = [{ sku: "PLENTY", quantity: 1 }];
  const asked = JSON.stringify({ customer: uuid(), lines });
  const params = { headers: { ...headers, "Idempotency-Key": uuid() } };
  const first = http.post(`${url}/v1/orders`, asked, params);
  check(first, { "the log has it": (answer) => answer.status === 202 && answer.json("state") === "accepted" });
  const again = http.post(`${url}/v1/orders`, asked, params);
  check(again, {
    "a repeat gets the same answer": (answer) =>
      answer.status === 202 && answer.json("order_id") === first.json("order_id") && answer.json("offset") === first.json("offset"),
  });
  const refused = http.post(`${url}/v1/orders`, JSON.stringify({ lines: [{ sku: "NONE", quantity: 1 }] }), { headers });
  check(refused, {
    "what is sold out is refused": (answer) => answer.status === 409 && answer.json("type") === "/problems/stock_short",
  });
}

export function batch() {
  const orders = Array.from({ length: 100 }, () => ({ customer: uuid(), lines: [{ sku: "PLENTY", quantity: 1 }] }));
  const answer = http.post(`${url}/v1/orders:batch`, JSON.stringify({ orders }), { headers });
  check(answer, {
    "the log has all of the batch": (got) => got.status === 200 && got.json("results").every((one) => one.state === "accepted"),
  });
}
