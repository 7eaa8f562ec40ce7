import { once } from "node:events";
import type { Host } from "./host.ts";
import { waitUntil } from "./wait.ts";

/**
 * The machine's own settings for the system bus, without what would start services: firewalld asks for polkit, which
 * could not work here, and goes on without when there is none.
 */
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>/usr/share/dbus-1/system.d/FirewallD.conf</include>
</busconfig>
`;

/** A daemon of a host, which ends with it. */
interface Daemon {
  /** Ends it now. */
  stop(): Promise<void>;
}

/** Starts a system bus, where a host has it: /run is the host's own, so /var/run/dbus is too. */
export async function startBus(host: Host): Promise<Daemon> {
  host.writeFile("/run/dbus/system.conf", busConfig);
  const daemon = await startDaemon(host, "dbus-daemon --config-file=/run/dbus/system.conf --nofork");
  await waitUntil("the bus answers", () => callBus(host, "org.freedesktop.DBus.GetId"));
  return daemon;
}

/** Starts firewalld in a host that has a bus. Its settings are the package's. */
export async function startFirewalld(host: Host): Promise<Daemon> {
  const daemon = await startDaemon(host, "firewalld --nofork --nopid");
  await waitUntil(
    "firewalld runs",
    () => host.run("firewall-cmd", ["--state"], { check: false }).status === 0,
  );
  return daemon;
}

/** What firewall-cmd answers. Throws when it fails. */
export function firewallCmd(host: Host, ...args: readonly string[]): string {
  return host.run("firewall-cmd", args).stdout.trim();
}

/** The addresses that are bound to a zone at run time, sorted. */
export function sourcesOf(host: Host, zone = "trusted"): string[] {
  return firewallCmd(host, `--zone=${zone}`, "--list-sources")
    .split(" ")
    .filter((source) => source !== "")
    .sort();
}

async function startDaemon(host: Host, command: string): Promise<Daemon> {
  // The shell tells its ID as seen in the host, and becomes the daemon.
  const child = host.spawn("sh", ["-c", `echo $$; exec ${command} 2>&1`]);
  const ended = once(child, "exit");
  const [first] = await once(child.stdout.setEncoding("utf8"), "data");
  const pid = String(first).split("\n")[0] ?? "";
  // A pipe that is full would stop the daemon.
  child.stdout.resume();
  return {
    stop: async () => {
      host.run("kill", ["-KILL", pid]);
      await ended;
    },
  };
}

function callBus(host: Host, method: string): boolean {
  const args = ["--system", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus", method];
  return host.run("dbus-send", args, { check: false }).status === 0;
}
