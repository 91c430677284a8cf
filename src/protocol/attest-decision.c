/* SPDX-License-Identifier: MIT */
#include "protocol/attest-decision.h"
#include "protocol/attest-messages.h"
#include "protocol/attest-verdict.h"
#include "protocol/weak-key.h"

static bool refuse(AttestDecision *d, AttestOutcome outcome, const char *reason) {
        d->outcome = outcome;
        d->reason = reason;
        return false;
}

static bool decide_request(ByteView body, AttestDecision *d, AttestRequest *ret) {
        int r = attest_request_parse(body, ret);

        if (r == -E2BIG)
                return refuse(d, ATTEST_TOO_LARGE, "the request or a part of it is too large");
        if (r == -ENOMEM)
                return refuse(d, ATTEST_FAILED, "out of memory");
        if (r < 0)
                return refuse(d, ATTEST_MALFORMED, "this is not the JSON of an attest request");
        return true;
}

static bool decide_ek(const AttestRequest *q, AttestDecision *d) {
        int r = public_key_from_spki(bytes_view(&q->ek), &d->question.ek);

        if (r == -ENOTSUP)
                return refuse(d, ATTEST_MALFORMED, "ek is a key of an unsupported kind or size");
        if (r == -ENOMEM)
                return refuse(d, ATTEST_FAILED, "out of memory");
        if (r < 0)
                return refuse(d, ATTEST_MALFORMED, "ek is not a public key");
        if (public_key_is_roca(&d->question.ek))
                return refuse(d, ATTEST_REFUSED, "ek is an RSA key whose private key can be computed from it (ROCA, "
                                                 "CVE-2017-15361)");
        return true;
}

static void untrusted(AttestDecision *d, EkVerdict v, const EkFindings *found) {
        d->question.evidence = EK_EVIDENCE_UNTRUSTED;
        memcpy(d->question.issuer, found->issuer, sizeof(d->question.issuer));
        d->reason = ek_verdict_to_string(v);
}

/* What is odd about one that is accepted. */
static const char *remark(const EkFindings *found) {
        return found->used & EK_ALLOW_EXPIRED ? "its EK certificate has expired, which AllowExpiredEK= allows" :
               found->used & EK_ALLOW_SHA1_CA ? "an intermediate of its EK certificate is signed with SHA-1, which "
                                                "AllowSHA1CA= allows" :
               found->other_vendor            ? "its EK certificate names another TPM vendor than that of the root" :
                                                NULL;
}

static bool decide_evidence(const AttestRequest *q, const EkTrust *trust, int64_t now, AttestDecision *d) {
        ByteView certificates[ATTEST_EK_CERTIFICATES_MAX];
        EkFindings found = {};

        for (size_t i = 0; i < q->n_ek_certificates; i++)
                certificates[i] = bytes_view(&q->ek_certificates[i]);
        EkVerdict v = ek_certificates_verify(trust, &d->question.ek, certificates, q->n_ek_certificates, now, &found);

        switch (v) {

        case EK_VERDICT_TRUSTED:
                d->question.evidence = EK_EVIDENCE_TRUSTED;
                d->question.tpm = found.tpm;
                d->reason = remark(&found);
                return true;
        case EK_VERDICT_NONE:
                d->question.evidence = EK_EVIDENCE_NONE;
                d->reason = ek_verdict_to_string(v);
                return true;
        case EK_VERDICT_UNKNOWN_ISSUER:
        case EK_VERDICT_SHA1:
        case EK_VERDICT_NOT_AN_EK:
        case EK_VERDICT_EXPIRED:
                untrusted(d, v, &found);
                return true;
        case EK_VERDICT_MALFORMED:
                return refuse(d, ATTEST_MALFORMED, ek_verdict_to_string(v));
        default:
                return refuse(d, ATTEST_REFUSED, ek_verdict_to_string(v));
        }
}

static bool decide_ak(const AttestRequest *q, AttestDecision *d) {
        AkEvidence evidence = {
                .public = bytes_view(&q->ak_public),
                .creation_data = bytes_view(&q->create_data),
                .attestation = bytes_view(&q->create_attestation),
                .signature = bytes_view(&q->create_signature),
        };
        uint8_t name[AK_NAME_SIZE];
        AkVerdict v = ak_verify(&evidence, &d->question.ak, name);

        if (v == AK_VERDICT_GOOD && public_key_is_roca(&d->question.ak))
                return refuse(d, ATTEST_REFUSED, "the AK is an RSA key whose private key can be computed from it (ROCA, "
                                                 "CVE-2017-15361)");
        if (v == AK_VERDICT_GOOD)
                return true;
        return refuse(d, ak_verdict_is_malformed(v) ? ATTEST_MALFORMED : ATTEST_REFUSED, ak_verdict_to_string(v));
}

void attest_decide(ByteView body, const EkTrust *trust, int64_t now, AttestDecision *ret) {
        _cleanup_attest_request_ AttestRequest q = {};
        AttestDecision d = { .outcome = ATTEST_ASK };

        if (!decide_request(body, &d, &q) || !decide_ek(&q, &d) || !decide_evidence(&q, trust, now, &d) ||
            !decide_ak(&q, &d))
                d.question = (FrontAttest) {};
        *ret = d;
}
