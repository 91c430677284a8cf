/* SPDX-License-Identifier: MIT */
#pragma once

/* What atteztd is told: the command line, then /etc/attezt/atteztd.conf with its drop-ins for what the command
 * line left open, then defaults. */
#include <stdbool.h>
#include <stdint.h>

#include "shared/cleanup.h"
#include "shared/waiting-store.h"

#define SERVER_LISTEN_MAX 8U
#define SERVER_EK_ROOTS_MAX 8U
#define SERVER_SECRET_LIFETIME_MAX 3600 /* seconds */
#define SERVER_CRL_LIFETIME_DEFAULT (7 * 86400)
#define SERVER_CRL_LIFETIME_MAX (365 * 86400)
#define SERVER_DEVICE_LIFETIME_DEFAULT (24 * 3600) /* as step-ca has it */
#define SERVER_BACKUP_MIB_DEFAULT 768U /* MiB: it is assembled in memory, and the unit has 1 GiB */
#define SERVER_BACKUP_MIB_MAX 65536U
#define SERVER_KEEP_ISSUED_DEFAULT (90 * 86400)
#define SERVER_KEEP_ISSUED_MAX (3650LL * 86400)
#define SERVER_KEEP_ISSUED_INFINITY INT64_MAX
#define SERVER_DEVICE_LIFETIME_MAX (3650LL * 86400)

/* NULL-terminated. A list of the command line replaces the one of the files. */
typedef struct ServerSettings {
        char *state_dir;
        char *listen[SERVER_LISTEN_MAX + 1];
        char *tls_cert, *tls_key;
        char *webhook_secret, *webhook_client_roots, *webhook_client_name; /* for a front of its own; NULL: not said */
        char *ek_roots[SERVER_EK_ROOTS_MAX + 1];
        char *config; /* that somebody named; NULL: the usual one */
        bool allow_plaintext;
        bool check;          /* open all, tell, end */
        bool check_settings; /* load them, which tells what is wrong, end */
        bool no_bus;
        bool verbose;
        int64_t ak_lifetime, secret_lifetime; /* seconds; 0: not said */
        int64_t crl_lifetime;                 /* likewise */
        int64_t device_lifetime;              /* likewise: of the ACME server's certificates, for answers only */
        int64_t keep_issued;                  /* likewise: of AK certificates, after their end; or …_INFINITY */
        unsigned backup_mib;                  /* likewise: the largest inventory of a backup */
        WaitingLimits pending;                /* 0: not said */
        int64_t idle_sec;                     /* -1: not said; 0: never */
} ServerSettings;

#define SERVER_SETTINGS_NULL (ServerSettings) { .idle_sec = -1 }

void server_settings_done(ServerSettings *s);

/* Parses the command line, reads the files, fills in defaults, and tells what is wrong. Returns 0; or -EINVAL
 * (wrong usage, told) or another error (told); 1 when --help or --version was all. */
int server_settings_load(ServerSettings *s, int argc, char **argv);
