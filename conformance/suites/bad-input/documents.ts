import { type Broken, configText, decoding, type Group, invalid, long } from "./table.ts";

const source = "SPEC 1.1.0, section 1: a JSON object; RFC 8259; section 5, Error: code 6";

const text = (stdin: string) => ({ stdin });
const bytes = (hex: string) => ({ stdin: { hex } });
const hexOf = (input: string, encoding: "utf8" | "utf16le" = "utf8") =>
  Buffer.from(input, encoding).toString("hex");
const fine = (plugin: string) => configText(plugin, '"bridge":"br0"');

/** Documents that are no JSON, or none that a plugin can take. */
function documents(plugin: string): Broken[] {
  return [
    ["nothing", text(""), decoding],
    ["white space only", text(" \n\t\r\n "), decoding],
    ["a word", text("bridge"), decoding],
    ["null", text("null"), [decoding, invalid]],
    ["a number", text("5"), decoding],
    ["a text", text('"bridge"'), decoding],
    ["true", text("true"), decoding],
    ["an empty object", text("{}"), invalid, "name"],
    ["a list of configurations", text(`[${fine(plugin)}]`), decoding],
    ["cut off after a key", text('{"cniVersion":"1.1.0","name"'), decoding],
    ["cut off in a text", text('{"cniVersion":"1.1.0","name":"ne'), decoding],
    ["cut off in an escape", text('{"cniVersion":"1.1.0","name":"ne\\u00'), decoding],
    ["the last brace is missing", text(fine(plugin).slice(0, -1)), decoding],
    ["two documents", text(fine(plugin) + fine(plugin)), decoding],
    ["a brace too many", text(`${fine(plugin)}}`), decoding],
    ["a trailing comma", text('{"cniVersion":"1.1.0","name":"net1",}'), decoding],
    ["single quotes", text("{'cniVersion':'1.1.0','name':'net1'}"), decoding],
    ["a comment", text('{"cniVersion":"1.1.0", // newest\n"name":"net1"}'), decoding],
    ["YAML", text("cniVersion: 1.1.0\nname: net1\n"), decoding],
    ["a key without quotes", text('{cniVersion:"1.1.0","name":"net1"}'), decoding],
    ["NaN", text('{"cniVersion":"1.1.0","name":"net1","mtu":NaN}'), decoding],
    ["a number with a plus", text('{"cniVersion":"1.1.0","name":"net1","mtu":+1500}'), decoding],
    ["a number with a leading zero", text('{"cniVersion":"1.1.0","name":"net1","mtu":01500}'), decoding],
    ["a hexadecimal number", text('{"cniVersion":"1.1.0","name":"net1","mtu":0x5dc}'), decoding],
    ["a line break in a text", text('{"cniVersion":"1.1.0","name":"net\n1"}'), decoding],
    ["a NUL in a text", bytes(hexOf('{"cniVersion":"1.1.0","name":"net\u00001"}')), decoding],
    ["a NUL behind it", bytes(`${hexOf(fine(plugin))}00`), decoding],
    ["an unknown escape", text('{"cniVersion":"1.1.0","name":"net\\x31"}'), decoding],
    ["a byte order mark", text(`\ufeff${fine(plugin)}`), decoding],
    ["UTF-16", bytes(hexOf(fine(plugin), "utf16le")), decoding],
    ["UTF-16 with a byte order mark", bytes(`fffe${hexOf(fine(plugin), "utf16le")}`), decoding],
    [
      "bytes that are no UTF-8, as its name",
      bytes(`${hexOf('{"cniVersion":"1.1.0","name":"n')}fffe${hexOf('"}')}`),
      invalid,
      "name",
    ],
    [
      "an overlong encoding of a slash, in its name",
      bytes(`${hexOf('{"cniVersion":"1.1.0","name":"a')}c0af${hexOf('"}')}`),
      invalid,
      "name",
    ],
    ["half a surrogate pair as its name", text('{"cniVersion":"1.1.0","name":"\\ud800"}'), invalid, "name"],
    ["gzip", bytes("1f8b0800000000000003"), decoding],
    ["an executable", bytes("7f454c4602010100"), decoding],
    ["100,000 lists in each other", { stdin: [{ repeat: "[", times: 100_000 }] }, decoding],
    [
      "100,000 objects in each other, closed",
      { stdin: [{ repeat: '{"a":', times: 100_000 }, "1", { repeat: "}", times: 100_000 }] },
      [decoding, invalid],
    ],
    ["100,000 lists in a key, closed", long(plugin, '"x":', "[", 100_000, `${"]".repeat(10)}`), decoding],
    [
      "a name of a megabyte with a slash",
      { stdin: ['{"cniVersion":"1.1.0","name":"', { repeat: "a", times: 1_000_000 }, '/"}'] },
      invalid,
      "name",
    ],
    ["a megabyte of white space", { stdin: [{ repeat: " ", times: 1_000_000 }] }, decoding],
    ["a name as a list", text('{"cniVersion":"1.1.0","name":["net1"]}'), decoding, "name"],
    ["a name as an object", text('{"cniVersion":"1.1.0","name":{}}'), decoding, "name"],
    ["a name that is null", text('{"cniVersion":"1.1.0","name":null}'), invalid, "name"],
    ["a name that leads upwards", text('{"cniVersion":"1.1.0","name":"../../etc"}'), invalid, "name"],
    ["a name of two dots", text('{"cniVersion":"1.1.0","name":".."}'), invalid, "name"],
    ["a name with a NUL", text('{"cniVersion":"1.1.0","name":"net1\\u0000"}'), invalid, "name"],
    ["a name with a quote", text('{"cniVersion":"1.1.0","name":"net1\\" -j ACCEPT"}'), invalid, "name"],
    ["a name with a line break", text('{"cniVersion":"1.1.0","name":"net1\\n*nat"}'), invalid, "name"],
    ["a name of a shell", text('{"cniVersion":"1.1.0","name":"$(reboot)"}'), invalid, "name"],
    ["a version as a number", text('{"cniVersion":1.1,"name":"net1"}'), decoding, "cniVersion"],
    ["a version as a list", text('{"cniVersion":["1.1.0"],"name":"net1"}'), decoding, "cniVersion"],
    ["a version with an end", text('{"cniVersion":"1.1.0-rc1","name":"net1"}'), 1, "1\\.1\\.0-rc1"],
    ["a version with a NUL", text('{"cniVersion":"1.1.0\\u0000","name":"net1"}'), 1],
    [
      "a version of a megabyte",
      { stdin: ['{"cniVersion":"', { repeat: "1", times: 1_000_000 }, '","name":"net1"}'] },
      1,
    ],
  ];
}

export const documentGroups: readonly Group[] = ["bridge", "host-local"].map((plugin) => ({
  name: "documents that are none",
  plugin,
  source,
  base: "",
  table: documents(plugin),
}));

/** DEL has to cope with everything that ADD may have been given, but not with what is no configuration. */
export const deletions: readonly Group[] = ["loopback", "portmap", "firewall", "tuning"].map((plugin) => ({
  name: "documents that are none, for DEL",
  plugin,
  source,
  base: "",
  call: "DEL" as const,
  table: documents(plugin).filter((_broken, index) => index % 4 === 0),
}));
