/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>
#include <time.h>

#include <gnutls/x509.h>

#include "http/tls.h"
#include "shared/files.h"
#include "shared/log.h"

typedef struct Pair {
        gnutls_pcert_st chain[TLS_CHAIN_MAX];
        unsigned n_chain;
        gnutls_privkey_t key;
        uint64_t retired_usec;
        struct Pair *next;
} Pair;

/* What tells one state of a file from another. ctime too: one that could not be read may have got another mode or
 * owner. */
typedef struct FileStamp {
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec mtime, ctime;
} FileStamp;

typedef struct Tls {
        char *certificate_path, *key_path;
        FileStamp certificate_stamp, key_stamp;
        uint64_t checked_usec;
        bool ask_clients;
        Pair *current;
        Pair *retired;
} Tls;

static Tls tls;

static uint64_t now_usec(void) {
        struct timespec ts = {};

        (void) clock_gettime(CLOCK_BOOTTIME, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

static Pair *pair_free(Pair *p) {
        if (!p)
                return NULL;
        for (unsigned i = 0; i < p->n_chain; i++)
                gnutls_pcert_deinit(&p->chain[i]);
        if (p->key)
                gnutls_privkey_deinit(p->key);
        free(p);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Pair *, pair_free)

static FileStamp stamp(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return (FileStamp) {};
        return (FileStamp) { .dev = st.st_dev, .ino = st.st_ino, .size = st.st_size, .mtime = st.st_mtim,
                             .ctime = st.st_ctim };
}

static bool time_equal(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool stamp_equal(const FileStamp *a, const FileStamp *b) {
        return a->dev == b->dev && a->ino == b->ino && a->size == b->size && time_equal(&a->mtime, &b->mtime) &&
               time_equal(&a->ctime, &b->ctime);
}

static gnutls_datum_t datum(const Bytes *b) {
        return (gnutls_datum_t) { .data = b->data, .size = (unsigned) b->size };
}

static int load_chain(Pair *p, const Bytes *pem) {
        gnutls_datum_t d = datum(pem);
        unsigned n = TLS_CHAIN_MAX;

        if (gnutls_pcert_list_import_x509_raw(p->chain, &n, &d, GNUTLS_X509_FMT_PEM,
                                              GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED) < 0 || n == 0)
                return -EINVAL;
        p->n_chain = n;
        return 0;
}

static int load_key(Pair *p, const Bytes *pem) {
        gnutls_datum_t d = datum(pem);

        if (gnutls_privkey_init(&p->key) < 0)
                return -ENOMEM;
        return gnutls_privkey_import_x509_raw(p->key, &d, GNUTLS_X509_FMT_PEM, NULL, 0) < 0 ? -EINVAL : 0;
}

/* Compares key identifiers, which are hashes of the public keys. */
static int check_fit(const Pair *p) {
        uint8_t ours[64], theirs[64];
        size_t n_ours = sizeof(ours), n_theirs = sizeof(theirs);
        gnutls_pubkey_t public = NULL;
        int r = -ENOMEM;

        if (gnutls_pubkey_init(&public) < 0)
                return r;
        if (gnutls_pubkey_import_privkey(public, p->key, 0, 0) < 0 ||
            gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, ours, &n_ours) < 0 ||
            gnutls_pubkey_get_key_id(p->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, theirs, &n_theirs) < 0)
                r = -EINVAL;
        else
                r = view_equal(VIEW(ours, n_ours), VIEW(theirs, n_theirs)) ? 0 : -EKEYREJECTED;
        gnutls_pubkey_deinit(public);
        return r;
}

/* reterr_what: what was wrong, for people. */
static int load(const char *certificate_path, const char *key_path, Pair **ret, const char **reterr_what) {
        _cleanup_bytes_erase_ Bytes key = BYTES_NULL;
        _cleanup_bytes_ Bytes certificate = BYTES_NULL;
        _cleanup_(pair_freep) Pair *p = calloc(1, sizeof(*p));
        int r;

        *reterr_what = "memory";
        if (!p)
                return -ENOMEM;
        *reterr_what = "reading the certificate";
        r = file_read(certificate_path, TLS_FILE_MAX, &certificate);
        if (r < 0)
                return r;
        *reterr_what = "reading the key";
        r = file_read(key_path, TLS_FILE_MAX, &key);
        if (r < 0)
                return r;
        *reterr_what = "the certificate is not a PEM chain, leaf first";
        r = load_chain(p, &certificate);
        if (r < 0)
                return r;
        *reterr_what = "the key is not a PEM private key without a password";
        r = load_key(p, &key);
        if (r < 0)
                return r;
        *reterr_what = "the key is not the certificate's";
        r = check_fit(p);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

static void drop_retired(uint64_t now) {
        Pair **at = &tls.retired;

        while (*at) {
                Pair *p = *at;
                if (now - p->retired_usec < TLS_RETIRED_USEC) {
                        at = &p->next;
                        continue;
                }
                *at = p->next;
                (void) pair_free(p);
        }
}

static void replace(Pair *p, uint64_t now) {
        Pair *old = tls.current;

        tls.current = p;
        if (!old)
                return;
        old->retired_usec = now;
        old->next = tls.retired;
        tls.retired = old;
}

/* Stamps are taken before reading: what changes after that is seen the next time. */
void tls_check(void) {
        FileStamp certificate = stamp(tls.certificate_path), key = stamp(tls.key_path);
        const char *what;
        Pair *p = NULL;
        int r;

        tls.checked_usec = now_usec();
        drop_retired(tls.checked_usec);
        if (stamp_equal(&certificate, &tls.certificate_stamp) && stamp_equal(&key, &tls.key_stamp))
                return;
        tls.certificate_stamp = certificate;
        tls.key_stamp = key;
        r = load(tls.certificate_path, tls.key_path, &p, &what);
        if (r < 0) {
                log_warning_errno(r, "The TLS certificate changed, but could not be loaded (%s): %m; keeping the old one.",
                                  what);
                return;
        }
        replace(p, tls.checked_usec);
        log_info("TLS certificate loaded from %s.", tls.certificate_path);
}

int tls_open(const char *certificate_path, const char *key_path, bool ask_clients) {
        const char *what;
        int r;

        tls.ask_clients = ask_clients;
        tls.certificate_path = strdup(certificate_path);
        tls.key_path = strdup(key_path);
        if (!tls.certificate_path || !tls.key_path)
                return -ENOMEM;
        tls.certificate_stamp = stamp(certificate_path);
        tls.key_stamp = stamp(key_path);
        tls.checked_usec = now_usec();
        r = load(certificate_path, key_path, &tls.current, &what);
        if (r < 0)
                return log_error_errno(r, "Could not load the TLS certificate %s with key %s (%s): %m",
                                       certificate_path, key_path, what);
        return 0;
}

void tls_close(void) {
        free(tls.certificate_path);
        free(tls.key_path);
        (void) pair_free(tls.current);
        while (tls.retired) {
                Pair *p = tls.retired;
                tls.retired = p->next;
                (void) pair_free(p);
        }
        tls = (Tls) {};
}

int tls_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int n_authorities,
                    const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **ret_chain,
                    unsigned *ret_n_chain, gnutls_privkey_t *ret_key) {
        if (now_usec() - tls.checked_usec >= TLS_CHECK_USEC)
                tls_check();
        /* What it sends is looked at where it counts, by the route. */
        if (tls.ask_clients)
                gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
        *ret_chain = tls.current->chain;
        *ret_n_chain = tls.current->n_chain;
        *ret_key = tls.current->key;
        return 0;
}
