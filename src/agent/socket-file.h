/* SPDX-License-Identifier: MIT */
#pragma once

/* A listening socket that is made here, for where no service manager passes one. */
#include <sys/types.h>

#include "shared/bytes.h"

typedef struct SocketFile {
        char *path;
        int lock_fd; /* of PATH.lock, while it is ours */
        dev_t dev;
        ino_t ino;
} SocketFile;

#define SOCKET_FILE_NULL (SocketFile) { .lock_fd = -EBADF }

/* Makes path, mode 0666, in place of one that nobody listens on; clients find it listening or do not find it.
 * Returns the listening descriptor. -EADDRINUSE: somebody has it; -EEXIST: something else is there;
 * -ENAMETOOLONG. */
int socket_file_make(const char *path, SocketFile *ret);
/* Removes the file, if it is still that one. */
void socket_file_remove(SocketFile *f);
