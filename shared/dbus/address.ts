/** A socket of family AF_UNIX: a file, or a name in the abstract space of a network namespace. */
export type UnixAddress = { readonly path: string } | { readonly abstract: string };

/**
 * The sockets of a list of server addresses (D-Bus specification, "Server Addresses"), for example
 * `unix:path=/run/dbus/system_bus_socket;unix:abstract=/tmp/bus`. Other transports are left out.
 */
export function parseBusAddresses(text: string): readonly UnixAddress[] {
  return text
    .split(";")
    .map(parseBusAddress)
    .filter((address) => address !== undefined);
}

/** The form in which it stands in DBUS_SYSTEM_BUS_ADDRESS, more or less: for people. */
export function formatBusAddress(address: UnixAddress): string {
  return "path" in address ? `unix:path=${address.path}` : `unix:abstract=${address.abstract}`;
}

function parseBusAddress(text: string): UnixAddress | undefined {
  const [, pairs] = /^unix:(.+)$/s.exec(text) ?? [];
  if (pairs === undefined) return undefined;
  const values = new Map<string, string>();
  for (const pair of pairs.split(",")) {
    const [, key, escaped] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    const value = escaped === undefined ? undefined : withoutEscapes(escaped);
    if (key === undefined || value === undefined) return undefined;
    values.set(key, value);
  }
  const path = values.get("path");
  const abstract = values.get("abstract");
  if (path !== undefined && path !== "" && abstract === undefined) return { path };
  return abstract !== undefined && path === undefined ? { abstract } : undefined;
}

/** `%20` is a blank. Undefined for a broken escape or a zero byte. */
function withoutEscapes(text: string): string | undefined {
  try {
    const value = decodeURIComponent(text);
    return value.includes("\0") ? undefined : value;
  } catch {
    return undefined;
  }
}
