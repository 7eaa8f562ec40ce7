import type { Bill } from "./bill.ts";
import { uuidOf } from "./uuid.ts";

/** What a vulnerability of a component means for executables. */
interface Statement {
  readonly vulnerability: string;
  readonly status: "fixed" | "not_affected" | "affected" | "under_investigation";
  /** One of OpenVEX's, for what is not affected. */
  readonly justification?:
    | "component_not_present"
    | "vulnerable_code_not_present"
    | "vulnerable_code_not_in_execute_path";
  /** For people. */
  readonly note: string;
}

/**
 * Vulnerabilities of Node 24 that scanners may report. One is added with each security release of Node, whether the
 * pinned Node has it or not; SECURITY.md says how soon.
 */
const statements: readonly Statement[] = [
  ...fixedIn(
    "24.13.0",
    "CVE-2025-55130",
    "CVE-2025-55131",
    "CVE-2025-55132",
    "CVE-2025-59465",
    "CVE-2025-59466",
  ),
  ...fixedIn("24.17.0", "CVE-2026-48618", "CVE-2026-48933"),
  ...fixedIn("24.18.1", "CVE-2026-56846", "CVE-2026-56848", "CVE-2026-58043"),
];

function fixedIn(version: string, ...vulnerabilities: readonly string[]): readonly Statement[] {
  return vulnerabilities.map((vulnerability) => ({
    vulnerability,
    status: "fixed",
    note: `fixed in Node ${version}`,
  }));
}

/** What is known of vulnerabilities of a release, as OpenVEX 0.2.0 (https://github.com/openvex/spec). */
export function vexDocument({ version, created, components }: Bill): string {
  const node = components.find(({ name }) => name === "node");
  const product = {
    "@id": `pkg:generic/cni-plugins-ts@${version}`,
    ...(node && { subcomponents: [{ "@id": node.purl.replace(/\?.*/, "") }] }),
  };
  const document = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "@id": `urn:uuid:${uuidOf("vex", version, created)}`,
    author: "cni-plugins-ts",
    timestamp: created,
    version: 1,
    statements: statements.map(({ vulnerability, status, justification, note }) => ({
      vulnerability: { name: vulnerability },
      products: [product],
      status,
      ...(justification && { justification, impact_statement: note }),
      ...(justification === undefined && { status_notes: note }),
    })),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
