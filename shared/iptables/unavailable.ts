import { Failure } from "../errors/failure.ts";

/**
 * iptables cannot work here at all, for this family: the programs or the kernel's part are missing. Never what a retry
 * may mend, such as a machine that has no process to spare.
 */
export class IptablesUnavailable extends Failure {}
