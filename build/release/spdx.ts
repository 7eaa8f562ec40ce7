import type { Bill } from "./bill.ts";
import type { Component } from "./components.ts";
import { uuidOf } from "./uuid.ts";

/** A bill of materials as SPDX 2.3 JSON (https://spdx.github.io/spdx-spec/v2.3/). */
export function spdxDocument(bill: Bill): string {
  const { name, version, created, components, files } = bill;
  const root = "SPDXRef-cni-plugins-ts";
  const idOf = (component: Component): string =>
    `SPDXRef-${component.name.replaceAll(/[^A-Za-z0-9.-]/g, "-")}`;
  const fileId = (file: string): string => `SPDXRef-File-${file}`;
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name,
    documentNamespace: `https://spdx.org/spdxdocs/${name}-${uuidOf(name, version, ...files.map(({ sha256 }) => sha256))}`,
    creationInfo: { created, creators: [`Tool: cni-plugins-ts-${version}`] },
    packages: [
      {
        SPDXID: root,
        name: "cni-plugins-ts",
        versionInfo: version,
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        licenseConcluded: "Apache-2.0",
        licenseDeclared: "Apache-2.0",
        copyrightText: "NOASSERTION",
        primaryPackagePurpose: "APPLICATION",
        externalRefs: [purlRef(`pkg:generic/cni-plugins-ts@${version}`)],
      },
      ...components.map((component) => ({
        SPDXID: idOf(component),
        name: component.name,
        versionInfo: component.version,
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        licenseConcluded: component.license,
        licenseDeclared: component.license,
        copyrightText: "NOASSERTION",
        comment: `${component.presence}: ${component.note}`,
        externalRefs: [
          purlRef(component.purl),
          ...(component.cpe === undefined
            ? []
            : [
                {
                  referenceCategory: "SECURITY",
                  referenceType: "cpe23Type",
                  referenceLocator: component.cpe,
                },
              ]),
        ],
        ...(component.sha512 && { checksums: [{ algorithm: "SHA512", checksumValue: component.sha512 }] }),
      })),
    ],
    files: files.map(({ name: file, sha1, sha256 }) => ({
      SPDXID: fileId(file),
      fileName: `./${file}`,
      fileTypes: ["BINARY"],
      checksums: [
        { algorithm: "SHA1", checksumValue: sha1 },
        { algorithm: "SHA256", checksumValue: sha256 },
      ],
      licenseConcluded: "Apache-2.0 AND MIT",
      copyrightText: "NOASSERTION",
    })),
    relationships: [
      relationship("SPDXRef-DOCUMENT", "DESCRIBES", root),
      ...files.map(({ name: file }) => relationship(root, "CONTAINS", fileId(file))),
      ...components.map((component) => {
        const whole = components.find((other) => other.name === component.within);
        return relationship(whole === undefined ? root : idOf(whole), "CONTAINS", idOf(component));
      }),
    ],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function purlRef(purl: string) {
  return { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl };
}

function relationship(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}
