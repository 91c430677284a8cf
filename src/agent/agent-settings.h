/* SPDX-License-Identifier: MIT */
#pragma once

/* agent.conf and its drop-ins, section [Agent]. */
#include "protocol/helper-wire.h"

typedef struct AgentSettings {
        char *acme_server, *attestation_server; /* without trailing slashes; NULL: not configured */
        char *name;
        char *eab_kid, *eab_key_file;
        char *roots_file; /* further roots for these servers */
        char *tcti;
        char *token_users, *token_groups; /* names and numbers, separated by blanks; NULL: none beyond the default */
        bool auto_enroll;
        JobKey key;
        int64_t lifetime; /* seconds, 0: the server's default */
        int64_t keep_key; /* RekeyEvery=: as in Job */
        int64_t renew_before; /* seconds, 0: at two thirds of the certificate's life */
} AgentSettings;

void agent_settings_done(AgentSettings *s);
#define _cleanup_agent_settings_ _cleanup_(agent_settings_done)

/* Says in the log what it does not understand and goes on: the agent serves whatever is in its file. */
int agent_settings_load(const char *config, AgentSettings *ret);
