/* SPDX-License-Identifier: MIT */
#include "cli/sealed-file.h"

#include <errno.h>

#include <openssl/cms.h>
#include <openssl/err.h>

#define ITERATIONS 1000000 /* of PBKDF2: a second, about */

DEFINE_TRIVIAL_CLEANUP_FUNC(BIO *, BIO_free_all);
DEFINE_TRIVIAL_CLEANUP_FUNC(CMS_ContentInfo *, CMS_ContentInfo_free);

/* libcrypto frees the copy. */
static int add_passphrase(CMS_ContentInfo *cms, const char *passphrase) {
        size_t n = strlen(passphrase);
        unsigned char *copy = OPENSSL_memdup(passphrase, n + 1);

        if (!copy)
                return -ENOMEM;
        if (CMS_add0_recipient_password(cms, ITERATIONS, NID_undef, NID_undef, copy, (ossl_ssize_t) n,
                                        EVP_aes_256_cbc()))
                return 0;
        OPENSSL_clear_free(copy, n + 1);
        return -EIO;
}

/* libcrypto says that a write failed, and not why: "the disk is full" is what a person can do something about. */
static int why_not_written(void) {
        return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? -errno : -EIO;
}

int sealed_file_write(int from, int to, const char *passphrase) {
        const unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_STREAM;
        _cleanup_(BIO_free_allp) BIO *in = BIO_new_fd(from, BIO_NOCLOSE), *out = BIO_new_fd(to, BIO_NOCLOSE);
        _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;

        if (!in || !out)
                return -ENOMEM;
        cms = CMS_encrypt(NULL, in, EVP_aes_256_gcm(), flags);
        int r = cms ? add_passphrase(cms, passphrase) : -EIO;
        errno = 0;
        if (r >= 0 && i2d_CMS_bio_stream(out, cms, in, (int) flags) != 1)
                r = why_not_written();
        ERR_clear_error();
        return r;
}

/* RFC 5083. CMS also has encryption that anybody can change without the key (EnvelopedData): not what we write. */
static bool is_authenticated(const CMS_ContentInfo *cms) {
        return OBJ_obj2nid(CMS_get0_type(cms)) == NID_id_smime_ct_authEnvelopedData;
}

int sealed_file_read(int from, int to, const char *passphrase) {
        _cleanup_(BIO_free_allp) BIO *in = BIO_new_fd(from, BIO_NOCLOSE), *out = BIO_new_fd(to, BIO_NOCLOSE);
        _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
        size_t n = strlen(passphrase);
        int r = 0;

        if (!in || !out)
                return -ENOMEM;
        cms = d2i_CMS_bio(in, NULL);
        if (!cms || !is_authenticated(cms))
                r = -EBADMSG;
        else {
                unsigned char *copy = OPENSSL_memdup(passphrase, n + 1);
                if (!copy)
                        r = -ENOMEM;
                else if (CMS_decrypt_set1_password(cms, copy, (ossl_ssize_t) n) != 1 ||
                         CMS_decrypt(cms, NULL, NULL, NULL, out, CMS_BINARY) != 1)
                        r = -EKEYREJECTED;
                if (copy)
                        OPENSSL_clear_free(copy, n + 1);
        }
        ERR_clear_error();
        return r;
}
