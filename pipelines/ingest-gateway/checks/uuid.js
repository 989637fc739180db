// Random ids in a UUID's text.
import { randomBytes } from "k6/crypto";

export function uuid() {
  const hex = Array.from(new Uint8Array(randomBytes(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [8, 12, 16, 20].reduceRight((text, at) => `${text.slice(0, at)}-${text.slice(at)}`, hex);
}
