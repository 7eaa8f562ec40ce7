import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileRe2 } from "./re2.ts";

const finds = (pattern: string, text: string): boolean => compileRe2(pattern).test(text);

/** Pattern, texts in which it finds something, texts in which it does not. Expectations are Go's. */
const table: [pattern: string, found: string[], notFound: string[]][] = [
  [
    "^net\\.ipv4\\.conf\\.[^.]+\\.arp_.*$",
    ["net.ipv4.conf.IFNAME.arp_notify"],
    ["net/ipv4/conf/IFNAME/arp_notify"],
  ],
  [
    "ip_forward",
    ["net.ipv4.ip_forward", "net.ipv4.ip_forward_update_priority"],
    ["net.ipv4.ip_nonlocal_bind"],
  ],
  ["^net\\.core\\.somaxconn$", ["net.core.somaxconn"], ["net.core.somaxconn\n", "xnet.core.somaxconn"]],
  ["", ["", "x"], []],
  ["a|b|", ["", "c"], []],
  ["^(a|b)$", ["a", "b"], ["c", "ab"]],
  ["(?i)NET\\.", ["net.x", "Net.x"], ["netx"]],
  ["a(?i)b|c", ["ab", "aB", "C"], ["Ab"]],
  ["(?i:a)b", ["Ab", "ab"], ["AB"]],
  ["(?i)a(?-i)b", ["Ab"], ["AB"]],
  ["(?i)a(?-i:b)C", ["AbC", "abc"], ["aBc"]],
  ["(?i)[a-c]$", ["B"], ["D"]],
  ["(?i)^[[:^lower:]]$", ["1"], ["a", "A"]],
  ["(?i)^[^\\P{Lu}]$", ["a", "A"], ["1"]],
  ["(?i)^\\P{Lu}$", ["1"], ["a", "A"]],
  ["(?i)^k$", ["K", "\u212a"], ["x"]],
  ["(?)a", ["a"], ["b"]],
  ["^[[:alpha:]]+$", ["net"], ["net4", ""]],
  ["^[[:^digit:]_]+$", ["a_"], ["1"]],
  ["^[[:word:].]+$", ["net.ipv4_x"], ["a/b"]],
  ["^[\\d\\-a]+$", ["1-a"], ["b"]],
  ["^[^\\s]+$", ["a\vb"], ["a b"]],
  ["^\\S+$", ["a"], ["a\tb"]],
  ["^[]a]+$", ["]a"], ["b"]],
  ["^[^]a]+$", ["b"], ["]"]],
  ["^[a-]+$", ["a-"], ["b"]],
  ["^[a-c-e]+$", ["b-e"], ["d"]],
  ["^[[:x]+$", ["[:x"], ["y"]],
  ["^[.*+]+$", [".*+"], ["a"]],
  ["\\Anet\\z", ["net"], ["net\n", "xnet"]],
  ["^\\Qa.b*\\E+$", ["a.b*", "a.b**"], ["axb"]],
  ["\\Qa.b", ["a.b"], ["axb"]],
  ["(?P<name>a)(?<other>b)", ["ab"], ["ac"]],
  ["^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]],
  ["^a{2}?b{,2}$", ["aab{,2}"], ["aabb"]],
  ["a{", ["a{"], ["a"]],
  ["^a{02}$", ["a{02}"], ["aa"]],
  ["^(?:ab){2,}?$", ["abab", "ababab"], ["ab"]],
  ["^.$", ["a", "\r", "😀"], ["\n", "ab"]],
  ["(?s)^.$", ["\n"], []],
  ["(?m)^b$", ["a\nb", "b\na"], ["ab"]],
  ["^b$", ["b"], ["a\nb"]],
  ["(?U)a+", ["a"], ["b"]],
  ["^*a", ["a"], []],
  ["^(a*)*$", ["", "aaa"], ["ab"]],
  ["^(a|b{0}|)+c$", ["c", "aac"], ["bc"]],
  ["^(?:a{2}){500}$", ["a".repeat(1000)], ["a".repeat(999)]],
  ["^a{0}$", [""], ["a"]],
  ["\\B\\.", ["a .", "."], ["a."]],
  ["^a{2}(?i)?$", ["", "aa"], ["a"]],
  ["\\bnet\\b*", ["a net", "net"], ["xnet"]],
  ["^\\x41\\x{42}\\103\\0$", ["ABC\0"], ["ABC"]],
  ["^\\pL\\p{Greek}\\P{Lu}$", ["aλb"], ["aλB", "1λb"]],
  ["^\\_\\-\\/\\#\\ $", ["_-/# "], ["a"]],
  ["^\\.\\[\\(\\{\\|$", [".[({|"], ["a"]],
  ["^/]}$", ["/]}"], ["x"]],
];

test("finds what Go finds", () => {
  for (const [pattern, found, notFound] of table) {
    for (const text of found) assert.ok(finds(pattern, text), `${pattern} in ${JSON.stringify(text)}`);
    for (const text of notFound)
      assert.ok(!finds(pattern, text), `${pattern} not in ${JSON.stringify(text)}`);
  }
});

test("mistakes, with Go's words", () => {
  const mistakes: [string, string][] = [
    ["[", "missing closing ]: `[`"],
    ["a[b", "missing closing ]: `[b`"],
    ["[a-", "missing closing ]: `[a-`"],
    ["(a", "missing closing ): `(a`"],
    ["a)", "unexpected ): `a)`"],
    ["*a", "missing argument to repetition operator: `*`"],
    ["a|+?", "missing argument to repetition operator: `+?`"],
    ["a**", "invalid nested repetition operator: `**`"],
    ["a{2}{3}", "invalid nested repetition operator: `{2}{3}`"],
    ["a{1001}", "invalid repeat count: `{1001}`"],
    ["(a{100}){11}", "invalid repeat count: `{11}`"],
    ["(?:a{11}){91,}?", "invalid repeat count: `{91,}?`"],
    ["a{3,2}", "invalid repeat count: `{3,2}`"],
    ["[z-a]", "invalid character class range: `z-a`"],
    ["[[:nope:]]", "invalid character class range: `[:nope:]`"],
    ["\\p{Nope}", "invalid character class range: `\\p{Nope}`"],
    ["(a)\\1", "invalid escape sequence: `\\1`"],
    ["\\Z", "invalid escape sequence: `\\Z`"],
    ["\\k<a>", "invalid escape sequence: `\\k`"],
    ["\\C", "invalid escape sequence: `\\C`"],
    ["a\\", "trailing backslash at end of expression: ``"],
    ["(?=a)", "invalid or unsupported Perl syntax: `(?=`"],
    ["(?!a)", "invalid or unsupported Perl syntax: `(?!`"],
    ["(?<=a)", "invalid or unsupported Perl syntax: `(?<=`"],
    ["(?<!a)", "invalid or unsupported Perl syntax: `(?<!`"],
    ["(?>a)", "invalid or unsupported Perl syntax: `(?>`"],
    ["(?x)a", "invalid or unsupported Perl syntax: `(?x`"],
    ["(?P<n>a)(?P<n>b)", "duplicate capture group name: `n`"],
  ];
  for (const [pattern, cause] of mistakes) {
    assert.throws(() => compileRe2(pattern), { code: 7, message: `error parsing regexp: ${cause}` }, pattern);
  }
});

test("every pattern is either translated or refused, never passed on half-read", () => {
  const pieces = fc.constantFrom(
    ..."ab.*+?()[]{}|^$\\-:,19ipPQEdDsxz<>=! ",
    "(?",
    "[:alpha:]",
    "\\Q",
    "(?i)",
    "{2,}",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 8 }), (list) => {
      try {
        compileRe2(list.join(""));
      } catch (error) {
        assert.ok(error instanceof Error && error.name === "CniError", `${list.join("")}: ${error}`);
      }
    }),
    { numRuns: 5000 },
  );
});

test("quoted text finds exactly itself", () => {
  const text = fc
    .string({ unit: "binary" })
    .filter((value) => !value.includes("\\E") && value.isWellFormed());
  fc.assert(
    fc.property(text, text, (wanted, other) => {
      if (wanted.endsWith("\\")) return;
      assert.ok(finds(`^\\Q${wanted}\\E$`, wanted));
      assert.equal(finds(`^\\Q${wanted}\\E$`, other), wanted === other);
    }),
  );
});

test("a match is found or not in a time that is linear in the text, however the expression repeats", {
  timeout: 60_000,
}, () => {
  const letters = "a".repeat(20_000);
  for (const pattern of [
    "^net\\.ipv4\\.([a-z_]+\\.?)+$",
    "^net\\.ipv4\\.(([a-z]+)*)*$",
    "^net\\.ipv4\\.(a|aa|a*)*$",
    "^(.*)*$(.*)*!$",
  ]) {
    assert.equal(finds(pattern, `net.ipv4.${letters}!`), false, pattern);
  }
  assert.ok(finds("^net\\.ipv4\\.([a-z_]+\\.?)+$", `net.ipv4.${letters}`));
});

test("nesting and size have Go's limits", () => {
  assert.ok(finds(`${"(".repeat(1000)}a${")".repeat(1000)}`, "a"));
  assert.throws(() => finds(`${"(".repeat(100_000)}a`, "a"), {
    message: /^error parsing regexp: expression nests too deeply/,
  });
  assert.throws(() => finds("a{1000}".repeat(4000), "a"), {
    message: /^error parsing regexp: expression too large/,
  });
});
