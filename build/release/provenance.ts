import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

/** A file of a release, by its name there. */
interface Artefact {
  readonly name: string;
  readonly bytes: Buffer;
}

/** What a release was built from. */
interface BuildFacts {
  /** Where the sources are. */
  readonly repository: string;
  readonly commit: string;
  /** Packages that went into it: purl and SHA-512 in hex. */
  readonly dependencies: readonly { readonly purl: string; readonly sha512?: string | undefined }[];
}

const payloadType = "application/vnd.in-toto+json";

/**
 * An in-toto statement (v1) with SLSA provenance (v1) of these files: what they were built from, and how.
 * https://slsa.dev/spec/v1.0/provenance
 */
export function statementOf(artefacts: readonly Artefact[], facts: BuildFacts): string {
  return JSON.stringify({
    _type: "https://in-toto.io/Statement/v1",
    subject: artefacts.map(({ name, bytes }) => ({
      name,
      digest: { sha256: createHash("sha256").update(bytes).digest("hex") },
    })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: `${facts.repository}/blob/main/build/release/README.md`,
        externalParameters: { command: "npm run release", repository: facts.repository },
        resolvedDependencies: [
          { uri: `git+${facts.repository}`, digest: { gitCommit: facts.commit } },
          ...facts.dependencies.map(({ purl, sha512 }) => ({
            uri: purl,
            ...(sha512 && { digest: { sha512 } }),
          })),
        ],
      },
      runDetails: { builder: { id: `${facts.repository}/blob/main/build/release/release.ts` } },
    },
  });
}

/**
 * A statement in a DSSE envelope (https://github.com/secure-systems-lab/dsse), as `cosign verify-blob-attestation --key`
 * reads it.
 *
 * @param key a private key as PEM: Ed25519, ECDSA or RSA.
 */
export function signedStatement(statement: string, key: string): string {
  const payload = Buffer.from(statement);
  const privateKey = createPrivateKey(key);
  const signature = sign(algorithmOf(privateKey.asymmetricKeyType), preAuthentication(payload), privateKey);
  const signatures = [{ keyid: "", sig: signature.toString("base64") }];
  return `${JSON.stringify({ payloadType, payload: payload.toString("base64"), signatures })}\n`;
}

/** The statement of an envelope. Throws when no signature is by this public key (PEM). */
export function verifiedStatement(envelope: string, key: string): string {
  const { payload, signatures }: { payload: string; signatures: readonly { sig: string }[] } =
    JSON.parse(envelope);
  const bytes = Buffer.from(payload, "base64");
  const publicKey = createPublicKey(key);
  const isSigned = signatures.some(({ sig }) =>
    verify(
      algorithmOf(publicKey.asymmetricKeyType),
      preAuthentication(bytes),
      publicKey,
      Buffer.from(sig, "base64"),
    ),
  );
  if (!isSigned) throw new Error("no signature of this key is on the statement");
  return bytes.toString("utf8");
}

/** Ed25519 has its own hash. */
function algorithmOf(type: string | undefined): string | undefined {
  return type === "ed25519" ? undefined : "sha256";
}

/** What is signed: DSSE's PAE. */
function preAuthentication(payload: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
    payload,
  ]);
}
