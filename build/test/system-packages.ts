/** What `npm run demo` and `npm test` need from the machine beside Node, in one place. */

type Purpose = "demo" | "test";

interface SystemPackage {
  /** The Debian and Ubuntu package. */
  name: string;
  /** The commands of it that are used. */
  commands: readonly string[];
  /** What for, as the end of "it is needed …". */
  why: string;
  purposes: readonly Purpose[];
  /** A service of the package that would change the machine's own network when it runs. */
  service?: string;
}

const always = ["demo", "test"] as const;
const tests = ["test"] as const;

const systemPackages: readonly SystemPackage[] = [
  {
    name: "iptables",
    commands: ["iptables", "ip6tables"],
    why: "by the plugins' iptables backend",
    purposes: always,
  },
  {
    name: "iproute2",
    commands: ["ip", "bridge"],
    why: "to make network namespaces and look at them",
    purposes: always,
  },
  {
    name: "util-linux",
    commands: ["unshare", "nsenter"],
    why: "to work inside namespaces",
    purposes: always,
  },
  { name: "iputils-ping", commands: ["ping"], why: "to ping from and to containers", purposes: always },
  { name: "curl", commands: ["curl"], why: "to fetch a page through a published port", purposes: always },
  { name: "conntrack", commands: ["conntrack"], why: "to look at tracked connections", purposes: always },
  {
    name: "binutils",
    commands: ["strip", "as", "objcopy"],
    why: "to make the conformance executable smaller, and to check machine code",
    purposes: tests,
  },
  {
    name: "binutils-aarch64-linux-gnu",
    commands: ["aarch64-linux-gnu-as"],
    why: "to check machine code for arm64",
    purposes: tests,
  },
  { name: "nftables", commands: ["nft"], why: "to look at nftables rules", purposes: tests },
  { name: "procps", commands: ["ps"], why: "to look at processes", purposes: tests },
  {
    name: "strace",
    commands: ["strace"],
    why: "to see what an executable asks of the kernel",
    purposes: tests,
  },
  { name: "socat", commands: ["socat"], why: "to send messages by SCTP", purposes: tests },
  {
    name: "busybox-static",
    commands: ["busybox"],
    why: "as the content of test containers",
    purposes: tests,
  },
  {
    name: "containerd",
    commands: ["containerd", "ctr"],
    why: "to start containers with `ctr run --cni`",
    purposes: tests,
  },
  {
    name: "runc",
    commands: ["runc"],
    why: "by containerd, podman and nerdctl, and to start containers with OCI hooks",
    purposes: tests,
  },
  { name: "podman", commands: ["podman"], why: "to start containers with its CNI backend", purposes: tests },
  {
    name: "dbus",
    commands: ["dbus-daemon", "dbus-send"],
    why: "to have a system bus on test hosts",
    purposes: tests,
  },
  {
    name: "firewalld",
    commands: ["firewalld", "firewall-cmd"],
    why: "by the firewall plugin's firewalld backend, on test hosts only",
    purposes: tests,
    service: "firewalld.service",
  },
  {
    name: "qemu-system-x86",
    commands: ["qemu-system-x86_64"],
    why: "to run tests on Debian's kernel, which has what trimmed kernels lack, and after a reboot",
    purposes: tests,
  },
  { name: "kmod", commands: ["depmod"], why: "by that virtual machine to load modules", purposes: tests },
  { name: "e2fsprogs", commands: ["mke2fs"], why: "to make its disks", purposes: tests },
  {
    name: "golang-go",
    commands: ["go"],
    why: "to build the Go plugins that ours are compared with, and containerd 2 and nerdctl",
    purposes: tests,
  },
];

/** The packages for a purpose of which a command is missing. */
export function missingPackages(
  purpose: Purpose,
  isInstalled: (command: string) => boolean,
): SystemPackage[] {
  return systemPackages.filter(
    ({ purposes, commands }) => purposes.includes(purpose) && !commands.every(isInstalled),
  );
}
