/* SPDX-License-Identifier: MIT */
#pragma once

/* Small files: read whole within a limit, replaced whole and durably; and directories. */
#include <sys/types.h>

#include "shared/bytes.h"

#define FILE_NAME_MAX 200U       /* characters of a name that file_write_atomic() takes */
#define DIR_REMOVE_DEPTH_MAX 8U  /* directories below each other that dir_remove() follows */

/* -EFBIG: more than max bytes. A file must be a regular one (-EINVAL); a descriptor may be anything, and is
 * read to its end. The buffer is never reallocated, so bytes_erase() leaves no copy of a secret behind. */
int file_read(const char *path, size_t max, Bytes *ret);
int file_read_at(int dir_fd, const char *path, size_t max, Bytes *ret);
int fd_read(int fd, size_t max, Bytes *ret);

/* Writes a hidden file beside name, fsync, rename over name, fsync of the directory: afterwards name is the
 * old file or the new one, whatever happens, and durable on success. mode is exact, whatever the umask.
 * name has no slash. */
int file_write_atomic(int dir_fd, const char *name, mode_t mode, ByteView content);
int file_write_atomic_path(const char *path, mode_t mode, ByteView content);
/* For directories that are not in use yet: creates name (-EEXIST when it is there), fsync. */
int file_write_new(int dir_fd, const char *name, mode_t mode, ByteView content);

/* Takes PATH.lock, which is made (0600) and stays; the lock ends with the descriptor that is returned. -EBUSY: another
 * has it. */
int file_lock(const char *path);

/* O_DIRECTORY; returns the descriptor. */
int dir_open(const char *path);
int dir_open_at(int dir_fd, const char *path);
/* One level; a directory that is there is fine and keeps its mode. */
int dir_make(const char *path, mode_t mode);
int dir_make_at(int dir_fd, const char *name, mode_t mode);
/* All missing levels. */
int dir_make_parents(const char *path, mode_t mode);
int dir_fsync(const char *path);
/* The directory that holds path, for a rename or a link to become durable. */
int dir_fsync_parent(const char *path);
/* name and all below it, links not followed; what is missing is no error. */
int dir_remove(int dir_fd, const char *name);

/* dir "/" name in a new string. */
int path_join(const char *dir, const char *name, char **ret);
/* "." for a path without a slash; "/" stays "/". */
int path_parent(const char *path, char **ret);
