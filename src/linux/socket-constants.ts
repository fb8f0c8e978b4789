/** Numbers of socket(2) that several kinds of socket share: bits/socket.h, bits/socket_type.h, asm-generic/socket.h. */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
/** Level of setsockopt(2) and of control messages for what every socket has. */
export const SOL_SOCKET = 1;
