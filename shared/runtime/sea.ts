/** Node's sea, as far as plugins use it: https://nodejs.org/api/single-executable-applications.html. */

/** Always true: this runtime is only in executables. */
export function isSea(): true {
  return true;
}

/** An asset's memory, which must not be written to. Throws when the executable has none of the name, with another error than Node's. */
export function getRawAsset(name: string): ArrayBuffer {
  const asset = internalBinding("sea").getAsset(name);
  if (asset === undefined) throw new Error(`this executable has no asset ${name}`);
  return asset;
}
