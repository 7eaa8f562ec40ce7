import { CniError, ErrorCode } from "../errors/cni-error.ts";

/** The bus cannot be used. `isGone`: nobody is there, as opposed to somebody who refuses. */
export class BusUnavailable extends CniError {
  readonly isGone: boolean;

  constructor(msg: string, isGone: boolean, options?: ErrorOptions) {
    super(
      ErrorCode.programMissing,
      msg,
      "dbus-daemon or dbus-broker has to run; DBUS_SYSTEM_BUS_ADDRESS tells where when it is not /var/run/dbus/system_bus_socket",
      options,
    );
    this.name = "BusUnavailable";
    this.isGone = isGone;
  }
}

/** No answer in time. */
export class BusTimeout extends CniError {
  constructor(what: string, milliseconds: number) {
    super(
      ErrorCode.tryAgainLater,
      `${what}: no answer within ${milliseconds / 1000} s`,
      "it may be busy: try again, and restart the service if that does not help",
    );
    this.name = "BusTimeout";
  }
}

/** An error reply: `errorName` as in the D-Bus specification, for example org.freedesktop.DBus.Error.ServiceUnknown. */
export class DbusError extends CniError {
  readonly errorName: string;
  /** The sender's own words. */
  readonly text: string;

  constructor(errorName: string, text: string) {
    super(ErrorCode.programFailed, text === "" ? errorName : text, `D-Bus error ${errorName}`);
    this.name = "DbusError";
    this.errorName = errorName;
    this.text = text;
  }
}
