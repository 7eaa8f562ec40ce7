/** An attachment. */
export interface Owner {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}

export function sameOwner(a: Owner, b: Owner): boolean {
  return a.network === b.network && a.containerId === b.containerId && a.ifname === b.ifname;
}
