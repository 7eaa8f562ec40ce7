import { fileURLToPath } from "node:url";
import type { Host } from "../host/host.ts";

const tool = fileURLToPath(new URL("fake-bus-tool.ts", import.meta.url));

/** How a fake bus, or the fake firewalld on it, behaves: see fake-bus-tool.ts. */
type Misbehaviour =
  | readonly ["dead"]
  | readonly ["silent"]
  | readonly ["late", milliseconds: string]
  | readonly ["error", name: string, text: string];

/**
 * Starts a fake system bus in a host.
 *
 * @returns the value for DBUS_SYSTEM_BUS_ADDRESS, and what has happened so far: the methods of firewalld that were called,
 *   and a line for each connection.
 */
export async function startFakeBus(
  host: Host,
  behaviour: Misbehaviour,
): Promise<{ address: string; calls: readonly string[]; connections: readonly string[] }> {
  const socket = `${host.tempDir()}/bus`;
  const child = await host.start(process.execPath, [tool, socket, ...behaviour]);
  const calls: string[] = [];
  const connections: string[] = [];
  child.stdout?.on("data", (text: string) => {
    const lines = text.split("\n").filter((line) => line !== "");
    for (const line of lines) (line === "connected" ? connections : calls).push(line);
  });
  return { address: `unix:path=${socket}`, calls, connections };
}
