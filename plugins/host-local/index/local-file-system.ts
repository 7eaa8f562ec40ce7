import { statfsSync } from "node:fs";

/**
 * File systems that one machine at a time uses (linux/magic.h; ZFS, bcachefs and aufs from their own sources). On
 * others, such as NFS, no index is kept: this machine would not see at once that another one changed a directory.
 */
const local = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0x794c7630, // overlay
  0xf2f52010, // f2fs
  0x2fc12fc1, // zfs
  0xca451a4e, // bcachefs
  0x61756673, // aufs
  0x52654973, // reiserfs
  0x3153464a, // jfs
]);

/** True when a path is on such a file system; false when that is not known. */
export function isOnLocalFileSystem(path: string): boolean {
  try {
    return local.has(statfsSync(path).type);
  } catch {
    return false;
  }
}
