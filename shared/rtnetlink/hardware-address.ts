/**
 * Parses a hardware address in the notations that Go's net.ParseMAC takes: 6, 8 or 20 bytes as pairs of hex digits
 * with ":" or "-" or nothing between, or as groups of four with "." between. Undefined for anything else.
 */
export function parseMac(text: string): Uint8Array | undefined {
  if (text.length > 59) return undefined;
  const pairs = /^[0-9a-f]{2}([:-]?)[0-9a-f]{2}(?:\1[0-9a-f]{2})*$/i.test(text);
  const quads = /^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$/i.test(text);
  if (!pairs && !quads) return undefined;
  const bytes = Uint8Array.from(Buffer.from(text.replace(/[:.-]/g, ""), "hex"));
  return [6, 8, 20].includes(bytes.length) ? bytes : undefined;
}

/** Lower-case pairs with ":" between, as the kernel's tools print it. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** A new address of one interface, from the range that is for everybody's own use (IEEE 802, locally administered). */
export function randomMac(): Uint8Array {
  const bytes = Uint8Array.from({ length: 6 }, () => Math.floor(Math.random() * 256));
  bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 0x02;
  return bytes;
}
