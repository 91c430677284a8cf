/* SPDX-License-Identifier: MIT */
#include <openssl/evp.h>
#include <tss2/tss2_mu.h>

#include "protocol/tpm-structures.h"

/* libtss2-mu checks every length against the buffer and the type, and every selector of a union. It leaves to
 * its caller: bytes after the structure, the values of TPMI_YES_NO, and all algorithm identifiers that select
 * nothing. */
static bool whole(TSS2_RC rc, size_t used, ByteView v) {
        return rc == TSS2_RC_SUCCESS && used == v.size;
}

int tpm_public_decode(ByteView v, TPMT_PUBLIC *ret) {
        TPMT_PUBLIC p = {};
        size_t used = 0;

        if (v.size == 0 || v.size > TPM_STRUCTURE_MAX)
                return -EBADMSG;

        TSS2_RC rc = Tss2_MU_TPMT_PUBLIC_Unmarshal(v.data, v.size, &used, &p);
        if (!whole(rc, used, v))
                return -EBADMSG;
        *ret = p;
        return 0;
}

int tpm_public_encode(const TPMT_PUBLIC *p, Bytes *ret) {
        uint8_t buffer[TPM_STRUCTURE_MAX];
        size_t n = 0;

        if (Tss2_MU_TPMT_PUBLIC_Marshal(p, buffer, sizeof(buffer), &n) != TSS2_RC_SUCCESS)
                return -EINVAL;
        return bytes_copy(VIEW(buffer, n), ret);
}

/* A TPML_PCR_SELECTION that libtss2-mu will take. It refuses others by itself, but with a line on stderr: a
 * stranger must not be able to write into a log that way. */
static bool pcr_selection_fits(ByteView v) {
        ByteReader r = READER(v);
        uint32_t count = read_u32(&r);

        if (count > TPM2_NUM_PCR_BANKS)
                return false;
        for (uint32_t i = 0; i < count; i++) {
                (void) read_u16(&r);
                uint8_t n = read_u8(&r);
                if (n > TPM2_PCR_SELECT_MAX)
                        return false;
                (void) read_view(&r, n);
        }
        return !r.failed;
}

/* A quote is none of our business, but has such a list behind firmwareVersion. */
static bool attest_fits(ByteView v) {
        ByteReader r = READER(v);

        (void) read_u32(&r); /* magic */
        if (read_u16(&r) != TPM2_ST_ATTEST_QUOTE)
                return !r.failed;
        (void) read_view(&r, read_u16(&r)); /* qualifiedSigner */
        (void) read_view(&r, read_u16(&r)); /* extraData */
        (void) read_view(&r, 8 + 4 + 4 + 1); /* clockInfo */
        (void) read_u64(&r); /* firmwareVersion */
        return !r.failed && pcr_selection_fits(VIEW(r.at, r.left));
}

int tpm_attest_decode(ByteView v, TPMS_ATTEST *ret) {
        TPMS_ATTEST a = {};
        size_t used = 0;

        if (v.size > TPM_STRUCTURE_MAX || !attest_fits(v))
                return -EBADMSG;

        TSS2_RC rc = Tss2_MU_TPMS_ATTEST_Unmarshal(v.data, v.size, &used, &a);
        if (!whole(rc, used, v) || (a.clockInfo.safe != TPM2_NO && a.clockInfo.safe != TPM2_YES))
                return -EBADMSG;
        *ret = a;
        return 0;
}

int tpm_attest_encode(const TPMS_ATTEST *a, Bytes *ret) {
        uint8_t buffer[TPM_STRUCTURE_MAX];
        size_t n = 0;

        if (Tss2_MU_TPMS_ATTEST_Marshal(a, buffer, sizeof(buffer), &n) != TSS2_RC_SUCCESS)
                return -EINVAL;
        return bytes_copy(VIEW(buffer, n), ret);
}

int tpm_creation_data_decode(ByteView v, TPMS_CREATION_DATA *ret) {
        TPMS_CREATION_DATA c = {};
        size_t used = 0;

        if (v.size > TPM_STRUCTURE_MAX || !pcr_selection_fits(v))
                return -EBADMSG;

        TSS2_RC rc = Tss2_MU_TPMS_CREATION_DATA_Unmarshal(v.data, v.size, &used, &c);
        if (!whole(rc, used, v))
                return -EBADMSG;
        *ret = c;
        return 0;
}

int tpm_creation_data_encode(const TPMS_CREATION_DATA *c, Bytes *ret) {
        uint8_t buffer[TPM_STRUCTURE_MAX];
        size_t n = 0;

        if (Tss2_MU_TPMS_CREATION_DATA_Marshal(c, buffer, sizeof(buffer), &n) != TSS2_RC_SUCCESS)
                return -EINVAL;
        return bytes_copy(VIEW(buffer, n), ret);
}

int tpm_signature_decode(ByteView v, TPMT_SIGNATURE *ret) {
        TPMT_SIGNATURE s = {};
        size_t used = 0;

        if (v.size == 0 || v.size > TPM_STRUCTURE_MAX)
                return -EBADMSG;

        TSS2_RC rc = Tss2_MU_TPMT_SIGNATURE_Unmarshal(v.data, v.size, &used, &s);
        if (!whole(rc, used, v))
                return -EBADMSG;
        *ret = s;
        return 0;
}

int tpm_signature_encode(const TPMT_SIGNATURE *s, Bytes *ret) {
        uint8_t buffer[TPM_STRUCTURE_MAX];
        size_t n = 0;

        if (Tss2_MU_TPMT_SIGNATURE_Marshal(s, buffer, sizeof(buffer), &n) != TSS2_RC_SUCCESS)
                return -EINVAL;
        return bytes_copy(VIEW(buffer, n), ret);
}

static const EVP_MD *hash_md(TPMI_ALG_HASH alg) {
        switch (alg) {
        case TPM2_ALG_SHA1:
                return EVP_sha1();
        case TPM2_ALG_SHA256:
                return EVP_sha256();
        case TPM2_ALG_SHA384:
                return EVP_sha384();
        case TPM2_ALG_SHA512:
                return EVP_sha512();
        default:
                return NULL;
        }
}

int tpm_hash(TPMI_ALG_HASH alg, ByteView v, TPM2B_DIGEST *ret) {
        const EVP_MD *md = hash_md(alg);
        TPM2B_DIGEST d = {};
        unsigned n = 0;

        if (!md)
                return -ENOTSUP;
        if (EVP_Digest(v.data, v.size, d.buffer, &n, md, NULL) != 1)
                return -EIO;
        d.size = (uint16_t) n;
        *ret = d;
        return 0;
}

int tpm_object_name(ByteView tpmt_public, TPM2B_NAME *ret) {
        ByteReader r = READER(tpmt_public);
        TPM2B_DIGEST digest;
        TPM2B_NAME name = {};

        (void) read_u16(&r); /* type */
        uint16_t alg = read_u16(&r);
        if (r.failed)
                return -EBADMSG;

        int k = tpm_hash(alg, tpmt_public, &digest);
        if (k < 0)
                return k;

        ByteWriter w = WRITER(name.name, sizeof(name.name));
        write_u16(&w, alg);
        write_bytes(&w, digest.buffer, digest.size);
        name.size = (uint16_t) w.size;
        *ret = name;
        return 0;
}

static int get_rsa_key(const TPMS_RSA_PARMS *parameters, const TPM2B_PUBLIC_KEY_RSA *unique, PublicKey *ret) {
        PublicKey k = { .type = KEY_TYPE_RSA };

        if (parameters->keyBits != 2048 && parameters->keyBits != 3072 && parameters->keyBits != 4096)
                return -ENOTSUP;
        if (unique->size != parameters->keyBits / 8)
                return -EINVAL;
        k.size = unique->size;
        k.exponent = parameters->exponent ?: 65537;
        memcpy(k.n, unique->buffer, unique->size);
        *ret = k;
        return 0;
}

static int get_ec_key(TPMI_ECC_CURVE curve, const TPMS_ECC_POINT *unique, PublicKey *ret) {
        PublicKey k = {};

        switch (curve) {
        case TPM2_ECC_NIST_P256:
                k.type = KEY_TYPE_P256;
                k.size = 32;
                break;
        case TPM2_ECC_NIST_P384:
                k.type = KEY_TYPE_P384;
                k.size = 48;
                break;
        default:
                return -ENOTSUP;
        }
        if (unique->x.size > k.size || unique->y.size > k.size)
                return -EINVAL;
        memcpy(k.x + k.size - unique->x.size, unique->x.buffer, unique->x.size);
        memcpy(k.y + k.size - unique->y.size, unique->y.buffer, unique->y.size);
        *ret = k;
        return 0;
}

int tpm_public_get_key(const TPMT_PUBLIC *p, PublicKey *ret) {
        PublicKey k;
        int r;

        switch (p->type) {
        case TPM2_ALG_RSA:
                r = get_rsa_key(&p->parameters.rsaDetail, &p->unique.rsa, &k);
                break;
        case TPM2_ALG_ECC:
                r = get_ec_key(p->parameters.eccDetail.curveID, &p->unique.ecc, &k);
                break;
        default:
                return -ENOTSUP;
        }
        if (r < 0)
                return r;
        if (!public_key_valid(&k))
                return -EINVAL;
        *ret = k;
        return 0;
}

int tpm_public_set_key(TPMT_PUBLIC *p, const PublicKey *k) {
        switch (k->type) {
        case KEY_TYPE_RSA:
                if (p->type != TPM2_ALG_RSA || k->size > sizeof(k->n))
                        return -ENOTSUP;
                p->parameters.rsaDetail.keyBits = (uint16_t) (k->size * 8);
                p->parameters.rsaDetail.exponent = k->exponent == 65537 ? 0 : k->exponent;
                p->unique.rsa = (TPM2B_PUBLIC_KEY_RSA) { .size = k->size };
                memcpy(p->unique.rsa.buffer, k->n, k->size);
                return 0;
        case KEY_TYPE_P256:
        case KEY_TYPE_P384:
                if (p->type != TPM2_ALG_ECC || k->size > sizeof(k->x))
                        return -ENOTSUP;
                p->parameters.eccDetail.curveID = k->type == KEY_TYPE_P256 ? TPM2_ECC_NIST_P256 : TPM2_ECC_NIST_P384;
                p->unique.ecc = (TPMS_ECC_POINT) { .x.size = k->size, .y.size = k->size };
                memcpy(p->unique.ecc.x.buffer, k->x, k->size);
                memcpy(p->unique.ecc.y.buffer, k->y, k->size);
                return 0;
        default:
                return -ENOTSUP;
        }
}
