/* SPDX-License-Identifier: MIT */
#pragma once

/* Fork and exec for helper.c. */
#include <stddef.h>
#include <sys/types.h>

#define HELPER_KEEP_FDS_MAX 16U /* descriptors that a child gets beside its socket */

/* The child has fds[0] as 3, fds[1] as 4 and so on, standard input to error as ours, nothing else; default
 * signals; and ends with us (SIGTERM). An exec that fails is an error here. Blocks until the exec. */
int spawn_with_fds(char *const argv[], const int *fds, size_t n_fds, pid_t *ret_pid, int *ret_pidfd);
