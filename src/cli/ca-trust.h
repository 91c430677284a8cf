/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs of "attezt ca trust" share: the trust store as the front has it, with where everything comes from; and
 * certificates that are to be added to it. */
#include "cli/cli.h"
#include "shared/trust-settings.h"

/* --- ca-trust.c: what is there --- */

typedef struct TrustItem {
        char fingerprint[TRUST_FINGERPRINT_TEXT + 1];
        Bytes der;
        const EkIssuer *issuer; /* NULL: distrusted */
        char *path;             /* of the file, if one of the directories has it; NULL */
        bool kept;              /* with "attezt ca trust"; then also: */
        char *source;
        int64_t added, uid;
} TrustItem;

typedef struct TrustView {
        TrustSettings settings;
        EkTrust *trust;
        TrustItem *items;
        size_t n;
        unsigned n_skipped; /* files that cannot be used, told on standard error */
} TrustView;

void trust_view_done(TrustView *v);
#define _cleanup_trust_view_ _cleanup_(trust_view_done)

/* directory: look at nothing but that one, and do not ask atteztd; or NULL. Exit status. */
int trust_view_load(Cli *c, const char *directory, TrustView *ret);
TrustItem *trust_view_find(const TrustView *v, const char *fingerprint);

/* For people: why a certificate or file cannot be used. */
const char *trust_error_text(int error);
#define TRUST_NAME_TEXT 512U
const char *trust_name(ByteView name, char ret[static TRUST_NAME_TEXT]);
/* "root", "anchor", "intermediate" or "distrusted". */
const char *trust_kind(const EkIssuer *issuer);

/* --- ca-trust-collect.c: what is to be added --- */

#define TRUST_CANDIDATES_MAX 4096U

typedef struct TrustCandidate {
        char fingerprint[TRUST_FINGERPRINT_TEXT + 1];
        ByteView der; /* in issuer */
        const EkIssuer *issuer;
        char *source;
} TrustCandidate;

typedef struct TrustCollector {
        const TrustView *view;
        EkTrust *found;      /* holds what candidates point at */
        TrustCandidate *candidates;
        size_t n;
        unsigned n_known;    /* trusted already */
        unsigned n_skipped;
        struct json_object *skipped;
        bool anchor;         /* trust as a root what another has signed */
        const char *vendor;  /* of all; NULL: by folder */
} TrustCollector;

void trust_collector_done(TrustCollector *c);
#define _cleanup_trust_collector_ _cleanup_(trust_collector_done)
int trust_collector_init(TrustCollector *c, const TrustView *view);

/* The content of a file: every certificate in it, or a word about why not. name: for people and for the record; folder:
 * names the vendor, or NULL. Fails for want of memory only. */
int trust_collect(TrustCollector *c, const char *name, const char *folder, ByteView content);
void trust_collect_skip(TrustCollector *c, const char *name, int error);
/* The first folder of a path that is no word of a vendor's own for what is in it (RootCA); malloc'd, or NULL. */
int trust_vendor_folder(const char *path, char **ret);

/* --- ca-trust-archive.c --- */

#define TRUST_ARCHIVE_ENTRIES_MAX 8192U
#define TRUST_ARCHIVE_SIZE_MAX (128U * 1024 * 1024) /* bytes, unpacked */

/* All files of a cab. Exit status, after telling what is wrong with it. */
int trust_collect_archive(TrustCollector *c, const char *path);
