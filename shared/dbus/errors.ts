import { Failure } from "../errors/failure.ts";

/** The bus cannot be used. `isGone`: nobody is there, as opposed to somebody who refuses. */
export class BusUnavailable extends Failure {
  readonly isGone: boolean;

  constructor(message: string, isGone: boolean, options?: ErrorOptions) {
    super("missing", message, {
      ...options,
      advice:
        "dbus-daemon or dbus-broker has to run; DBUS_SYSTEM_BUS_ADDRESS tells where when it is not /var/run/dbus/system_bus_socket",
    });
    this.name = "BusUnavailable";
    this.isGone = isGone;
  }
}

/** No answer in time. */
export class BusTimeout extends Failure {
  constructor(what: string, milliseconds: number) {
    super("busy", `${what}: no answer within ${milliseconds / 1000} s`, {
      advice: "it may be busy: try again, and restart the service if that does not help",
    });
    this.name = "BusTimeout";
  }
}

/** An error reply: `errorName` as in the D-Bus specification, for example org.freedesktop.DBus.Error.ServiceUnknown. */
export class DbusError extends Failure {
  readonly errorName: string;
  /** The sender's own words. */
  readonly text: string;

  constructor(errorName: string, text: string) {
    super("failed", text === "" ? errorName : text, { advice: `D-Bus error ${errorName}` });
    this.name = "DbusError";
    this.errorName = errorName;
    this.text = text;
  }
}
