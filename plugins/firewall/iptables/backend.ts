import { iptablesProgram } from "../../../shared/iptables/program.ts";
import { requireWritableDirectory } from "../../../shared/linux/writable-directory.ts";
import type { FirewallAttachment } from "../attachment.ts";
import type { Clients } from "../clients.ts";
import type { FirewallConfig } from "../config.ts";
import type { BindingZone } from "../firewalld/bindings.ts";
import { recordFailure } from "../records/record-files.ts";
import type { AddressRecord } from "../records/records.ts";
import { addAttachment, type IptablesSetting } from "./add.ts";
import { checkAttachment } from "./check.ts";

/** The backend whose rules are iptables'. With firewalld's zone these are only the rules of the policy. */
export function iptablesFirewall(config: FirewallConfig, clients: Clients, bound?: BindingZone) {
  const setting: IptablesSetting = { config, clients, bound };
  return {
    add: (attachment: FirewallAttachment): void => addAttachment(setting, attachment),
    check: (attachment: FirewallAttachment, record: () => AddressRecord | undefined): void =>
      checkAttachment(setting, attachment, record()),
    status: (): void => assertWorking(setting),
  };
}

function assertWorking({ config, clients, bound }: IptablesSetting): void {
  assertWritableRecords(config.dataDir);
  bound?.firewalld.sources(bound.zone);
  if (bound !== undefined && config.ingressPolicy === "open") return;
  iptablesProgram(4, "restore");
  clients.iptables.read(4, "filter");
}

function assertWritableRecords(dataDir: string): void {
  try {
    requireWritableDirectory(dataDir);
  } catch (error) {
    throw recordFailure("keep records in", dataDir, error);
  }
}
