import { Attributes } from "../netlink/attribute-reader.ts";
import type { AttributeWriter } from "../netlink/attribute-writer.ts";

// linux/netfilter/nf_tables.h, linux/netfilter.h
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const plainCodes = { drop: 0, accept: 1, continue: -1, break: -2, return: -5 } as const;
const chainCodes = { jump: -3, goto: -4 } as const;

/** What becomes of a packet. */
export type Verdict =
  | { readonly kind: keyof typeof plainCodes }
  | { readonly kind: keyof typeof chainCodes; readonly chain: string };

/** A constant: bytes, or a verdict. */
export type Data = { readonly value: Uint8Array } | { readonly verdict: Verdict };

/** Writes an attribute that holds a constant. */
export function writeData(writer: AttributeWriter, type: number, data: Data): void {
  writer.nested(type, (inner) => {
    if ("value" in data) {
      inner.bytes(NFTA_DATA_VALUE, data.value);
      return;
    }
    const { verdict } = data;
    inner.nested(NFTA_DATA_VERDICT, (fields) => {
      if (!("chain" in verdict)) {
        fields.u32be(NFTA_VERDICT_CODE, plainCodes[verdict.kind]);
        return;
      }
      fields.u32be(NFTA_VERDICT_CODE, chainCodes[verdict.kind]).text(NFTA_VERDICT_CHAIN, verdict.chain);
    });
  });
}

/** Reads such an attribute; undefined for a verdict that is none of ours (queue). Throws DecodeError. */
export function readData(bytes: Uint8Array | undefined): Data | undefined {
  if (bytes === undefined) return undefined;
  const attributes = new Attributes(bytes);
  const value = attributes.bytes(NFTA_DATA_VALUE);
  if (value !== undefined) return { value };
  const fields = attributes.nested(NFTA_DATA_VERDICT);
  const verdict = verdictOf(fields?.u32be(NFTA_VERDICT_CODE), fields?.text(NFTA_VERDICT_CHAIN));
  return verdict === undefined ? undefined : { verdict };
}

function verdictOf(code: number | undefined, chain: string | undefined): Verdict | undefined {
  // The kernel's numbers are signed.
  switch (code === undefined ? undefined : code | 0) {
    case plainCodes.drop:
      return { kind: "drop" };
    case plainCodes.accept:
      return { kind: "accept" };
    case plainCodes.continue:
      return { kind: "continue" };
    case plainCodes.break:
      return { kind: "break" };
    case plainCodes.return:
      return { kind: "return" };
    case chainCodes.jump:
      return chain === undefined ? undefined : { kind: "jump", chain };
    case chainCodes.goto:
      return chain === undefined ? undefined : { kind: "goto", chain };
    default:
      return undefined;
  }
}
