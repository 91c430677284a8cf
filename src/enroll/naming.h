/* SPDX-License-Identifier: MIT */
#pragma once

/* Which name to order. The AK certificate says what the inventory calls this device. */
#include "enroll/chain.h"
#include "enroll/failure.h"

/* wanted: by the person, or NULL: it must be one of the names to the letter. recorded: of the enrolment before,
 * or NULL: again, if it still is one. Then the host name (or its first label) if it is one, then the only one.
 * A certificate without names takes any: wanted, recorded, host name. */
int choose_name(const CertificateNames *names, const char *wanted, const char *recorded, char **ret, Failure *f);

/* A name for this machine that the inventory would take: the host name, else its first label, else "NAME". */
#define NAMING_HOST_MAX 256U
const char *naming_suggest(char ret[static NAMING_HOST_MAX]);
