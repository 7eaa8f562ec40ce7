import { exitMark } from "./outcome.ts";

/** Where things are in the virtual machine. */
export const guest = {
  /** The repository: what tests need of it, read only. */
  repository: "/repo",
  /** The executables under test, read only. */
  plugins: "/repo/dist/bin",
  /** The Go plugins and cnitool, if this machine has built them. */
  peers: "/repo/.peers",
  /** A small disk that survives a reboot. */
  data: "/data",
  /** Empty folders of the root disk over which something is mounted. */
  mountPoints: ["/proc", "/sys", "/dev", "/run", "/tmp", "/var", "/root", "/opt", "/repo", "/data"],
};

/**
 * The first process of the virtual machine. The console (ttyS0) has the kernel's messages and this script's, ttyS1
 * what the tests print. The kernel's command line sets `boot` and the tests' variables in the environment.
 */
export const guestInit = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec < /dev/console > /dev/console 2>&1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 NO_COLOR=1
mkdir /dev/shm /dev/pts
ln -s /proc/self/fd /dev/fd
mount -t devpts devpts /dev/pts
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for folder in /dev/shm /run /tmp /var /root /opt; do mount -t tmpfs -o mode=755 tmpfs $folder; done
chmod 1777 /tmp /dev/shm
mkdir -p /var/lib /var/tmp /var/cache /run/lock
ln -s /run /var/run
ip link set lo up
mount -o ro /dev/nvme0n2 ${guest.repository}
mount -o ro /dev/nvme0n3 ${guest.plugins}
mount /dev/nvme0n4 ${guest.data}
ln -s ${guest.peers} /var/cache/cni-plugins-ts
export CNI_TEST_VM=1 CNI_BIN_DIR=${guest.plugins}
busybox stty -F /dev/ttyS1 raw -echo
cd ${guest.repository}
node --disable-warning=ExperimentalWarning conformance/vm/guest.ts < /dev/null > /dev/ttyS1 2>&1
status=$?
if [ $status -ge 128 ]; then busybox dmesg | tail -n 40; fi
echo "${exitMark} $status" > /dev/ttyS1
cd /
umount ${guest.data}
sync
exec busybox poweroff -f
`;
