import type { Step } from "../scenario/scenario.ts";

const names = "iptables ip6tables iptables-save ip6tables-save";
const hide = `realpath $(which ${names}) | sort -u > /run/hidden; xargs -n1 mount --bind /dev/null < /run/hidden`;

/**
 * Hides iptables, in all its names, from everything on the host: a PATH without it does not, since plugins may also look
 * in the usual folders.
 */
export const hideIptables: Step = { run: ["sh", "-c", hide] };

/** Shows it again. */
export const showIptables: Step = { run: ["sh", "-c", "xargs -n1 umount < /run/hidden"] };
