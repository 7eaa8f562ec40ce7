import { asCniError } from "../../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { type BusConnection, messageBus, openSystemBus } from "../../../shared/dbus/connection.ts";
import { BusTimeout, BusUnavailable, DbusError } from "../../../shared/dbus/errors.ts";
import type { Value } from "../../../shared/dbus/reader.ts";
import { bitLength, formatIp, type IpAddress } from "../../../shared/ip/address.ts";

// firewalld's D-Bus interface: firewalld.dbus(5). Bindings of sources are part of the runtime configuration: a reload
// forgets them.

const serviceName = "org.fedoraproject.FirewallD1";
const zoneInterface = { destination: serviceName, path: "/org/fedoraproject/FirewallD1" } as const;

/** The limit for calls of the bus itself: it answers at once, but may be busy at boot. */
const busMilliseconds = 5_000;
/** The limit for calls of firewalld, as in libdbus: it does one thing at a time, and a reload may take many seconds. */
const serviceMilliseconds = 25_000;

/** Names of error replies: nobody has firewalld's name on the bus, or its owner gave it up while we waited. */
const goneErrors = ["ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected"].map(
  (name) => `org.freedesktop.DBus.Error.${name}`,
);
/** Names of error replies: the bus's own, and firewalld's NotAuthorizedException, whose prefix changed over time. */
const authorizationError = /^org\.freedesktop\.DBus\.Error\.AccessDenied$|NotAuthorized/;

/** firewalld as one call of the plugin uses it: there is one connection to the bus, made when it is first needed. */
export class FirewalldAccess {
  #bus: BusConnection | undefined;
  #failure: { readonly error: unknown } | undefined;
  #found: { readonly firewalld: Firewalld | undefined } | undefined;

  /** firewalld, which the bus may have to start. Throws BusUnavailable or BusTimeout when there is no bus. */
  open(): Firewalld {
    return new Firewalld(this.#connection(), false);
  }

  /** firewalld if it runs; undefined also when the bus cannot be used. Without a bus it costs one `connect`. */
  find(): Firewalld | undefined {
    this.#found ??= { firewalld: this.#findRunning() };
    return this.#found.firewalld;
  }

  close(): void {
    this.#bus?.close();
  }

  #findRunning(): Firewalld | undefined {
    try {
      const bus = this.#connection();
      bus.call({ ...messageBus, member: "GetNameOwner", args: [serviceName] }, busMilliseconds);
      return new Firewalld(bus, true);
    } catch {
      return undefined;
    }
  }

  #connection(): BusConnection {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      this.#bus ??= openSystemBus(process.env, busMilliseconds);
      return this.#bus;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}

/** firewalld behind a connection to the bus. */
export class Firewalld {
  readonly #bus: BusConnection;
  /** True when the configuration does not name firewalld, but it runs. */
  readonly #isDetected: boolean;

  constructor(bus: BusConnection, isDetected: boolean) {
    this.#bus = bus;
    this.#isDetected = isDetected;
  }

  /**
   * Binds an address to a zone. The bus may start firewalld for it.
   *
   * @returns false when the address was bound to this zone already.
   * @throws CniError: code 7 (no such zone), 11 (no answer), 101 (firewalld cannot be reached), 102 (it refuses), 103
   *   (the address belongs to another zone).
   */
  addSource(zone: string, address: IpAddress): boolean {
    try {
      this.#call("addSource", [zone, sourceOf(address)], false);
      return true;
    } catch (error) {
      if (isFirewalldError(error, "ZONE_ALREADY_SET")) return false;
      throw explained(
        `failed to add the address ${sourceOf(address)} to ${zone} zone`,
        error,
        this.#isDetected,
      );
    }
  }

  /** Unbinds an address, if it is bound to this zone and firewalld runs: bindings end with it. Throws CniError like `addSource`. */
  removeSource(zone: string, address: IpAddress, milliseconds = serviceMilliseconds): void {
    try {
      this.#call("removeSource", [zone, sourceOf(address)], true, milliseconds);
    } catch (error) {
      if (isFirewalldGone(error) || isFirewalldError(error, ...notBound)) return;
      throw explained(
        `failed to remove the address ${sourceOf(address)} from ${zone} zone`,
        error,
        this.#isDetected,
      );
    }
  }

  /** True when an address is bound to a zone. Throws CniError like `addSource`. */
  hasSource(zone: string, address: IpAddress): boolean {
    try {
      return this.#call("querySource", [zone, sourceOf(address)], true)[0] === true;
    } catch (error) {
      throw explained(
        `failed to find the address ${sourceOf(address)} in ${zone} zone`,
        error,
        this.#isDetected,
      );
    }
  }

  /** The sources bound to a zone: addresses, prefixes, MACs, names of ipsets. Throws CniError like `addSource`. */
  sources(zone: string): readonly string[] {
    try {
      const [list] = this.#call("getSources", [zone], true);
      return Array.isArray(list) ? list.filter((source) => typeof source === "string") : [];
    } catch (error) {
      throw explained(`failed to read the sources of ${zone} zone`, error, this.#isDetected);
    }
  }

  #call(
    member: string,
    args: readonly string[],
    noAutoStart: boolean,
    milliseconds = serviceMilliseconds,
  ): readonly Value[] {
    const call = { ...zoneInterface, interface: `${serviceName}.zone`, member, args, noAutoStart };
    return this.#bus.call(call, milliseconds);
  }
}

/** UNKNOWN_SOURCE and ZONE_CONFLICT: bound to no zone, or to another; INVALID_ZONE: the zone is gone. */
const notBound = ["UNKNOWN_SOURCE", "ZONE_CONFLICT", "INVALID_ZONE"];

/** True when the error means that firewalld does not run, or cannot for want of a bus: nothing is bound. */
export function isFirewalldGone(error: unknown): boolean {
  if (error instanceof BusUnavailable) return error.isGone;
  if (error instanceof DbusError) return goneErrors.includes(error.errorName);
  return error instanceof CniError && isFirewalldGone(error.cause);
}

/** True when the error means that there was no answer in time: what was asked for may have been done or not. */
export function isTimeout(error: unknown): boolean {
  return error instanceof BusTimeout || (error instanceof CniError && isTimeout(error.cause));
}

/** True for firewalld's own errors with one of these codes, with which their text begins: "INVALID_ZONE: nope". */
function isFirewalldError(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof DbusError && codes.some((code) => error.text.includes(code));
}

function sourceOf(address: IpAddress): string {
  return `${formatIp(address)}/${bitLength(address.family)}`;
}

/** The error with what was tried in front of its message, and with advice. */
function explained(what: string, error: unknown, isDetected: boolean): unknown {
  const known = asCniError(error);
  if (known === undefined) return error;
  const [code, details] = adviceOn(error, known, isDetected);
  return new CniError(code, `${what}: ${known.message}`, details, { cause: error });
}

function adviceOn(
  error: unknown,
  { code, details }: CniError,
  isDetected: boolean,
): readonly [number, string] {
  const withoutIt =
    '"backend": "iptables" in the configuration of the firewall plugin does without firewalld';
  if (!(error instanceof DbusError)) return [code, details];
  if (authorizationError.test(error.errorName)) {
    const why = isDetected
      ? `firewalld was chosen because it runs and "backend" is not set: ${withoutIt}`
      : `firewalld lets root and those whom polkit allows change it; ${withoutIt}`;
    return [code, why];
  }
  if (isFirewalldGone(error)) return [ErrorCode.programMissing, `start firewalld; ${withoutIt}`];
  if (isFirewalldError(error, "INVALID_ZONE")) {
    return [
      ErrorCode.invalidConfig,
      '"firewalldZone" has to be one of "firewall-cmd --get-zones"; a new permanent zone needs "firewall-cmd --reload"',
    ];
  }
  if (isFirewalldError(error, "ZONE_CONFLICT")) {
    return [
      ErrorCode.conflict,
      'see "firewall-cmd --get-active-zones": an address belongs to one zone, "firewalldZone" chooses which',
    ];
  }
  return [code, `${details}; see the log of firewalld`];
}
