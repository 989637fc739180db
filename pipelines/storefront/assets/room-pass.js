// Tokens of waiting rooms: they hold a place over reloads and reconnects.

const key = (sale) => `room ${sale}`;

export const passFor = (sale) => localStorage.getItem(key(sale));
export const keepPass = (sale, pass) => localStorage.setItem(key(sale), pass);
export const dropPass = (sale) => localStorage.removeItem(key(sale));
