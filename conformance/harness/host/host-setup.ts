/**
 * What a scratch host's first process does, in new network, mount and PID namespaces, before the tests use them.
 *
 * - /run is an empty tmpfs: named network namespaces, the xtables lock and the sockets of runtimes are the host's own.
 * - /etc, /opt and /var/lib show the machine's files, but what is written there goes to that tmpfs. So no mount
 *   point has to be made on the machine, and nothing stays on it.
 * - /sys shows the host's own network devices, with the machine's cgroups where runtimes look for them.
 *
 * It then waits for the end of its standard input, a pipe from the test process: when that process ends, however it
 * ends, so does this one, and with the first process of a PID namespace all others in it. `cat` is not exec'ed,
 * so that the shell stays to reap orphans (conmon, containerd's shims).
 */
export const hostSetup = `
set -e
mount -t tmpfs -o mode=755 cni-test-host /run
mkdir /run/netns /run/cni /run/empty /run/test /run/lock
for dir in etc opt var/lib; do
  mkdir -p /run/overlay/$dir/upper /run/overlay/$dir/work
  mount -t overlay -o lowerdir=/$dir,upperdir=/run/overlay/$dir/upper,workdir=/run/overlay/$dir/work overlay /$dir
done
rm -rf /etc/cni /var/lib/cni
mkdir -p /etc/cni/net.d /var/lib/cni /opt/cni/bin
mkdir /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --move /run/cgroup /sys/fs/cgroup
ip link set lo up
echo ready
cat > /dev/null
exit 0
`;
