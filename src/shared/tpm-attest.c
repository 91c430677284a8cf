/* SPDX-License-Identifier: MIT */
#include "shared/tpm-attest.h"

#include <tss2/tss2_mu.h>

#include "protocol/tpm-structures.h"

void tpm_statement_done(TpmStatement *s) {
        bytes_done(&s->attest);
        bytes_done(&s->signature);
}

/* A restricted key signs with its own scheme. */
static const TPMT_SIG_SCHEME own_scheme = { .scheme = TPM2_ALG_NULL };

static int take_statement(const TPM2B_ATTEST *attest, const TPMT_SIGNATURE *signature, TpmStatement *ret) {
        _cleanup_tpm_statement_ TpmStatement s = {};
        int r;

        if ((r = bytes_copy(VIEW(attest->attestationData, attest->size), &s.attest)) < 0 ||
            (r = tpm_signature_encode(signature, &s.signature)) < 0)
                return r;
        *ret = TAKE_GENERIC(s, (TpmStatement) {});
        return 0;
}

int tpm_certify_creation(const TpmKey *ak, const TpmCreation *creation, TpmStatement *ret) {
        _cleanup_esys_ TPM2B_ATTEST *attest = NULL;
        _cleanup_esys_ TPMT_SIGNATURE *signature = NULL;

        int r = TPM_CALL(ak->device, CertifyCreation, ak->handle, ak->handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                         ESYS_TR_NONE, &(TPM2B_DATA) {}, &creation->hash, &own_scheme, &creation->ticket, &attest,
                         &signature);
        return r < 0 ? r : take_statement(attest, signature, ret);
}

int tpm_certify(const TpmKey *key, const TpmKey *ak, ByteView qualifying, TpmStatement *ret) {
        _cleanup_esys_ TPM2B_ATTEST *attest = NULL;
        _cleanup_esys_ TPMT_SIGNATURE *signature = NULL;
        TPM2B_DATA data = { .size = (uint16_t) qualifying.size };

        if (qualifying.size > sizeof(data.buffer))
                return -E2BIG;
        memcpy(data.buffer, qualifying.data, qualifying.size);
        int r = TPM_CALL(ak->device, Certify, key->handle, ak->handle, ESYS_TR_PASSWORD, ESYS_TR_PASSWORD,
                         ESYS_TR_NONE, &data, &own_scheme, &attest, &signature);
        return r < 0 ? r : take_statement(attest, signature, ret);
}

/* --- ActivateCredential --- */

/* TCG EK Credential Profile, B.2 and B.6: low range EKs want PolicySecret(TPM_RH_ENDORSEMENT), high range ones
 * have userWithAuth and an empty password. */
static int open_ek_session(const TpmKey *ek, ESYS_TR *ret) {
        TpmDevice *t = ek->device;
        TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
        ESYS_TR session = ESYS_TR_NONE;

        if (ek->public.publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH) {
                *ret = ESYS_TR_PASSWORD;
                return 0;
        }
        int r = TPM_CALL(t, StartAuthSession, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                         NULL, TPM2_SE_POLICY, &none, ek->public.publicArea.nameAlg, &session);
        if (r < 0)
                return r;
        TSS2_RC rc = Esys_TRSess_SetAttributes(tpm_device_esys(t), session, TPMA_SESSION_CONTINUESESSION, 0xff);
        r = tpm_device_result(t, "StartAuthSession", rc);
        if (r >= 0)
                r = TPM_CALL(t, PolicySecret, ESYS_TR_RH_ENDORSEMENT, session, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                             ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
        if (r < 0) {
                (void) TPM_CALL(t, FlushContext, session);
                return r;
        }
        *ret = session;
        return 0;
}

int tpm_activate_credential(const TpmKey *ek, const TpmKey *ak, ByteView credential, ByteView encrypted_secret,
                            Bytes *ret) {
        _cleanup_esys_ TPM2B_DIGEST *secret = NULL;
        TPM2B_ID_OBJECT blob = {};
        TPM2B_ENCRYPTED_SECRET seed = {};
        size_t at = 0, at_seed = 0;
        ESYS_TR session;

        if (Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(credential.data, credential.size, &at, &blob) != TSS2_RC_SUCCESS ||
            at != credential.size ||
            Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(encrypted_secret.data, encrypted_secret.size, &at_seed, &seed) !=
                    TSS2_RC_SUCCESS ||
            at_seed != encrypted_secret.size)
                return tpm_device_fail(ek->device, -EBADMSG, "The credential is malformed");

        int r = open_ek_session(ek, &session);
        if (r < 0)
                return r;
        r = TPM_CALL(ek->device, ActivateCredential, ak->handle, ek->handle, ESYS_TR_PASSWORD, session, ESYS_TR_NONE,
                     &blob, &seed, &secret);
        /* Keeps the text of what failed: flushing a session does not. */
        if (session != ESYS_TR_PASSWORD)
                (void) Esys_FlushContext(tpm_device_esys(ek->device), session);
        if (r == -ENOTSUP)
                return -EBADMSG; /* TPM_RC_VALUE: not of this EK's size, or no point of its curve */
        return r < 0 ? r : bytes_copy(VIEW(secret->buffer, secret->size), ret);
}
