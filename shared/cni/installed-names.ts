import { CniError, ErrorCode } from "./errors/cni-error.ts";
import { pluginNamed } from "./plugin-names.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The names that an executable is to be installed by: those given, or those of `CNI_PLUGINS`, or all of its own; without
 * those of `SKIP_CNI_BINARIES`, which other installers know as well (Calico, rke2).
 *
 * @param own the plugins that it is.
 * @throws CniError for a name by which it is none of them.
 */
export function chooseNames(
  own: readonly string[],
  given: readonly string[],
  environment: Environment,
): readonly string[] {
  const asked = given.length > 0 ? given : listOf(environment["CNI_PLUGINS"]);
  const skipped = listOf(environment["SKIP_CNI_BINARIES"]);
  for (const name of asked) requireOwn(own, name);
  const names = asked.length > 0 ? asked : own;
  return [...new Set(names)].filter((name) => !skipped.includes(name));
}

/** A variable that says yes or no, in the words of Go's strconv.ParseBool. Throws CniError for others. */
export function readSwitch(environment: Environment, name: string, usual: boolean): boolean {
  const value = environment[name] ?? "";
  if (value === "") return usual;
  if (["1", "t", "true"].includes(value.toLowerCase())) return true;
  if (["0", "f", "false"].includes(value.toLowerCase())) return false;
  throw new CniError(ErrorCode.invalidEnvironment, `${name} is neither true nor false: ${value}`);
}

function requireOwn(own: readonly string[], name: string): void {
  const plugin = own.length > 1 ? pluginNamed(name) : name;
  if (!name.includes("/") && plugin !== undefined && own.includes(plugin)) return;
  const [only = ""] = own;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `this executable is no plugin by the name ${JSON.stringify(name)}`,
    own.length > 1
      ? `it has ${own.join(", ")}`
      : `it is ${only} alone: run the executable of ${name}, or the linked one, which is all plugins`,
  );
}

/** The names in a list with commas or blanks. */
function listOf(text = ""): readonly string[] {
  return text.split(/[\s,]+/).filter((name) => name !== "");
}
