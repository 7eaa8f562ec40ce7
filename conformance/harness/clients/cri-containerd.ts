import type { Host } from "../host/host.ts";
import { waitUntil } from "../host/wait.ts";
import { ctrFor, startContainerd2 } from "./containerd.ts";
import { type Cri, criFor } from "./cri.ts";
import { writeImage } from "./image.ts";

export type CriSettings = {
  /** Of pods' sandboxes, and for their containers. */
  image: string;
  cgroup: string;
  /** How many of the configurations in /etc/cni/net.d a pod gets, each with an interface of its own. Default: 1. */
  networks?: number;
  /** A Go template in the host, which containerd fills with the node's pod CIDRs. */
  configTemplate?: string;
};

/**
 * Starts containerd 2 with its CRI in a host, with an image made on the spot. It takes networks from /etc/cni/net.d
 * and plugins from /opt/cni/bin, `loopback` too.
 */
export async function startCri(host: Host, settings: CriSettings): Promise<Cri> {
  const { image, cgroup, networks = 1, configTemplate = "" } = settings;
  const containerd = await startContainerd2(host, [
    `[plugins."io.containerd.cri.v1.images".pinned_images]`,
    `  sandbox = "${image}"`,
    `[plugins."io.containerd.cri.v1.runtime"]`,
    // To lower what the machine's root has needs a capability that is not always there.
    "  restrict_oom_score_adj = true",
    "  disable_apparmor = true",
    `[plugins."io.containerd.cri.v1.runtime".cni]`,
    `  max_conf_num = ${networks}`,
    `  conf_template = "${configTemplate}"`,
    "  use_internal_loopback = false",
  ]);
  ctrFor(host, containerd, "k8s.io").run("image", "import", writeImage(host, image));
  const cri = criFor(host.outside(containerd.address), cgroup);
  await waitUntil("the CRI knows the image", () => cri.hasImage(image));
  return cri;
}
