// How numbers, amounts, times and states read.

const locale = document.documentElement.lang || undefined;
const numbers = new Intl.NumberFormat(locale);
const clock = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });

export const number = (value) => numbers.format(value);

/** An amount in minor units, as the currency is written. */
export function money(minor, currency) {
  const format = new Intl.NumberFormat(locale, { style: "currency", currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

export const time = (text) => clock.format(new Date(text));

/** Seconds as 1:05 or 2:00:09. */
export function duration(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (part) => String(part).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A span of seconds in words: "about 2 to 3 minutes". */
export function span(low, high) {
  const minutes = (seconds) => Math.max(1, Math.round(seconds / 60));
  if (high < 60) return high < 15 ? "a few seconds" : "less than a minute";
  const [least, most] = [minutes(low), minutes(high)];
  if (least === most) return `about ${most} ${most === 1 ? "minute" : "minutes"}`;
  return `${least} to ${most} minutes`;
}

const STATES = {
  accepted: ["Received", "Your order is in the queue. It will be decided in a moment."],
  reserving: ["Being reserved", "Some of it is set aside, the rest is being asked for."],
  entered: ["In the draw", "You take part. Winners are drawn when the window ends."],
  held: ["Set aside for you", "It is yours until the time below. Payment is under way."],
  waiting: ["On the waitlist", "It is sold out for now. What comes free is given out in order."],
  rejected: ["Not possible", ""],
  extended: ["Held for longer", "You have more time to pay."],
  paid: ["Paid", "Thank you. It is yours."],
  cancelled: ["Cancelled", "You withdrew this order."],
  declined: ["Payment declined", "The payment was not taken, so what was set aside has been let go."],
  expired: ["Time is up", "It was not paid in time and has been let go."],
  turned_away: ["Not served", "The sale ended, or something you asked for ran out before your turn came."],
  refund: ["Money is given back", "A payment came too late to buy anything, and is being returned."],
  refused: ["Change refused", ""],
};
const GOOD = new Set(["held", "paid", "extended"]);
const BAD = new Set(["rejected", "declined", "expired", "turned_away", "refused"]);

export const stateTitle = (state) => (STATES[state] || [state])[0];
export const stateText = (state) => (STATES[state] || ["", ""])[1];
export const stateMood = (state) => (GOOD.has(state) ? "good" : BAD.has(state) ? "bad" : "wait");
export const isOver = (state) =>
  ["rejected", "paid", "cancelled", "declined", "expired", "turned_away"].includes(state);

const REASONS = {
  order_id_reused: "This order was placed before with other content.",
  customer_blocked: "This account cannot order.",
  no_lines: "The order is empty.",
  too_many_lines: "That is too many different items for one order.",
  quantity_not_positive: "The quantity has to be at least one.",
  quantity_too_large: "That is more than one order can hold.",
  sku_repeated: "The same item stands in the order twice.",
  ledger_full: "The shop is full just now. Try again in a while.",
  listing_unknown: "This is not for sale.",
  listing_closed: "The sale has ended.",
  listing_not_open: "The sale has not opened yet.",
  listing_paused: "The sale is paused. Try again in a moment.",
  currency_foreign: "This is sold in another currency.",
  limit_per_customer: "You have reached the limit for this item.",
  stock_short: "Sold out: there is not enough left.",
  waitlist_full: "Sold out, and the waitlist is full.",
  order_ended: "The order has ended already.",
};

export const reasonText = (reason) => REASONS[reason] || (reason || "").replaceAll("_", " ");
