// asm-generic/errno-base.h, asm-generic/errno.h; ERESTART is linux/errno.h's.
export const ENOENT = 2;
export const EINTR = 4;
export const EAGAIN = 11;
export const EEXIST = 17;
export const EINVAL = 22;
export const ERESTART = 85;
export const EMSGSIZE = 90;
export const EOPNOTSUPP = 95;
export const EAFNOSUPPORT = 97;
export const ENOBUFS = 105;
