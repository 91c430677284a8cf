/* SPDX-License-Identifier: MIT */
#include "shared/tpm-ek.h"

#include "protocol/tpm-structures.h"

void tpm_ek_done(TpmEk *e) {
        bytes_done(&e->certificate);
        *e = (TpmEk) {};
}

static bool is_kind(EkTemplate template, JobEk kind) {
        return kind == JOB_EK_DEFAULT || strcmp(ek_template_info(template)->key, job_ek_to_string(kind)) == 0;
}

/* --- Which are there --- */

static int read_certificate(TpmDevice *t, EkTemplate template, TpmEk *ret) {
        _cleanup_bytes_ Bytes raw = BYTES_NULL;
        _cleanup_tpm_ek_ TpmEk ek = { .template = template };
        ByteView der;
        int r;

        r = tpm_device_read_nv(t, ek_template_info(template)->certificate_nv, EK_CERTIFICATE_SIZE_MAX, &raw);
        if (r < 0)
                return r;
        if ((r = ek_certificate_trim(bytes_view(&raw), &der)) < 0 || (r = ek_certificate_key(der, &ek.key)) < 0 ||
            (r = bytes_copy(der, &ek.certificate)) < 0)
                return r;
        *ret = TAKE_GENERIC(ek, (TpmEk) {});
        return 0;
}

/* Without a certificate to compare with: the plain template's key. */
static int make_without_certificate(TpmDevice *t, EkTemplate template, TpmEk *ret) {
        _cleanup_tpm_key_ TpmKey k = {};
        TpmEk ek = { .template = template };

        int r = tpm_ek_open(t, &ek, &k);
        if (r >= 0)
                r = tpm_key_public(&k, &ek.key);
        if (r < 0)
                return r;
        *ret = ek;
        return 0;
}

/* The TPM itself is the trouble, not this template. */
static bool is_fatal(int r) {
        return r == -EIO || r == -ENOMEM || r == -EBUSY;
}

int tpm_ek_find(TpmDevice *t, JobEk kind, TpmEk *ret) {
        int r;

        for (EkTemplate i = 0; i < _EK_TEMPLATE_MAX; i++) {
                if (!is_kind(i, kind))
                        continue;
                r = read_certificate(t, i, ret);
                if (r >= 0 || is_fatal(r))
                        return r;
        }
        for (EkTemplate i = 0; i < _EK_TEMPLATE_MAX; i++) {
                if (!is_kind(i, kind))
                        continue;
                r = make_without_certificate(t, i, ret);
                if (r >= 0 || is_fatal(r))
                        return r;
        }
        return -ENOENT;
}

/* --- The certificates above --- */

void tpm_ek_chain_done(TpmEkChain *c) {
        bytes_done(&c->content);
        *c = (TpmEkChain) {};
}

int tpm_ek_chain_read(TpmDevice *t, TpmEkChain *ret) {
        _cleanup_tpm_ek_chain_ TpmEkChain c = { .content.data = malloc(NV_CHAIN_SIZE_MAX) };
        uint32_t indices[NV_CHAIN_INDICES_MAX];
        size_t n = 0;

        if (!c.content.data)
                return -ENOMEM;
        int r = tpm_device_nv_indices(t, NV_CHAIN_FIRST, NV_CHAIN_LAST, ELEMENTSOF(indices), indices, &n);
        if (r == -ENOMEM)
                return r;
        for (size_t i = 0; i < n && r >= 0; i++) {
                _cleanup_bytes_ Bytes part = BYTES_NULL;

                r = tpm_device_read_nv(t, indices[i], NV_CHAIN_SIZE_MAX - c.content.size, &part);
                if (r == -ENOMEM)
                        return r;
                if (r >= 0) {
                        memcpy(c.content.data + c.content.size, part.data, part.size);
                        c.content.size += part.size;
                }
        }
        c.n = nv_chain_split(bytes_view(&c.content), c.certificates);
        *ret = TAKE_GENERIC(c, (TpmEkChain) {});
        return 0;
}

/* --- Opening one --- */

static bool is_expected(const TpmKey *k, const TpmEk *ek) {
        PublicKey key;
        return tpm_key_public(k, &key) >= 0 && (ek->key.type == KEY_TYPE_INVALID || public_key_equal(&key, &ek->key));
}

/* A persistent key of whatever kind is an EK only if a certificate or a key that was made before says so. */
static int open_persistent(TpmDevice *t, const TpmEk *ek, TpmKey *ret) {
        _cleanup_tpm_key_ TpmKey k = {};

        if (ek->key.type == KEY_TYPE_INVALID)
                return -ENOENT;
        int r = tpm_key_persistent(t, ek_template_info(ek->template)->persistent_handle, &k);
        if (r < 0)
                return r;
        if (!is_expected(&k, ek))
                return -ENOENT;
        *ret = TAKE_GENERIC(k, (TpmKey) {});
        return 0;
}

/* Our template, with the nonce if there is one. */
static int plain_template(TpmDevice *t, const TpmEk *ek, TPM2B_PUBLIC *ret) {
        const EkTemplateInfo *info = ek_template_info(ek->template);
        _cleanup_bytes_ Bytes nonce = BYTES_NULL;

        if (info->nonce_nv != 0 && tpm_device_read_nv(t, info->nonce_nv, TPM_NV_MAX, &nonce) >= 0 &&
            ek_template_public(ek->template, bytes_view(&nonce), ret) >= 0)
                return 0;
        /* What some put there is no nonce: swtpm_setup keeps its P-256 template at 0x01c0000b. */
        return ek_template_public(ek->template, VIEW_NULL, ret);
}

static int bare_template(TpmDevice *t, const TpmEk *ek, TPM2B_PUBLIC *ret) {
        return ek_template_public(ek->template, VIEW_NULL, ret);
}

/* The manufacturer's own, which replaces ours. */
static int stored_template(TpmDevice *t, const TpmEk *ek, TPM2B_PUBLIC *ret) {
        _cleanup_bytes_ Bytes raw = BYTES_NULL;
        TPM2B_PUBLIC template = {};

        int r = tpm_device_read_nv(t, ek_template_info(ek->template)->template_nv, TPM_NV_MAX, &raw);
        if (r >= 0)
                r = tpm_public_decode(bytes_view(&raw), &template.publicArea);
        if (r < 0)
                return r;
        *ret = template;
        return 0;
}

static int open_primary(TpmDevice *t, const TpmEk *ek, const TPM2B_PUBLIC *template, TpmKey *ret) {
        _cleanup_tpm_key_ TpmKey k = {};

        int r = tpm_key_primary(t, ESYS_TR_RH_ENDORSEMENT, template, &k);
        if (r < 0)
                return r;
        if (!is_expected(&k, ek))
                return tpm_device_fail(t, -ENOENT, "The endorsement key is not the one that its certificate names");
        *ret = TAKE_GENERIC(k, (TpmKey) {});
        return 0;
}

int tpm_ek_open(TpmDevice *t, const TpmEk *ek, TpmKey *ret) {
        static int (*const templates[])(TpmDevice *, const TpmEk *, TPM2B_PUBLIC *) = {
                stored_template,
                plain_template,
                bare_template,
        };
        int r = open_persistent(t, ek, ret);

        if (r >= 0 || is_fatal(r))
                return r;
        for (size_t i = 0; i < ELEMENTSOF(templates); i++) {
                TPM2B_PUBLIC template;
                if (templates[i](t, ek, &template) < 0)
                        continue;
                r = open_primary(t, ek, &template, ret);
                if (r >= 0 || is_fatal(r))
                        return r;
        }
        return r;
}
