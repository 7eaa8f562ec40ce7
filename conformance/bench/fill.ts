/**
 * Makes a host look as if the plugins of one maker had attached many containers. Two are really attached, one after the
 * other; what has been left for the first (rules, elements of sets and maps, files) is then repeated in
 * one go, with other addresses, ports and names. A thousand real ADDs for each of some 40 hosts would take hours.
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { resultAddresses, withoutPrefix } from "../harness/plugins/result.ts";
import type { Container, Place } from "./place.ts";
import { type Identity, learn } from "./repeat.ts";
import { type IptablesStatement, iptablesInput, iptablesStatements, nftStatements } from "./statements.ts";
import { publishes } from "./workloads.ts";

/** How many attachments are made by ADD itself. */
const real = 2;
const longMs = 300_000;
const families = [
  { save: "iptables-save", restore: "iptables-restore" },
  { save: "ip6tables-save", restore: "ip6tables-restore" },
] as const;

/** Brings the attachments of a host that has none to this number (0, or 2 and more). */
export async function fill(place: Place, attachments: number): Promise<void> {
  if (attachments < real) return;
  const first = await attach(place, place.addContainer(1));
  const second = await attach(place, place.addContainer(2));
  const before = listing(place);
  const texts = [...before.iptables.flat().map(({ text }) => text), ...before.nft];
  const { own, rewrite } = learn(texts, first, second);
  const numbers = Array.from({ length: attachments - real }, (_, index) => index);

  families.forEach(({ restore }, family) => {
    const mine = (before.iptables[family] ?? []).filter(({ text }) => own(text));
    if (mine.length === 0) return;
    const all = numbers.flatMap((number) =>
      mine.map(({ table, text }) => ({ table, text: rewrite(text, number) })),
    );
    place.host.run(restore, ["--noflush"], { input: iptablesInput(all), timeoutMs: longMs });
  });
  const mine = before.nft.filter(own);
  if (mine.length > 0) {
    const input = numbers.flatMap((number) => mine.map((text) => rewrite(text, number))).join("\n");
    place.host.run("nft", ["-f", "-"], { input: `${input}\n`, timeoutMs: longMs });
  }
  for (const path of filesOf(place).filter(own)) {
    const content = place.host.readFile(path);
    for (const number of numbers) write(place, rewrite(path, number), rewrite(content, number));
  }
  addLinks(place, numbers.length);
  assertRepeated(place, before, own, numbers.length);
}

async function attach(place: Place, container: Container): Promise<Identity> {
  const { stdout } = await place.run("ADD", container);
  const addresses = stdout.includes("ip") ? resultAddresses(JSON.parse(stdout)).map(withoutPrefix) : [];
  const { containerId, hostPort } = container;
  return { containerId, addresses, hostPort: publishes(place.workload) ? hostPort : 0 };
}

type Listing = { iptables: IptablesStatement[][]; nft: string[] };

function listing({ host }: Place): Listing {
  const iptables = families.map(({ save }) =>
    iptablesStatements(host.run(save, [], { timeoutMs: longMs }).stdout),
  );
  return { iptables, nft: nftStatements(host.run("nft", ["list", "ruleset"], { timeoutMs: longMs }).stdout) };
}

/** What the plugins have written, but for our host-local's index: that is made from the leases when it does not fit. */
function filesOf({ host, workload }: Place): string[] {
  const folders = new Set([
    "/var/lib/cni",
    "/run/cni",
    ...(workload.dataDir === undefined ? [] : [workload.dataDir]),
  ]);
  const paths = [...folders].flatMap((folder) =>
    filesBelow(host.outside(folder)).map((path) => `${folder}/${path}`),
  );
  return [...new Set(paths)].filter((path) => !path.includes("/.host-local/"));
}

function filesBelow(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.length + 1));
  } catch {
    return []; // The plugins have not made it.
  }
}

function write({ host }: Place, path: string, content: string): void {
  const outside = host.outside(path);
  mkdirSync(dirname(outside), { recursive: true });
  writeFileSync(outside, content, { mode: 0o600 });
}

/** Pairs of veth as bridge makes them; the containers' ends are in one namespace. */
function addLinks({ host, workload }: Place, count: number): void {
  if (workload.bridge === undefined) return;
  host.addNetns("bench-parked");
  const { bridge } = workload;
  const lines = Array.from(
    { length: count },
    (_, index) =>
      `link add vethb${index} master ${bridge} up type veth peer name eth${index} netns bench-parked\n`,
  );
  host.run("ip", ["-batch", "-"], { input: lines.join(""), timeoutMs: longMs });
}

/** Throws unless everything of one attachment is there as often as it should be. */
function assertRepeated(place: Place, before: Listing, own: (text: string) => boolean, times: number): void {
  const after = listing(place);
  const size = ({ iptables, nft }: Listing): number => iptables.flat().length + nft.length;
  const texts = [...before.iptables.flat().map(({ text }) => text), ...before.nft];
  const each = texts.filter(own).length;
  const wanted = size(before) + times * each;
  if (size(after) !== wanted) {
    throw new Error(
      `${size(after)} rules and elements instead of ${wanted} after ${times} repetitions of ${each}`,
    );
  }
  const { workload } = place;
  if (workload.grows && each === 0 && workload.dataDir === undefined) {
    throw new Error(`${workload.name} leaves nothing for a container, so that nothing could be repeated`);
  }
}
