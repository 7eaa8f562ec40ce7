/**
 * Listings of firewall rules taken apart into single statements, each of which can be repeated for another container,
 * and put together again as input of `iptables-restore --noflush` and `nft -f`.
 */

/** One rule or chain of `iptables-save`, with its table. */
export type IptablesStatement = { table: string; text: string };

/** The chains and rules in what iptables-save prints. */
export function iptablesStatements(saved: string): IptablesStatement[] {
  const statements: IptablesStatement[] = [];
  let table = "";
  for (const line of saved.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1);
    else if (line.startsWith(":") || line.startsWith("-A")) statements.push({ table, text: line });
  }
  return statements;
}

/** Input for iptables-restore: the chains before the rules, table by table. */
export function iptablesInput(statements: readonly IptablesStatement[]): string {
  const tables = [...new Set(statements.map(({ table }) => table))];
  return tables
    .map((table) => {
      const texts = statements.filter((statement) => statement.table === table).map(({ text }) => text);
      const chains = texts.filter((text) => text.startsWith(":"));
      const rules = texts.filter((text) => !text.startsWith(":"));
      return `*${table}\n${[...chains, ...rules].join("\n")}\nCOMMIT\n`;
    })
    .join("");
}

/** The tables that iptables keeps in nf_tables: iptables-save tells what is in them, `nft` could not restore it. */
const iptablesTables = /^table ip6? (filter|nat|mangle|raw|security) \{$/;

/** What `nft list ruleset` prints of rules and of elements of sets and maps, each as a command of its own for `nft -f`. */
export function nftStatements(listing: string): string[] {
  const statements: string[] = [];
  let table = "";
  let object: { kind: string; name: string } | undefined;
  let elements: string | undefined;
  for (const raw of listing.split("\n")) {
    const line = raw.trim();
    const opens = /^(table|chain|set|map) (.+) \{$/.exec(line);
    if (opens?.[1] === "table") table = iptablesTables.test(line) ? "" : (opens[2] ?? "");
    else if (opens !== null) object = { kind: opens[1] ?? "", name: opens[2] ?? "" };
    else if (table === "" || object === undefined) continue;
    else if (elements !== undefined || line.startsWith("elements = {")) {
      elements = `${elements ?? ""} ${line.replace(/^elements = \{/, "")}`;
      if (!line.endsWith("}")) continue;
      for (const element of splitElements(elements.replace(/\}$/, ""))) {
        statements.push(`add element ${table} ${object.name} { ${element} }`);
      }
      elements = undefined;
    } else if (line === "}") object = undefined;
    else if (object.kind === "chain" && !/^(type .* hook|comment )/.test(line)) {
      statements.push(`add rule ${table} ${object.name} ${line}`);
    }
  }
  return statements;
}

/** Commas separate elements, but not those within quotation marks or braces. */
function splitElements(text: string): string[] {
  const parts = text.match(/(?:"[^"]*"|\{[^}]*\}|[^,"{])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}
