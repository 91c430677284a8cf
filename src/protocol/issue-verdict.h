/* SPDX-License-Identifier: MIT */
#pragma once

/* Does this device get an AK certificate, and what does it say? Decided when the secret has come back, from what
 * the inventory knows of the EK and what the challenge was made for. */
#include "protocol/device-record.h"
#include "protocol/pending-secrets.h"

typedef enum IssueVerdict {
        ISSUE_GOOD,
        ISSUE_UNKNOWN_SECRET,        /* never given out, used already, or expired */
        ISSUE_UNKNOWN_DEVICE,
        ISSUE_DISABLED,
        ISSUE_DENIED,                /* by a person, when it asked to be enrolled */
        ISSUE_EXPIRED,               /* its entry has */
        ISSUE_NO_CERTIFICATE,        /* no EK certificate was sent, and the device is not pinned */
        ISSUE_UNTRUSTED_CERTIFICATE, /* its issuer is none of ours, and the device is not pinned */
        ISSUE_CHANGED,               /* the device was removed or changed before the certificate was recorded */
        _ISSUE_VERDICT_MAX,
} IssueVerdict;

/* device: NULL when the inventory does not know it. now: seconds since the epoch. */
IssueVerdict issue_verdict(const Device *device, const Pending *pending, int64_t now);
/* For people: "its EK certificate …", without a name or a hash. */
const char *issue_verdict_to_string(IssueVerdict v);

/* What the certificate of a device with verdict good gets beside it. */
typedef struct IssueTerms {
        uint8_t serial[AK_SERIAL_SIZE]; /* random */
        int64_t now;                    /* seconds since the epoch */
        int64_t default_lifetime;       /* seconds, for a device without its own */
        int64_t issuer_not_after;
} IssueTerms;

/* Room for the list of names that the certificate points to. */
typedef struct IssueNames {
        char hash[DEVICE_HASH_TEXT + 1];
        const char *list[DEVICE_NAMES_MAX + 1];
} IssueNames;

/* The names are the inventory's; a device without any has its EK hash for a name, unless it may order any.
 * The certificate does not outlive the entry. *ret points into device and names. Errors as ak_certificate_validity(). */
int issue_certificate(const Device *device, const Pending *pending, const IssueTerms *terms, IssueNames *names,
                      AkCertificate *ret);
