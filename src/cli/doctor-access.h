/* SPDX-License-Identifier: MIT */
#pragma once

/* What another user may do with a file. */
#include <sys/types.h>

/* wanted: permission bits, 04 to read, 06 to read and write. 1: yes; 0: no, by the file's own mode (directories on the
 * way are not looked at); -ESRCH: there is no such user; or why the file cannot be looked at. */
int user_may(const char *user, const char *path, mode_t wanted);
#define ACCESS_PATH_SIZE 256U
/* The first thing on the way to path, or path itself (absolute), that user may not go through, or read: a directory also
 * to list. 1: ret is it; 0: there is none; -ESRCH, -E2BIG. */
int find_unreadable(const char *user, const char *path, char ret[static ACCESS_PATH_SIZE]);
/* The first thing on the way to path, or path itself (absolute), that is not for every user: a directory to go through,
 * the last one also to list, or the file to read. ret: it, and 1; 0: all may, or the rest is not there. */
int find_closed(const char *path, char ret[static ACCESS_PATH_SIZE], mode_t *ret_mode);
/* 1: user is in that group; 0: not; -ESRCH: no such user or group. */
int user_in_group(const char *user, const char *group);
