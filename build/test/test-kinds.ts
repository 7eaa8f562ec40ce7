export type TestKind = "unit" | "kernel" | "conformance" | "vm";

export function isTestKind(text: string | undefined): text is TestKind {
  return text === "unit" || text === "kernel" || text === "conformance" || text === "vm";
}

/**
 * Which run a file belongs to, as its name says; undefined when it is no test. Kernel tests need root, black-box tests
 * (kind conformance) also the executables in dist/bin. Tests of kind vm are black-box tests that need Debian's kernel,
 * or a reboot.
 */
export function testKind(path: string): TestKind | undefined {
  if (!path.endsWith(".test.ts")) return undefined;
  if (path.endsWith(".kernel.test.ts")) return "kernel";
  if (path.endsWith(".vm.test.ts")) return "vm";
  return path.endsWith(".blackbox.test.ts") ? "conformance" : "unit";
}
