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
import { readAllowList, refuseUnlisted } from "./allow-list.ts";
import { formatBackup, mergeBackups, parseBackup } from "./backup.ts";
import { backupPath, readBackup, removeBackup, writeBackup } from "./backup-file.ts";
import { decodeConfig } from "./config.ts";
import { applySettings, currentSettings, isEmpty, type LinkSettings } from "./link-settings.ts";
import { applySysctls, findSysctl, type SysctlSetting, sysctlSettings } from "./sysctl-settings.ts";

/** ADD: sets sysctls, saves the interface's settings, changes them, and passes the result of the plugin before on. */
export function add(request: Request): Result {
  const { sysctls, link: wanted, dataDir } = decodeConfig(request);
  const patterns = readAllowList();
  if (patterns !== undefined) refuseUnlisted([...sysctls.keys()], patterns);
  const settings = sysctlSettings(sysctls, request.ifname);
  const previous = requirePrevResult(request, "tuning");
  // A version that cannot express the result is to be found out before anything is changed.
  resultDocument(previous, request.cniVersion);
  const netns = openContainerNetns(request);
  try {
    const link = inNetns(netns, () => tune(request, settings, wanted, dataDir));
    return link === undefined ? previous : updatedResult(previous, request.ifname, link, wanted);
  } finally {
    netns.close();
  }
}

/** Works in the container's namespace. Returns the interface as it is afterwards; undefined when it was not touched. */
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
    const link = existingLink(rt, request);
    refuseOddMac(link, wanted);
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

function existingLink(rt: NetlinkSocket, { ifname, netns }: Request): Link {
  const link = findLink(rt, ifname);
  if (link !== undefined) return link;
  throw new CniError(
    ErrorCode.kernelRefused,
    `failed to get ${JSON.stringify(ifname)}: Link not found`,
    `${netns} has no such interface (CNI_IFNAME): tuning comes after the plugin that makes it`,
  );
}

/** The kernel would take the first bytes of an address that is too long. */
function refuseOddMac(link: Link, { mac }: LinkSettings): void {
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

/** The result with what became of the interface: its MAC as the kernel shows it, and its MTU where one is told. */
export function updatedResult(
  result: Result,
  ifname: string,
  link: { readonly mac: string; readonly mtu: number },
  wanted: LinkSettings,
): Result {
  const named = result.interfaces.filter(({ name }) => name === ifname);
  // Only without any sandbox may an entry without one be the container's.
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
