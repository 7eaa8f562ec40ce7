import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { type BusConnection, messageBus, openSystemBus } from "../../shared/dbus/connection.ts";
import { BusTimeout, BusUnavailable, DbusError } from "../../shared/dbus/errors.ts";
import type { Value } from "../../shared/dbus/reader.ts";
import { bitLength, formatIp, type IpAddress } from "../../shared/ip/address.ts";
import type { FirewallConfig } from "./config.ts";

// firewalld's D-Bus interface: firewalld.dbus(5). Sources are bound at run time only: a reload forgets them.

const serviceName = "org.fedoraproject.FirewallD1";
const zoneInterface = { destination: serviceName, path: "/org/fedoraproject/FirewallD1" } as const;

/** The bus answers at once; at boot it may be busy. */
const busMilliseconds = 5_000;
/** libdbus' limit for calls. firewalld does one thing at a time, and a reload may take many seconds. */
const serviceMilliseconds = 25_000;

/** Names of error replies: nobody has the name, or gave it up while we waited. */
const goneErrors = ["ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected"].map(
  (name) => `org.freedesktop.DBus.Error.${name}`,
);
/** The bus's own, and firewalld's: NotAuthorizedException, below names that changed over time. */
const authorizationError = /^org\.freedesktop\.DBus\.Error\.AccessDenied$|NotAuthorized/;

/** firewalld as the bus leads to it. */
export class Firewalld {
  readonly #bus: BusConnection;
  /** Not asked for by the configuration, but found running. */
  readonly #isDetected: boolean;

  constructor(bus: BusConnection, isDetected: boolean) {
    this.#bus = bus;
    this.#isDetected = isDetected;
  }

  /**
   * Binds an address to a zone. The bus may start firewalld for it.
   *
   * @returns false when it was bound to this zone already.
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

  /** Unbinds an address. Nothing happens when it is not bound to this zone, or firewalld is gone and with it the binding. */
  removeSource(zone: string, address: IpAddress, milliseconds = serviceMilliseconds): void {
    try {
      this.#call("removeSource", [zone, sourceOf(address)], true, milliseconds);
    } catch (error) {
      if (isGone(error) || isFirewalldError(error, ...notBound)) return;
      throw explained(
        `failed to remove the address ${sourceOf(address)} from ${zone} zone`,
        error,
        this.#isDetected,
      );
    }
  }

  /** Whether it runs. Throws CniError code 11 or 101 when the bus does not answer. */
  isRunning(): boolean {
    try {
      this.#bus.call({ ...messageBus, member: "GetNameOwner", args: [serviceName] }, busMilliseconds);
      return true;
    } catch (error) {
      if (error instanceof DbusError) return false;
      throw error;
    }
  }

  /** Whether an address is bound to a zone. Throws CniError like `addSource`. */
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

  /** What is bound to a zone: addresses, prefixes, MACs, names of ipsets. Throws CniError like `addSource`. */
  sources(zone: string): readonly string[] {
    try {
      const [list] = this.#call("getSources", [zone], true);
      return Array.isArray(list) ? list.filter((source) => typeof source === "string") : [];
    } catch (error) {
      throw explained(`failed to read the sources of ${zone} zone`, error, this.#isDetected);
    }
  }

  close(): void {
    this.#bus.close();
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

/**
 * What the configuration asks for: firewalld when it is named, or when it runs and no backend is named; undefined stands
 * for iptables. The reference plugin's choice.
 *
 * @throws BusUnavailable or BusTimeout when firewalld is named and there is no bus.
 */
export function chooseFirewalld(backend: FirewallConfig["backend"]): Firewalld | undefined {
  if (backend === "iptables" || backend === "nftables") return undefined;
  return backend === "firewalld" ? openFirewalld() : detectFirewalld();
}

/** firewalld because the configuration says so. Throws BusUnavailable or BusTimeout when there is no bus. */
export function openFirewalld(): Firewalld {
  return new Firewalld(openSystemBus(process.env, busMilliseconds), false);
}

/** firewalld if it runs. Costs one `connect` where there is no bus. */
export function detectFirewalld(): Firewalld | undefined {
  let firewalld: Firewalld | undefined;
  try {
    firewalld = new Firewalld(openSystemBus(process.env, busMilliseconds), true);
    if (firewalld.isRunning()) return firewalld;
  } catch {
    // A bus that cannot be used leads to no firewalld.
  }
  firewalld?.close();
  return undefined;
}

/** firewalld does not run, or there is no bus, so that it cannot: nothing is bound. */
export function isGone(error: unknown): boolean {
  if (error instanceof BusUnavailable) return error.isGone;
  if (error instanceof DbusError) return goneErrors.includes(error.errorName);
  return error instanceof CniError && isGone(error.cause);
}

/** No answer in time: what was asked for may have been done or not. */
export function isTimeout(error: unknown): boolean {
  return error instanceof BusTimeout || (error instanceof CniError && isTimeout(error.cause));
}

/** firewalld's own errors begin with their code: "INVALID_ZONE: nope". */
function isFirewalldError(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof DbusError && codes.some((code) => error.text.includes(code));
}

function sourceOf(address: IpAddress): string {
  return `${formatIp(address)}/${bitLength(address.family)}`;
}

/** Puts what was tried in front, and says what to do. */
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
  if (isGone(error)) return [ErrorCode.programMissing, `start firewalld; ${withoutIt}`];
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
