/* SPDX-License-Identifier: MIT */
#pragma once

/* What the front reads from disk: root certificate and revocation list, which it hands out, and whom it believes about
 * EKs. */
#include <systemd/sd-event.h>

#include "http/shared-text.h"
#include "shared/trust-store.h"

#define ROOT_PEM_MAX (64U * 1024)        /* bytes */
#define CRL_PEM_MAX (16U * 1024 * 1024)  /* bytes */

typedef struct PublicFiles {
        const char *public_dir;
        const char *const *ek_roots; /* directories, NULL-terminated */
        const EkPolicy *policy;
        SharedText *root_pem, *crl_pem; /* NULL: there is no CA yet */
        EkTrust *trust;
        /* While it is loaded again: */
        EkTrust *next;
        TrustLoader *loader;
        sd_event_source *loading;
} PublicFiles;

void public_files_done(PublicFiles *p);
/* At the start. What cannot be read is logged; -ENOMEM. */
int public_files_load(PublicFiles *p);
/* Reads all again; what cannot be read is logged and stays as it was. The trust store may be large: it is loaded little by
 * little from the loop, and counts when it is complete. */
void public_files_reload(PublicFiles *p, sd_event *event);
