/* SPDX-License-Identifier: MIT */
#include "shared/tpm-key.h"

#include <tss2/tss2_mu.h>

#include "protocol/tpm-structures.h"
#include "protocol/tpm-templates.h"

void tpm_key_done(TpmKey *k) {
        if (k->device && k->handle != ESYS_TR_NONE) {
                if (k->transient)
                        (void) TPM_CALL(k->device, FlushContext, k->handle);
                else
                        (void) Esys_TR_Close(tpm_device_esys(k->device), &k->handle);
        }
        *k = (TpmKey) {};
}

int tpm_key_public(const TpmKey *k, PublicKey *ret) {
        return tpm_public_get_key(&k->public.publicArea, ret);
}

int tpm_key_public_area(const TpmKey *k, Bytes *ret) {
        return tpm_public_encode(&k->public.publicArea, ret);
}

/* --- Primaries and what is persistent --- */

int tpm_key_persistent(TpmDevice *t, uint32_t handle, TpmKey *ret) {
        _cleanup_tpm_key_ TpmKey k = { .device = t, .handle = ESYS_TR_NONE };
        _cleanup_esys_ TPM2B_PUBLIC *public = NULL;
        _cleanup_esys_ TPM2B_NAME *name = NULL, *qualified = NULL;

        int r = TPM_CALL(t, TR_FromTPMPublic, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &k.handle);
        if (r >= 0)
                r = TPM_CALL(t, ReadPublic, k.handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, &name,
                             &qualified);
        if (r < 0)
                return r;
        k.public = *public;
        *ret = TAKE_GENERIC(k, (TpmKey) {});
        return 0;
}

int tpm_key_primary(TpmDevice *t, ESYS_TR hierarchy, const TPM2B_PUBLIC *template, TpmKey *ret) {
        TpmKey k = { .device = t, .transient = true };
        _cleanup_esys_ TPM2B_PUBLIC *public = NULL;

        int r = TPM_CALL(t, CreatePrimary, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                         &(TPM2B_SENSITIVE_CREATE) {}, template, &(TPM2B_DATA) {}, &(TPML_PCR_SELECTION) {}, &k.handle,
                         &public, NULL, NULL, NULL);
        if (r < 0)
                return r;
        k.public = *public;
        *ret = k;
        return 0;
}

/* Whatever its unique field says: that is where the key itself is. */
static bool is_storage_key(const TpmKey *k) {
        TpmKey expected = {};
        _cleanup_bytes_ Bytes a = BYTES_NULL, b = BYTES_NULL;

        storage_template_public(&expected.public);
        if (k->public.publicArea.type != expected.public.publicArea.type)
                return false;
        expected.public.publicArea.unique = k->public.publicArea.unique;
        return tpm_key_public_area(k, &a) >= 0 && tpm_key_public_area(&expected, &b) >= 0 &&
               view_equal(bytes_view(&a), bytes_view(&b));
}

static int open_owner_parent(TpmDevice *t, TpmKey *ret) {
        TPM2B_PUBLIC template;

        storage_template_public(&template);
        return tpm_key_primary(t, ESYS_TR_RH_OWNER, &template, ret);
}

static int open_srk(TpmDevice *t, uint32_t handle, TpmKey *ret) {
        _cleanup_tpm_key_ TpmKey k = {};

        int r = tpm_key_persistent(t, handle, &k);
        if (r < 0)
                return r;
        if (!is_storage_key(&k))
                return tpm_device_fail(t, -ENOENT, "The storage root key of the TPM is not of the usual kind");
        *ret = TAKE_GENERIC(k, (TpmKey) {});
        return 0;
}

static int open_parent(TpmDevice *t, TpmKey *ret, uint32_t *ret_parent) {
        uint32_t parent = KEY_FILE_PARENT_SRK;

        int r = open_srk(t, SRK_HANDLE, ret);
        if (r == -ENOENT) {
                parent = KEY_FILE_PARENT_OWNER;
                r = open_owner_parent(t, ret);
        }
        if (r >= 0)
                *ret_parent = parent;
        return r;
}

/* --- Create and load --- */

int tpm_creation_encode(const TpmCreation *c, Bytes *ret) {
        uint8_t buffer[TPM_CREATION_ENCODED_MAX];
        size_t size = 0;

        if (Tss2_MU_TPM2B_CREATION_DATA_Marshal(&c->data, buffer, sizeof(buffer), &size) != TSS2_RC_SUCCESS ||
            Tss2_MU_TPM2B_DIGEST_Marshal(&c->hash, buffer, sizeof(buffer), &size) != TSS2_RC_SUCCESS ||
            Tss2_MU_TPMT_TK_CREATION_Marshal(&c->ticket, buffer, sizeof(buffer), &size) != TSS2_RC_SUCCESS)
                return -EINVAL;
        return bytes_copy(VIEW(buffer, size), ret);
}

int tpm_creation_decode(ByteView v, TpmCreation *ret) {
        TpmCreation c = {};
        size_t at = 0;

        if (Tss2_MU_TPM2B_CREATION_DATA_Unmarshal(v.data, v.size, &at, &c.data) != TSS2_RC_SUCCESS ||
            Tss2_MU_TPM2B_DIGEST_Unmarshal(v.data, v.size, &at, &c.hash) != TSS2_RC_SUCCESS ||
            Tss2_MU_TPMT_TK_CREATION_Unmarshal(v.data, v.size, &at, &c.ticket) != TSS2_RC_SUCCESS || at != v.size)
                return -EBADMSG;
        *ret = c;
        return 0;
}

static int make_file(uint32_t parent, const TPM2B_PUBLIC *public, const TPM2B_PRIVATE *private, KeyFile *ret) {
        _cleanup_key_file_ KeyFile file = { .parent = parent, .empty_auth = true };
        uint8_t buffer[sizeof(TPM2B_PUBLIC) + sizeof(TPM2B_PRIVATE)];
        size_t size = 0;
        int r;

        if (Tss2_MU_TPM2B_PUBLIC_Marshal(public, buffer, sizeof(buffer), &size) != TSS2_RC_SUCCESS)
                return -EINVAL;
        r = bytes_copy(VIEW(buffer, size), &file.public_blob);
        if (r < 0)
                return r;
        size = 0;
        if (Tss2_MU_TPM2B_PRIVATE_Marshal(private, buffer, sizeof(buffer), &size) != TSS2_RC_SUCCESS)
                return -EINVAL;
        r = bytes_copy(VIEW(buffer, size), &file.private_blob);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(file, (KeyFile) {});
        return 0;
}

static int load_below(const TpmKey *parent, const TPM2B_PUBLIC *public, const TPM2B_PRIVATE *private, TpmKey *ret) {
        TpmKey k = { .device = parent->device, .transient = true, .public = *public };

        int r = TPM_CALL(k.device, Load, parent->handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, private, public,
                         &k.handle);
        if (r < 0)
                return r;
        *ret = k;
        return 0;
}

int tpm_key_create(TpmDevice *t, const TPM2B_PUBLIC *template, KeyFile *ret_file, TpmCreation *ret_creation,
                   TpmKey *ret) {
        _cleanup_tpm_key_ TpmKey parent = {};
        _cleanup_key_file_ KeyFile file = {};
        _cleanup_esys_ TPM2B_PRIVATE *private = NULL;
        _cleanup_esys_ TPM2B_PUBLIC *public = NULL;
        _cleanup_esys_ TPM2B_CREATION_DATA *data = NULL;
        _cleanup_esys_ TPM2B_DIGEST *hash = NULL;
        _cleanup_esys_ TPMT_TK_CREATION *ticket = NULL;
        uint32_t parent_name;
        int r;

        r = open_parent(t, &parent, &parent_name);
        if (r < 0)
                return r;
        r = TPM_CALL(t, Create, parent.handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                     &(TPM2B_SENSITIVE_CREATE) {}, template, &(TPM2B_DATA) {}, &(TPML_PCR_SELECTION) {}, &private,
                     &public, &data, &hash, &ticket);
        if (r < 0 || (r = make_file(parent_name, public, private, &file)) < 0 ||
            (r = load_below(&parent, public, private, ret)) < 0)
                return r;

        if (ret_creation)
                *ret_creation = (TpmCreation) { .data = *data, .hash = *hash, .ticket = *ticket };
        *ret_file = TAKE_GENERIC(file, (KeyFile) {});
        return 0;
}

int tpm_key_load(TpmDevice *t, const KeyFile *file, TpmKey *ret) {
        _cleanup_tpm_key_ TpmKey parent = {};
        TPM2B_PUBLIC public = {};
        TPM2B_PRIVATE private = {};
        size_t at = 0, at_private = 0;
        int r;

        if (file->has_policy || !file->empty_auth || file->rsa_parent)
                return -ENOTSUP;
        if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(file->public_blob.data, file->public_blob.size, &at, &public) !=
                    TSS2_RC_SUCCESS ||
            at != file->public_blob.size ||
            Tss2_MU_TPM2B_PRIVATE_Unmarshal(file->private_blob.data, file->private_blob.size, &at_private, &private) !=
                    TSS2_RC_SUCCESS ||
            at_private != file->private_blob.size)
                return -EBADMSG;

        r = file->parent == KEY_FILE_PARENT_OWNER ? open_owner_parent(t, &parent) :
            file->parent >> 24 == TPM2_HT_PERSISTENT ? open_srk(t, file->parent, &parent) :
                                                       -ENOTSUP;
        if (r < 0)
                return r == -ENOENT ? -EBADMSG : r;
        return load_below(&parent, &public, &private, ret);
}

/* --- Sign --- */

static int take_rsa(const TPM2B_PUBLIC_KEY_RSA *sig, uint16_t key_bits, Bytes *ret) {
        return sig->size != key_bits / 8 ? -EIO : bytes_copy(VIEW(sig->buffer, sig->size), ret);
}

static int take_ecdsa(const TPMS_SIGNATURE_ECC *sig, size_t size, Bytes *ret) {
        uint8_t raw[2 * PUBLIC_KEY_EC_SIZE_MAX] = {};

        if (sig->signatureR.size > size || sig->signatureS.size > size)
                return -EIO;
        memcpy(raw + size - sig->signatureR.size, sig->signatureR.buffer, sig->signatureR.size);
        memcpy(raw + 2 * size - sig->signatureS.size, sig->signatureS.buffer, sig->signatureS.size);
        return bytes_copy(VIEW(raw, 2 * size), ret);
}

int tpm_key_sign(const TpmKey *k, DigestAlgorithm algorithm, ByteView digest, Bytes *ret) {
        const TPMT_PUBLIC *p = &k->public.publicArea;
        TPM2B_DIGEST d = { .size = (uint16_t) digest.size };
        TPMT_SIG_SCHEME scheme = { .scheme = p->type == TPM2_ALG_RSA ? TPM2_ALG_RSASSA : TPM2_ALG_ECDSA };
        TPMT_TK_HASHCHECK none = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
        _cleanup_esys_ TPMT_SIGNATURE *signature = NULL;
        PublicKey key;
        int r;

        if (digest.size != (algorithm == DIGEST_SHA384 ? 48U : 32U))
                return -EINVAL;
        r = tpm_key_public(k, &key);
        if (r < 0)
                return r;
        memcpy(d.buffer, digest.data, digest.size);
        scheme.details.any.hashAlg = algorithm == DIGEST_SHA384 ? TPM2_ALG_SHA384 : TPM2_ALG_SHA256;
        r = TPM_CALL(k->device, Sign, k->handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &d, &scheme, &none,
                     &signature);
        if (r < 0)
                return r;
        if (signature->sigAlg != scheme.scheme)
                return tpm_device_fail(k->device, -EIO, "The TPM signed in another way than asked for");
        return key.type == KEY_TYPE_RSA ?
                       take_rsa(&signature->signature.rsassa.sig, p->parameters.rsaDetail.keyBits, ret) :
                       take_ecdsa(&signature->signature.ecdsa, key.size, ret);
}

/* RSA_Decrypt without a scheme is nothing but the exponentiation; RSA_Encrypt's counterpart, and a signature's. */
int tpm_key_rsa(const TpmKey *k, ByteView block, Bytes *ret) {
        size_t size = k->public.publicArea.parameters.rsaDetail.keyBits / 8U;
        TPM2B_PUBLIC_KEY_RSA in = { .size = (uint16_t) block.size };
        _cleanup_esys_ TPM2B_PUBLIC_KEY_RSA *out = NULL;
        uint8_t padded[sizeof(in.buffer)] = {};
        int r;

        if (k->public.publicArea.type != TPM2_ALG_RSA || size > sizeof(in.buffer) || block.size != size)
                return -EINVAL;
        memcpy(in.buffer, block.data, block.size);
        r = TPM_CALL(k->device, RSA_Decrypt, k->handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &in,
                     &(TPMT_RSA_DECRYPT) { .scheme = TPM2_ALG_NULL }, &(TPM2B_DATA) {}, &out);
        if (r < 0)
                return r;
        if (out->size > size)
                r = tpm_device_fail(k->device, -EIO, "The TPM's answer is wider than the key");
        else {
                memcpy(padded + size - out->size, out->buffer, out->size);
                r = bytes_copy(VIEW(padded, size), ret);
        }
        explicit_bzero(padded, sizeof(padded));
        explicit_bzero(out, sizeof(*out)); /* before it goes back to the heap */
        return r;
}
