import assert from "node:assert/strict";
import type { Host } from "../host/host.ts";
import { waitUntil } from "../host/wait.ts";
import { fetchText, isUnreachable, outsideAddresses } from "../traffic/traffic.ts";

/** What a container of `image.ts` runs to serve a page at its port 80, IPv4 and IPv6. */
export const servePage = [
  "sh",
  "-c",
  "mkdir -p /www && echo hello > /www/index.html && exec httpd -f -p 80 -h /www",
];

/** The text of that page. */
export const page = "hello\n";

/**
 * Waits until the page comes at each URL, asked for in the host, and asserts that the neighbour of `addOutside` gets
 * it too where the address is the host's own on that link.
 */
export async function assertServed(host: Host, urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    await waitUntil(`${url} answers`, () => !isUnreachable(host, url));
    assert.equal(fetchText(host, url), page, url);
    if (!Object.values(outsideAddresses.host).some((own) => url.includes(own))) continue;
    assert.equal(fetchText(host, url, { netns: "outside" }), page, `${url} from outside`);
  }
}
