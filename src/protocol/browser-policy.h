/* SPDX-License-Identifier: MIT */
#pragma once

/* Policy files of browsers, as "attezt setup" changes them: what others wrote in them stays. file is the content as it
 * is, empty for none; *ret is the new one, empty when nothing is left in it. -EBADMSG: the file is not JSON of the
 * expected shape (comments are none), and must be left alone; -E2BIG: beyond a limit; -ENOMEM. */
#include "shared/bytes.h"

#define BROWSER_POLICY_MAX (256U * 1024) /* bytes of a file */
#define BROWSER_PATTERN_MAX 512U         /* characters of a URL pattern */

/* A server, as Chromium's URL patterns have it: "https://host[:port]", "https://[*.]example.org" or a host alone; a
 * path would make Chromium ignore the pattern. */
bool chromium_pattern_valid(const char *pattern);

/* AutoSelectCertificateForUrls: for each pattern the certificates of that issuer (common name). Rules that are there
 * for other patterns stay. */
int chromium_policy_add(ByteView file, const char *const *patterns, size_t n, const char *issuer, Bytes *ret);
/* Without these rules; n of 0: without any. */
int chromium_policy_remove(ByteView file, const char *const *patterns, size_t n, Bytes *ret);

typedef struct ChromiumRules {
        size_t n;        /* in all */
        size_t n_issuer; /* for certificates of the issuer asked for */
} ChromiumRules;

/* ret->n is 0 when the policy is not in the file. */
int chromium_policy_count(ByteView file, const char *issuer, ChromiumRules *ret);

/* SecurityDevices: the module of that name. */
int firefox_policy_add(ByteView file, const char *name, const char *library, Bytes *ret);
int firefox_policy_remove(ByteView file, const char *name, Bytes *ret);
/* Its library, malloc'd. -ENOENT */
int firefox_policy_get(ByteView file, const char *name, char **ret);
