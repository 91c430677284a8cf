/* SPDX-License-Identifier: MIT */
#include "cli/doctor-probe.h"

#include <curl/curl.h>
#include <gnutls/x509.h>
#include <stdio.h>

#include "shared/ca-roots.h"

#define DATE_MAX 64U

typedef struct Transfer {
        CURL *curl;
        int roots_fd;
        char error[CURL_ERROR_SIZE];
} Transfer;

static void transfer_done(Transfer *t) {
        curl_easy_cleanup(t->curl);
        closep(&t->roots_fd);
}

static size_t drop_body(char *data, size_t size, size_t n, void *userdata) {
        return size * n;
}

/* The name, TLS with what it should be, no proxy: as attezt-enroll asks. */
static int set_up(Transfer *t, const ProbeRequest *request) {
        char roots[32];
        CURLcode c;

        if (request->verify) {
                int r = ca_roots_open(request->ca_dir, request->ca_pem, NULL, NULL, &t->roots_fd);
                if (r < 0)
                        return r;
                (void) snprintf(roots, sizeof(roots), "/proc/self/fd/%d", t->roots_fd);
                if (curl_easy_setopt(t->curl, CURLOPT_CAINFO, roots) != CURLE_OK ||
                    curl_easy_setopt(t->curl, CURLOPT_CAPATH, NULL) != CURLE_OK)
                        return -ENOMEM;
        } else if (curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYPEER, 0L) != CURLE_OK ||
                   curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYHOST, 0L) != CURLE_OK)
                return -ENOMEM;
        if ((c = curl_easy_setopt(t->curl, CURLOPT_URL, request->url)) != CURLE_OK ||
            (c = curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "https,http")) != CURLE_OK ||
            (c = curl_easy_setopt(t->curl, CURLOPT_CONNECT_ONLY, (long) !request->ask)) != CURLE_OK ||
            (c = curl_easy_setopt(t->curl, CURLOPT_PROXY, "")) != CURLE_OK ||
            (c = curl_easy_setopt(t->curl, CURLOPT_NOPROXY, "*")) != CURLE_OK ||
            (c = curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L)) != CURLE_OK ||
            (c = curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT, (long) PROBE_CONNECT_SECONDS)) != CURLE_OK ||
            (c = curl_easy_setopt(t->curl, CURLOPT_TIMEOUT, (long) PROBE_SECONDS)) != CURLE_OK ||
            (c = curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->error)) != CURLE_OK ||
            (c = curl_easy_setopt(t->curl, CURLOPT_USERAGENT, "attezt/" ATTEZT_VERSION)) != CURLE_OK ||
            (c = curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, drop_body)) != CURLE_OK)
                return c == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
        return 0;
}

/* Connected, but TLS not at its end: how curl tells a time-out of one from that of the other. */
static bool is_connected(const Transfer *t) {
        curl_off_t usec = 0;

        return curl_easy_getinfo(t->curl, CURLINFO_CONNECT_TIME_T, &usec) == CURLE_OK && usec > 0;
}

static ProbeStage stage_of(const Transfer *t, CURLcode c) {
        curl_off_t usec = 0;

        switch (c) {
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_COULDNT_RESOLVE_HOST:
                return PROBE_NAME;
        case CURLE_COULDNT_CONNECT:
                return PROBE_CONNECTION;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_PEER_FAILED_VERIFICATION:
                return PROBE_TLS;
        default:
                if (!is_connected(t))
                        return PROBE_CONNECTION;
                if (curl_easy_getinfo(t->curl, CURLINFO_PRETRANSFER_TIME_T, &usec) == CURLE_OK && usec > 0)
                        return PROBE_ANSWER;
                return PROBE_TLS;
        }
}

/* GnuTLS's verdict in its own words; curl compares the name by itself. */
static void tell_verification(const Transfer *t, Probe *p) {
        gnutls_datum_t text = {};
        long status = 0;

        (void) curl_easy_getinfo(t->curl, CURLINFO_SSL_VERIFYRESULT, &status);
        p->wrong_time = status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED);
        p->unknown_issuer = status & GNUTLS_CERT_SIGNER_NOT_FOUND;
        p->wrong_name = status == 0;
        if (status != 0 &&
            gnutls_certificate_verification_status_print((unsigned) status, GNUTLS_CRT_X509, &text, 0) >= 0)
                (void) snprintf(p->text, sizeof(p->text), "%s", text.data);
        gnutls_free(text.data);
}

static void read_answer(const Transfer *t, Probe *p) {
        struct curl_header *date;
        long status = 0;

        (void) curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
        p->status = (unsigned) status;
        if (curl_easy_header(t->curl, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK &&
            strlen(date->value) < DATE_MAX)
                p->date = MAX_OF((int64_t) curl_getdate(date->value, NULL), (int64_t) 0);
}

static const char *reason_of(const Transfer *t, ProbeStage failed, CURLcode c) {
        long error = 0;

        if (failed == PROBE_CONNECTION && curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &error) == CURLE_OK && error > 0)
                return strerror((int) error);
        return *t->error ? t->error : curl_easy_strerror(c);
}

void probe(const ProbeRequest *request, Probe *ret) {
        _cleanup_(transfer_done) Transfer t = { .curl = curl_easy_init(), .roots_fd = -EBADF };
        CURLcode c;
        int r;

        *ret = (Probe) { .failed = PROBE_DONE };
        r = t.curl ? set_up(&t, request) : -ENOMEM;
        if (r < 0) {
                ret->failed = PROBE_TLS;
                (void) snprintf(ret->text, sizeof(ret->text), "the roots could not be read: %s", strerror(-r));
                return;
        }
        c = curl_easy_perform(t.curl);
        if (c == CURLE_OK) {
                read_answer(&t, ret);
                return;
        }
        ret->failed = stage_of(&t, c);
        (void) snprintf(ret->text, sizeof(ret->text), "%s", reason_of(&t, ret->failed, c));
        if (c == CURLE_PEER_FAILED_VERIFICATION)
                tell_verification(&t, ret);
}
