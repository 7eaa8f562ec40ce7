import assert from "node:assert/strict";
import { test } from "node:test";
import { standardPath } from "../host/command.ts";
import { hostFor } from "../host/host.ts";
import { callPlugin, pluginEnvironment } from "./plugin-call.ts";

test("the environment holds what the call sets and PATH, CNI_PATH being the executable's folder", () => {
  assert.deepEqual(pluginEnvironment("/opt/cni/bin/bridge", { command: "ADD", netns: "" }), {
    PATH: standardPath,
    CNI_COMMAND: "ADD",
    CNI_NETNS: "",
    CNI_PATH: "/opt/cni/bin",
  });
  assert.deepEqual(pluginEnvironment("/b/x", { path: "/a:/b", extraEnv: {} }), { CNI_PATH: "/a:/b" });
});

test("an executable sees that environment alone, an empty working directory, and its input", async (t) => {
  const host = await hostFor(t);
  const probe = [
    "#!/bin/sh",
    `printf '["%s","%s","%s"]' "$(env -u _ -u PWD -u OLDPWD -u SHLVL | tr '\\n' ' ')" "$(ls)" "$(cat)"`,
  ];
  host.writeFile("/run/test/probe", probe.join("\n"), 0o755);
  const call = { command: "DEL", extraEnv: { PATH: standardPath } } as const;
  const { status, json } = callPlugin(host, "/run/test/probe", { ...call, path: "/p" }, "input");
  assert.equal(status, 0);
  assert.ok(Array.isArray(json));
  const [environment, files, input] = json.map(String);
  assert.equal(files, "");
  assert.equal(input, "input");
  assert.deepEqual(environment?.trim().split(" ").sort(), [
    "CNI_COMMAND=DEL",
    "CNI_PATH=/p",
    `PATH=${standardPath}`,
  ]);
});
