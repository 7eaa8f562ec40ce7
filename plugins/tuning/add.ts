import { openContainerNetns } from "../../shared/cni/container-netns.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result, ResultInterface } from "../../shared/cni/result.ts";
import { resultDocument } from "../../shared/cni/result-print.ts";
import { type UndoStack, withUndo } from "../../shared/cni/undo-stack.ts";
import { inNetns } from "../../shared/linux/netns.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { parseMac } from "../../shared/rtnetlink/hardware-address.ts";
import { findLink, type Link } from "../../shared/rtnetlink/link.ts";
import { assertListed, readAllowList } from "./allow-list.ts";
import {
  backupPath,
  formatBackup,
  mergeBackups,
  parseBackup,
  readBackup,
  removeBackup,
  writeBackup,
} from "./backup.ts";
import type { TuningConfig } from "./config.ts";
import { applySettings, currentSettings, isEmpty, type LinkSettings } from "./link-settings.ts";
import { applySysctls, findSysctl, type SysctlSetting, sysctlSettings } from "./sysctl-settings.ts";

/** Sets sysctls, saves the interface's settings and changes them. Returns the result of the plugin before, updated. */
export function add(request: Request, { sysctls, link: wanted, dataDir }: TuningConfig): Result {
  const patterns = readAllowList();
  if (patterns !== undefined) assertListed([...sysctls.keys()], patterns);
  const settings = sysctlSettings(sysctls, request.ifname);
  const previous = requirePrevResult(request, "tuning");
  // Throws when the version cannot express the result: better before anything is changed.
  resultDocument(previous, request.cniVersion);
  const netns = openContainerNetns(request);
  try {
    const link = inNetns(netns, () => tune(request, settings, wanted, dataDir));
    return link === undefined ? previous : updatedResult(previous, request.ifname, link, wanted);
  } finally {
    netns.close();
  }
}

/** Changes the container's namespace, in which it is called. Returns the changed interface; undefined when it was not to change. */
function tune(
  request: Request,
  settings: readonly SysctlSetting[],
  wanted: LinkSettings,
  dataDir: string,
): Link | undefined {
  const sysctls = settings.map(findSysctl);
  if (isEmpty(wanted)) {
    withUndo((undo) => applySysctls(sysctls, undo));
    return undefined;
  }
  const rt = openRtnetlink();
  try {
    const link = requireTunedLink(rt, request);
    assertMacLength(link, wanted);
    withUndo((undo) => {
      applySysctls(sysctls, undo);
      saveSettings(request, dataDir, currentSettings(link, wanted), undo);
      applySettings(rt, link, wanted, undo);
    });
    return findLink(rt, request.ifname);
  } finally {
    rt.close();
  }
}

function requireTunedLink(rt: NetlinkSocket, { ifname, netns }: Request): Link {
  const link = findLink(rt, ifname);
  if (link !== undefined) return link;
  throw new CniError(
    ErrorCode.kernelRefused,
    `failed to get ${JSON.stringify(ifname)}: Link not found`,
    `${netns} has no such interface (CNI_IFNAME): tuning comes after the plugin that makes it`,
  );
}

/** Asserts that the MAC has the length of the device's addresses: of a longer one the kernel would take the first bytes. */
function assertMacLength(link: Link, { mac }: LinkSettings): void {
  if (mac === undefined || link.mac === "") return;
  const given = parseMac(mac)?.length;
  const needed = parseMac(link.mac)?.length ?? given;
  if (given === needed) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    `invalid args ${mac} for MAC addr: it has ${given} bytes, addresses of ${link.name} have ${needed}`,
    `the interface has ${link.mac} now`,
  );
}

function saveSettings(request: Request, dataDir: string, current: LinkSettings, undo: UndoStack): void {
  const path = backupPath(dataDir, request);
  const earlier = readBackup(path);
  const content = formatBackup(
    mergeBackups(earlier === undefined ? undefined : parseBackup(earlier), current),
  );
  if (content === earlier) return;
  undo.push(() => {
    if (earlier === undefined) removeBackup(path);
    else writeBackup(path, earlier, request.network);
  });
  writeBackup(path, content, request.network);
}

/** The result with the interface as it is now: its MAC as the kernel prints it, and its MTU where the result had one. */
export function updatedResult(
  result: Result,
  ifname: string,
  link: { readonly mac: string; readonly mtu: number },
  wanted: LinkSettings,
): Result {
  const named = result.interfaces.filter(({ name }) => name === ifname);
  // An entry without a sandbox is the host's, unless no entry has one.
  const inSandbox = named.filter(({ sandbox }) => (sandbox ?? "") !== "");
  const concerned = inSandbox.length > 0 ? inSandbox : named;
  const update = (entry: ResultInterface): ResultInterface => ({
    ...entry,
    ...(wanted.mac !== undefined && { mac: link.mac }),
    ...(wanted.mtu !== undefined && entry.mtu !== undefined && { mtu: link.mtu }),
  });
  return {
    ...result,
    interfaces: result.interfaces.map((entry) => (concerned.includes(entry) ? update(entry) : entry)),
  };
}
