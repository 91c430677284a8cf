/* SPDX-License-Identifier: MIT */
#include <gnutls/crypto.h>
#include <stdio.h>

#include "cli/ca-log.h"
#include "protocol/gnutls-types.h"
#include "shared/files.h"
#include "shared/names.h"

#define ROOT_FILE ATTEZT_SERVER_STATE_DIR "/public/root.pem"
#define CRL_FILE ATTEZT_SERVER_STATE_DIR "/public/crl.pem"
#define INTERMEDIATE_FILE ATTEZT_SERVER_STATE_DIR "/ca/intermediate.pem"
#define CERTIFICATE_PEM_SIZE (64U * 1024)
#define CRL_PEM_SIZE (16U * 1024 * 1024)

/* The SHA-256 of the DER of all that a PEM text holds, one after the other: lists of several issuers are signed as one. */
static int hash_all(ByteView pem, const char *what, gnutls_hash_hd_t hash) {
        static const char end[] = "-----END ";
        unsigned n = 0;

        for (const char *p; (p = memmem(pem.data, pem.size, end, strlen(end))); n++) {
                size_t at = (size_t) (p - (const char *) pem.data);
                const char *line = memchr(p, '\n', pem.size - at);
                size_t size = line ? (size_t) (line - (const char *) pem.data) + 1 : pem.size;
                gnutls_datum_t d = datum_of(VIEW(pem.data, size)), der = {};
                if (gnutls_pem_base64_decode2(what, &d, &der) < 0)
                        return -EBADMSG;
                (void) gnutls_hash(hash, der.data, der.size);
                gnutls_free(der.data);
                pem = VIEW(pem.data + size, pem.size - size);
        }
        return n > 0 ? 0 : -EBADMSG;
}

static int hash_pem(ByteView pem, const char *what, uint8_t ret[static 32]) {
        gnutls_hash_hd_t hash;
        uint8_t digest[32];

        if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
                return -ENOMEM;
        int r = hash_all(pem, what, hash);
        gnutls_hash_deinit(hash, digest);
        if (r >= 0)
                memcpy(ret, digest, sizeof(digest));
        return r;
}

static int hash_file(const char *path, size_t max, const char *what, uint8_t ret[static 32]) {
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        int r = file_read(path, max, &pem);
        return r < 0 ? r : hash_pem(bytes_view(&pem), what, ret);
}

static const LogEntry *find(const SigningLog *l, LogKind kind, const uint8_t hash[static 32]) {
        for (size_t i = l->n; i > 0; i--) {
                const LogEntry *e = l->entries + i - 1;
                if (e->kind == kind && memcmp(e->signed_hash, hash, 32) == 0)
                        return e;
        }
        return NULL;
}

static uint64_t last_of(const SigningLog *l, size_t n, LogKind kind) {
        for (; n > 0; n--)
                if (l->entries[n - 1].kind == kind)
                        return l->entries[n - 1].number;
        return 0;
}

/* What the CA has; negative: why it is not known. */
typedef struct CaFiles {
        uint8_t root[32], intermediate[32], list[32];
        int intermediate_error, list_error;
        bool there; /* they are of the CA that answers: it may have others (atteztd --state-dir) */
} CaFiles;

static int read_files(Cli *c, CaFiles *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        uint8_t root[32];
        const char *pem;

        int status = ca_call_plain(c, "GetRootCertificate", &reply);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_read(reply, "ss", NULL, &pem);
        if (r >= 0)
                r = hash_pem(VIEW_STR(pem), "CERTIFICATE", ret->root);
        if (r < 0)
                return cli_failed(r, "read the answer");
        ret->there = hash_file(ROOT_FILE, CERTIFICATE_PEM_SIZE, "CERTIFICATE", root) >= 0 &&
                     memcmp(root, ret->root, sizeof(root)) == 0;
        ret->intermediate_error = hash_file(INTERMEDIATE_FILE, CERTIFICATE_PEM_SIZE, "CERTIFICATE", ret->intermediate);
        ret->list_error = hash_file(CRL_FILE, CRL_PEM_SIZE, "X509 CRL", ret->list);
        return EXIT_SUCCESS;
}

/* A list has its entry before it is served, so that a newer one than was last in n_before is as good. */
static bool list_good(const CaFiles *f, const SigningLog *l, size_t n_before) {
        if (f->list_error == -ENOENT && last_of(l, n_before, LOG_CRL) == 0)
                return true;
        const LogEntry *e = f->list_error < 0 ? NULL : find(l, LOG_CRL, f->list);
        if (e && e->number >= last_of(l, n_before, LOG_CRL))
                return true;
        log_error("The revocation list that is served, " CRL_FILE ", %s.", f->list_error < 0 ? "cannot be read" :
                  e ? "is an older one than the last in the record" : "is not in the record");
        return false;
}

static bool intermediate_good(const CaFiles *f, const SigningLog *l, size_t n_before) {
        if (f->intermediate_error < 0) {
                log_notice("The CA's intermediate certificate was not compared: %s.", strerror(-f->intermediate_error));
                return true;
        }
        const LogEntry *e = find(l, LOG_INTERMEDIATE, f->intermediate);
        if (e && e->number >= last_of(l, n_before, LOG_INTERMEDIATE))
                return true;
        log_error("The CA's intermediate certificate, " INTERMEDIATE_FILE ", %s.",
                  e ? "is an older one than the last in the record" : "is not in the record");
        return false;
}

int signing_log_check_ca(Cli *c, SigningLog *l, bool *ret_good) {
        size_t n_before = l->n;
        CaFiles f = {};

        bool has_ca = read_files(c, &f) == EXIT_SUCCESS;
        int status = signing_log_read(c, l);
        if (status != EXIT_SUCCESS || l->broken > 0)
                return status;
        bool good = has_ca && find(l, LOG_ROOT, f.root);
        if (!has_ca)
                log_error("The CA's own certificates and its revocation list were not compared with the record.");
        else if (!good)
                log_error("The CA's root certificate is not in the record.");
        if (f.there) {
                good = list_good(&f, l, n_before) && good;
                good = intermediate_good(&f, l, n_before) && good;
        } else if (has_ca)
                log_notice("The CA's intermediate certificate and its revocation list were not compared: the CA that answers is "
                           "not the one of " ROOT_FILE ".");
        *ret_good = good;
        return EXIT_SUCCESS;
}
