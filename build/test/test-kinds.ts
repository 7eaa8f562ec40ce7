export type TestKind = "unit" | "kernel" | "conformance" | "vm";

export function isTestKind(text: string | undefined): text is TestKind {
  return text === "unit" || text === "kernel" || text === "conformance" || text === "vm";
}

/**
 * Which run a file (its path from the repository's root) belongs to; undefined when it is no test. Kernel tests
 * need root, conformance tests also the executables in dist/bin; the harness of the latter has unit tests as well.
 * Tests of kind vm are conformance tests that need Debian's kernel, or a reboot.
 */
export function testKind(path: string): TestKind | undefined {
  if (!path.endsWith(".test.ts")) return undefined;
  if (path.endsWith(".kernel.test.ts")) return "kernel";
  if (path.endsWith(".vm.test.ts")) return "vm";
  const blackBox =
    path.startsWith("conformance/") &&
    !/^conformance\/(bench|harness|vm|scenario|report|cli|suites)\//.test(path);
  return blackBox ? "conformance" : "unit";
}
