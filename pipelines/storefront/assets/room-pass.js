// Tokens of waiting rooms: they hold a place over reloads and reconnects.

const key = (sale) => `room ${sale}`;

export const passFor = (sale) => localStorage.getItem(key(sale));
export const keepPass = (sale, pass) => localStorage.setItem(key(sale), pass);
export const dropPass = (sale) => localStorage.removeItem(key(sale));

/** The headers of an order that is for these sales: the passes there are. */
export function passHeaders(sales) {
  const passes = [...new Set(sales)].map(passFor).filter(Boolean);
  return passes.length ? { Place: passes.join(", ") } : {};
}

const NEEDED = new Set(["place_needed", "place_invalid", "place_expired", "place_of_another", "not_admitted"]);

/** Whether an order was refused because it was not the customer's turn. */
export const isForTheRoom = (problem) => NEEDED.has(problem.name);

export const goToRoom = (sale) => location.assign(`/rooms/${encodeURIComponent(sale)}`);
