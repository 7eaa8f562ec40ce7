import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Host } from "../host/host.ts";

const applets = ["sh", "httpd", "wget", "ip", "mkdir", "sleep", "cat", "ls", "nc"];
const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };

/**
 * Writes an OCI image archive for `ctr image import` and `podman load`: one layer with a static busybox
 * (Debian's busybox-static), named `name`. Returns its path as seen in the host. No registry is needed. Without a
 * command it sleeps, as the image of pods' sandboxes does.
 */
export function writeImage(host: Host, name: string): string {
  const work = host.tempDir();
  const rootfs = makeRootfs(host);
  host.run("mkdir", [`${work}/image`]);
  host.run("tar", ["-C", rootfs, "-cf", `${work}/layer.tar`, "."]);

  const image = new OciLayout(host, `${work}/image`);
  const layer = image.addBlob(
    "application/vnd.oci.image.layer.v1.tar",
    readFileSync(host.outside(`${work}/layer.tar`)),
  );
  const config = image.addJson("application/vnd.oci.image.config.v1+json", {
    architecture: architectures[process.arch] ?? process.arch,
    os: "linux",
    config: { Env: ["PATH=/bin"], Cmd: ["sleep", "1000000000"] },
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  });
  const manifest = image.addJson("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config,
    layers: [layer],
  });
  // containerd reads the first annotation, podman the second.
  const annotations = { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name };
  image.finish({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] });
  host.run("tar", ["-C", `${work}/image`, "-cf", `${work}/image.tar`, "."]);
  return `${work}/image.tar`;
}

/** Makes a container's root file system with a static busybox. Returns its path as seen in the host. */
export function makeRootfs(host: Host): string {
  const rootfs = host.tempDir();
  const folders = ["bin", "dev", "proc", "sys", "tmp"];
  host.run("mkdir", ["-p", ...folders.map((name) => `${rootfs}/${name}`)]);
  host.run("cp", ["/bin/busybox", `${rootfs}/bin/busybox`]);
  for (const applet of applets) host.run("ln", ["-s", "busybox", `${rootfs}/bin/${applet}`]);
  return rootfs;
}

type Descriptor = { mediaType: string; digest: string; size: number };

/** A folder in OCI image layout: files named by their SHA-256, and an index. */
class OciLayout {
  readonly #host: Host;
  readonly #folder: string;

  constructor(host: Host, folder: string) {
    this.#host = host;
    this.#folder = folder;
  }

  addJson(mediaType: string, value: unknown): Descriptor {
    return this.addBlob(mediaType, Buffer.from(JSON.stringify(value)));
  }

  addBlob(mediaType: string, content: Buffer): Descriptor {
    const hash = createHash("sha256").update(content).digest("hex");
    this.#host.writeFile(`${this.#folder}/blobs/sha256/${hash}`, content);
    return { mediaType, digest: `sha256:${hash}`, size: content.length };
  }

  finish(index: unknown): void {
    this.#host.writeFile(`${this.#folder}/oci-layout`, JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    this.#host.writeFile(`${this.#folder}/index.json`, JSON.stringify(index));
  }
}
