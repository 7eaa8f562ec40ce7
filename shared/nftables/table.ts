import { Attributes } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import { NLM_F_CREATE } from "../netlink/constants.ts";
import { type Command, describeTable, type TableName } from "./command.ts";
import { NFT_MSG_DELTABLE, NFT_MSG_NEWTABLE } from "./protocol.ts";
import { commentIn, commentUserdata, encodeUserdata } from "./userdata.ts";

const NFTA_TABLE_NAME = 1;
const NFTA_TABLE_USE = 3;
const NFTA_TABLE_USERDATA = 6;

export interface Table extends TableName {
  readonly comment?: string;
}

/** A table as the kernel has it. */
export interface ListedTable extends Table {
  /** How many chains, sets and maps it has, and what else can be in a table. */
  readonly uses: number;
}

/** Makes a table; one that is there already stays as it is. Throws RangeError for an impossible comment. */
export function addTable(table: Table): Command {
  const body = new AttributeWriter().text(NFTA_TABLE_NAME, table.name);
  if (table.comment !== undefined) {
    body.bytes(NFTA_TABLE_USERDATA, encodeUserdata([commentUserdata(table.comment)]));
  }
  return {
    type: NFT_MSG_NEWTABLE,
    flags: NLM_F_CREATE,
    family: table.family,
    body: body.finish(),
    operation: `cannot add table ${describeTable(table)}`,
  };
}

/** Deletes a table and all in it. ENOENT when it is not there. */
export function deleteTable(table: TableName): Command {
  return {
    type: NFT_MSG_DELTABLE,
    flags: 0,
    family: table.family,
    body: tableKey(table),
    operation: `cannot delete table ${describeTable(table)}`,
  };
}

/** The attributes that ask for a table. */
export function tableKey(table: TableName): Uint8Array {
  return new AttributeWriter().text(NFTA_TABLE_NAME, table.name).finish();
}

/** Reads the attributes of a table. Throws DecodeError. */
export function decodeTable(family: Table["family"], bytes: Uint8Array): ListedTable {
  const attributes = new Attributes(bytes);
  const comment = commentIn(attributes.bytes(NFTA_TABLE_USERDATA));
  return {
    family,
    name: attributes.text(NFTA_TABLE_NAME) ?? "",
    uses: attributes.u32be(NFTA_TABLE_USE) ?? 0,
    ...(comment === undefined ? {} : { comment }),
  };
}
