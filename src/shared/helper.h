/* SPDX-License-Identifier: MIT */
#pragma once

/* A helper process at the other end of a SOCK_SEQPACKET socket: a unit of systemd's behind a listening socket
 * (connect), or a child of ours (spawn), watched through a pidfd. */
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "shared/bytes.h"

#define HELPER_MESSAGE_MAX (128U * 1024)
#define HELPER_FD 3 /* where a spawned helper finds its socket */

typedef struct Helper Helper;

typedef struct HelperCallbacks {
        void (*message)(Helper *h, ByteView packet, void *userdata);
        /* The helper is gone (or spoke nonsense): called once, later; after it nothing comes. how: for people. */
        void (*gone)(Helper *h, const char *how, void *userdata);
} HelperCallbacks;

/* Finds PROGRAM beside the running executable, else in ATTEZT_LIBEXECDIR. ret: malloc'd path. */
int helper_program_path(const char *program, char **ret);

int helper_connect(const char *socket_path, sd_event *event, const HelperCallbacks *cb, void *userdata, Helper **ret);
/* A connection that is there already: inherited or accepted. fd is taken in any case. */
int helper_attach(int fd, sd_event *event, const HelperCallbacks *cb, void *userdata, Helper **ret);
/* argv[0] is the path of the program; it gets the socket as HELPER_FD and keep_fds behind it (LISTEN_FDS style
 * numbering: 4, 5, …); all else is closed. */
int helper_spawn(char *const argv[], const int *keep_fds, size_t n_keep_fds, sd_event *event,
                 const HelperCallbacks *cb, void *userdata, Helper **ret);
Helper *helper_free(Helper *h); /* closes the socket; a child gets SIGTERM and is reaped in the loop */

/* Sends now or when the socket takes it: queued up to max_queued packets (as of helper_set_queue()), then
 * -ENOBUFS. */
int helper_send(Helper *h, ByteView packet);
void helper_set_queue(Helper *h, size_t max_queued); /* default 16 */
pid_t helper_pid(const Helper *h); /* 0 when connected, not spawned */
/* How a spawned helper exited, once it is gone; -1 when it was killed, or is not known to have ended. */
int helper_exit_status(const Helper *h);
