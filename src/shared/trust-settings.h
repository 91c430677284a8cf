/* SPDX-License-Identifier: MIT */
#pragma once

/* Where attezt-http takes its trust from when nothing else is said on its command line: [HTTP] of atteztd.conf. For
 * those who want to look at the same certificates. */
#include "shared/trust-store.h"

#define TRUST_DIRECTORIES_MAX 8U /* of the settings */

typedef struct TrustSettings {
        char *directories[TRUST_DIRECTORIES_MAX + 3]; /* NULL-terminated */
        EkPolicy policy;
} TrustSettings;

void trust_settings_done(TrustSettings *s);
#define _cleanup_trust_settings_ _cleanup_(trust_settings_done)

/* managed: with what "attezt ca trust" keeps. Settings that make no sense are passed over, as attezt-http does.
 * Errors as settings_files_read(). */
int trust_settings_load(bool managed, TrustSettings *ret);
