const capabilities = "CAP_NET_ADMIN and CAP_SYS_ADMIN in the namespaces concerned";

const advices: Readonly<Record<string, string>> = {
  EOPNOTSUPP: "the kernel lacks this feature: see the kernel options in README.md",
  ENOBUFS:
    "the kernel's answers were lost: something else fills this process's netlink socket, or there are more than it holds",
  EROFS: "the file system is mounted read-only",
  ENOSPC: "free space on the file system",
  EXFULL: "a Linux bridge takes at most 1024 ports: use another bridge for further containers",
};

/**
 * Advice for an errno, whatever the operation; "" where there is none. Whoever is not root has to be; root learns what
 * else the kernel may mean.
 *
 * @param errno the symbolic name.
 */
export function errnoAdvice(errno: string): string {
  if (errno !== "EACCES" && errno !== "EPERM") return advices[errno] ?? "";
  if (process.geteuid?.() !== 0) return `run the plugin as root: it needs ${capabilities}`;
  const needed = errno === "EPERM" ? `root needs ${capabilities} for it; ` : "";
  return `${needed}a security module (AppArmor, SELinux, seccomp), an immutable file or a mount's options may forbid it, too`;
}
