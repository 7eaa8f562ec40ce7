export type TestKind = "unit" | "kernel" | "conformance";

export function isTestKind(text: string | undefined): text is TestKind {
  return text === "unit" || text === "kernel" || text === "conformance";
}

/**
 * Which run a file (its path from the repository's root) belongs to; undefined when it is no test. Kernel tests
 * need root, conformance tests also the executables in dist/bin; the harness of the latter has unit tests as well.
 */
export function testKind(path: string): TestKind | undefined {
  if (!path.endsWith(".test.ts")) return undefined;
  if (path.endsWith(".kernel.test.ts")) return "kernel";
  const blackBox = path.startsWith("conformance/") && !path.startsWith("conformance/harness/");
  return blackBox ? "conformance" : "unit";
}
