/** The plugins that there are. */
export const pluginNames: readonly string[] = [
  "bridge",
  "host-local",
  "portmap",
  "firewall",
  "tuning",
  "loopback",
];
