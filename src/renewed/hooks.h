/* SPDX-License-Identifier: MIT */
#pragma once

/* The executables of a directory, as root runs them: only what nobody but root can have written. */
#include <sys/types.h>

#include "shared/bytes.h"

#define HOOKS_MAX 64U

/* Sorted; hidden files and those that end in "~", ".bak", or ".dpkg-…" are left out silently, and
 * what is not executable; what others could have written is refused, with a line in the log each. */
typedef struct Hooks {
        char *names[HOOKS_MAX];
        size_t n;
        unsigned refused;
} Hooks;

void hooks_done(Hooks *h);

/* A directory that is not there is empty. -EPERM: others may write to it. */
int hooks_read(const char *dir, Hooks *ret);

/* Whether only root, or who runs this, can have written that file, or directory. type: S_IFREG or S_IFDIR; a link is
 * neither, for it would be followed to a place where others may have their hands in. -ENOENT, -EPERM. */
int trusted_at(int dir_fd, const char *path, mode_t type);
