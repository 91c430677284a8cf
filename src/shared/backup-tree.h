/* SPDX-License-Identifier: MIT */
#pragma once

/* A file or a directory with all below it, into an archive. */
#include <sys/stat.h>

#include "shared/backup-file.h"

#define BACKUP_TREE_FILE_MAX (4U * 1024 * 1024) /* bytes */
#define BACKUP_TREE_DEPTH_MAX 4U                /* directories in each other */

/* What is left out, and why: a name that no archive has (-EINVAL), depth (-ELOOP), or what reading it said. */
typedef void (*BackupSkipped)(const char *path, int error);

typedef struct BackupTreeEvents {
        BackupSkipped skipped;
        void (*written)(const char *name, const struct stat *st, void *userdata); /* or NULL */
        void *userdata;
} BackupTreeEvents;

/* What is not there is fine, and so are hidden files, which are left out without a word. */
int backup_write_tree(int fd, const char *path, const char *name, const BackupTreeEvents *events);
