import type { Bill } from "./bill.ts";
import type { Component } from "./components.ts";
import { uuidOf } from "./uuid.ts";

/** A bill of materials as CycloneDX 1.6 JSON (https://cyclonedx.org/docs/1.6/json/). */
export function cyclonedxDocument({ name, version, created, components, files }: Bill): string {
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(name, version, ...files.map(({ sha256 }) => sha256))}`,
    version: 1,
    metadata: {
      timestamp: created,
      component: {
        "bom-ref": "cni-plugins-ts",
        type: "application",
        name: "cni-plugins-ts",
        version,
        licenses: [{ license: { id: "Apache-2.0" } }],
        purl: `pkg:generic/cni-plugins-ts@${version}`,
      },
    },
    components: [
      ...components
        .filter(({ within }) => within === undefined)
        .map((component) => ({
          ...described(component),
          ...nested(components.filter(({ within }) => within === component.name)),
        })),
      ...files.map((file) => ({
        "bom-ref": `file:${file.name}`,
        type: "file",
        name: file.name,
        hashes: [{ alg: "SHA-256", content: file.sha256 }],
      })),
    ],
    dependencies: [
      {
        ref: "cni-plugins-ts",
        dependsOn: components.filter(({ within }) => within === undefined).map(({ purl }) => purl),
      },
    ],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function nested(parts: readonly Component[]) {
  return parts.length === 0 ? {} : { components: parts.map(described) };
}

function described({ name, version, license, purl, cpe, presence, note, sha512 }: Component) {
  return {
    "bom-ref": purl,
    type: name === "node" ? "platform" : "library",
    name,
    version,
    description: note,
    licenses: [/ (OR|AND) /.test(license) ? { expression: license } : { license: { id: license } }],
    purl,
    ...(cpe && { cpe }),
    ...(sha512 && { hashes: [{ alg: "SHA-512", content: sha512 }] }),
    properties: [{ name: "cni-plugins-ts:presence", value: presence }],
  };
}
