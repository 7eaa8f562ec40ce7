/**
 * Fifty processes of both host-locals at work in one directory without a pause. `npm run stress` does ten thousand
 * calls; HOST_LOCAL_CALLS sets another number.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { isObject, type JsonObject } from "../../harness/host/json.ts";
import { pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { type Command, callPluginAsync, type PluginResponse } from "../../harness/plugins/plugin-call.ts";
import { assertExactIndex, leaseContents, leaseFolders } from "./lease-index.ts";

const ours = `${pluginFolder()}/host-local`;
const peers = `${ensurePeer().binDir}/host-local`;
const calls = Number(process.env["HOST_LOCAL_CALLS"] ?? 3000);
const atOnce = 50;

/** Fewer addresses than workers: the range is full again and again. */
const config: JsonObject = {
  cniVersion: "1.0.0",
  name: "net",
  type: "bridge",
  ipam: {
    type: "host-local",
    ranges: [[{ subnet: "10.1.0.0/27" }, { subnet: "10.2.0.0/29" }], [{ subnet: "fd00::/64" }]],
  },
};

class Storm {
  readonly host: Host;
  readonly dataDir: string;
  /** Who holds which address, from the end of ADD to the start of DEL. */
  readonly holders = new Map<string, string>();
  readonly counts = { calls: 0, added: 0, full: 0 };

  constructor(host: Host) {
    this.host = host;
    this.dataDir = host.tempDir();
  }

  async call(bin: string, command: Command, containerId: string): Promise<PluginResponse> {
    this.counts.calls += 1;
    const ipam = isObject(config["ipam"]) ? { ...config["ipam"], dataDir: this.dataDir } : {};
    const variables = { command, containerId, netns: "/none", ifname: "eth0" };
    const response = await callPluginAsync(this.host, bin, variables, { ...config, ipam });
    assert.equal(response.stderr, "", `${command} ${containerId} by ${bin}`);
    return response;
  }

  async ok(bin: string, command: Command, containerId: string): Promise<void> {
    const { status, stdout } = await this.call(bin, command, containerId);
    assert.equal(status, 0, `${command} ${containerId} by ${bin}: ${stdout}`);
  }

  /** The life of one container: added by one plugin, checked by the other, removed by either. */
  async live(containerId: string, turn: number): Promise<void> {
    const [first, second] = turn % 2 === 0 ? [ours, peers] : [peers, ours];
    const last = turn % 4 < 2 ? ours : peers;
    const { status, stdout, json } = await this.call(first, "ADD", containerId);
    if (status !== 0) {
      assert.match(stdout, /no IP addresses available in range set/, `ADD ${containerId} by ${first}`);
      this.counts.full += 1;
      return;
    }
    this.counts.added += 1;
    const addresses = addressesIn(json);
    assert.equal(addresses.length, 2);
    for (const address of addresses) {
      assert.equal(this.holders.get(address), undefined, `${address} given to ${containerId} as well`);
      this.holders.set(address, containerId);
    }
    await this.ok(second, "CHECK", containerId);
    for (const address of addresses) this.holders.delete(address);
    await this.ok(last, "DEL", containerId);
  }
}

function addressesIn(result: unknown): string[] {
  const ips = isObject(result) && Array.isArray(result["ips"]) ? result["ips"] : [];
  return ips.map((ip) => String(isObject(ip) ? ip["address"] : ip));
}

test(`${calls} calls of both plugins, ${atOnce} at once: no address twice, none lost`, async (t) => {
  const storm = new Storm(await hostFor(t));
  let turn = 0;
  const worker = async (number: number): Promise<void> => {
    while (storm.counts.calls < calls) {
      turn += 1;
      await storm.live(`worker${number}-${turn}`, turn + number);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, number) => worker(number)));
  const { added, full } = storm.counts;
  t.diagnostic(`${storm.counts.calls} calls: ${added} containers, ${full} times full`);
  assert.ok(added > calls / 10);
  assert.ok(full > 0, "the range was full now and then");

  const folders = leaseFolders(storm.host.outside(storm.dataDir), "net");
  assert.deepEqual(leaseContents(folders), {});
  await storm.ok(ours, "ADD", "last");
  assertExactIndex(folders);
  await storm.ok(peers, "CHECK", "last");
  await storm.ok(ours, "DEL", "last");
  assert.deepEqual(leaseContents(folders), {});
});
