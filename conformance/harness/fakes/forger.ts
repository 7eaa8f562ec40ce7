import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Host } from "../host/host.ts";

const tool = fileURLToPath(new URL("forger-tool.ts", import.meta.url));

/** What a forger says: see forger-tool.ts. */
export type Forgery =
  | readonly ["route", name: string, mac: string, index: string]
  | readonly ["netfilter", errno: string]
  | readonly ["groups"];

interface Forger {
  /** The ports of the sockets that it has found and sent to. */
  readonly tried: readonly number[];
  /** Ends it; by then `tried` is complete. */
  stop(): Promise<void>;
}

/**
 * Starts a process of an ordinary user with CAP_NET_ADMIN, in the host or one of its namespaces, that answers a
 * program's requests in place of the kernel.
 *
 * @param flood keeps the program's sockets full as well.
 */
export async function startForger(
  host: Host,
  program: string,
  forgery: Forgery,
  { flood = false, netns }: { flood?: boolean; netns?: string } = {},
): Promise<Forger> {
  const args = [tool, program, ...(flood ? ["flood"] : []), ...forgery];
  const child = await host.start(process.execPath, args, netns === undefined ? {} : { netns });
  const tried: number[] = [];
  child.stdout?.on("data", (text: string) => {
    for (const [, port] of text.matchAll(/^tried (\d+)$/gm)) tried.push(Number(port));
  });
  const ended = once(child, "close");
  const stop = async () => {
    child.stdin?.end();
    await ended;
  };
  return { tried, stop };
}
