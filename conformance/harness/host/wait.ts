import { setTimeout as delay } from "node:timers/promises";

/**
 * Looks again and again until a condition holds. For what nobody announces: the kernel tears network namespaces
 * down in the background, and daemons open their sockets when they are ready. Throws after `deadlineMs`.
 */
export async function waitUntil(
  what: string,
  holds: () => boolean | Promise<boolean>,
  deadlineMs = 120_000,
): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await delay(20);
  }
}
