/* SPDX-License-Identifier: MIT */
#include "protocol/issue-verdict.h"

IssueVerdict issue_verdict(const Device *device, const Pending *pending, int64_t now) {
        if (!device || memcmp(device->ek_hash, pending->ek_hash, sizeof(device->ek_hash)) != 0)
                return ISSUE_UNKNOWN_DEVICE;
        if (device->denied)
                return ISSUE_DENIED;
        if (device->disabled)
                return ISSUE_DISABLED;
        if (device_expired(device, now))
                return ISSUE_EXPIRED;
        if (device->pinned || pending->evidence == EK_EVIDENCE_TRUSTED)
                return ISSUE_GOOD;
        return pending->evidence == EK_EVIDENCE_UNTRUSTED ? ISSUE_UNTRUSTED_CERTIFICATE : ISSUE_NO_CERTIFICATE;
}

const char *issue_verdict_to_string(IssueVerdict v) {
        static const char *const texts[] = {
                [ISSUE_GOOD] = "good",
                [ISSUE_UNKNOWN_SECRET] = "the secret was never given out, was used already, or has expired",
                [ISSUE_UNKNOWN_DEVICE] = "the device is not in the inventory",
                [ISSUE_DISABLED] = "the device is disabled",
                [ISSUE_DENIED] = "the device was denied",
                [ISSUE_EXPIRED] = "its entry in the inventory has expired",
                [ISSUE_NO_CERTIFICATE] = "it has no EK certificate and is not pinned",
                [ISSUE_UNTRUSTED_CERTIFICATE] = "no trusted issuer stands behind its EK certificate, and it is not pinned",
                [ISSUE_CHANGED] = "the device was removed or changed meanwhile",
        };
        _Static_assert(ELEMENTSOF(texts) == _ISSUE_VERDICT_MAX, "every verdict has a text");

        return v < _ISSUE_VERDICT_MAX ? texts[v] : "unknown verdict";
}

static void list_names(const Device *device, IssueNames *names) {
        unsigned n = 0;

        for (; n < device->n_names && n < DEVICE_NAMES_MAX; n++)
                names->list[n] = device->names[n];
        if (n == 0 && !device->any_name) {
                /* Without a permanentIdentifier an AK certificate could order any name (finding F13). */
                device_hash_format(device->ek_hash, names->hash);
                names->list[n++] = names->hash;
        }
        names->list[n] = NULL;
}

int issue_certificate(const Device *device, const Pending *pending, const IssueTerms *terms, IssueNames *names,
                      AkCertificate *ret) {
        AkCertificate c = {
                .ak = pending->ak,
                .tpm = pending->evidence == EK_EVIDENCE_TRUSTED ? pending->tpm : AK_TPM_UNVERIFIED,
                .any_name = device->any_name,
        };

        int64_t lifetime = device->ak_lifetime > 0 ? device->ak_lifetime : terms->default_lifetime;
        int64_t end = terms->issuer_not_after;

        if (device->expires > 0)
                end = MIN_OF(end, device->expires);
        int r = ak_certificate_validity(terms->now, lifetime, end, &c.not_before, &c.not_after);
        if (r < 0)
                return r;
        memcpy(c.serial, terms->serial, sizeof(c.serial));
        ak_certificate_serial(c.serial);
        memcpy(c.ek_hash, device->ek_hash, sizeof(c.ek_hash));
        list_names(device, names);
        c.names = names->list;
        *ret = c;
        return 0;
}
