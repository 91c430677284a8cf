/* SPDX-License-Identifier: MIT */
#include "enroll/https.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>
#include <gnutls/x509.h>

#include "enroll/progress.h"
#include "protocol/retry-after.h"
#include "protocol/url.h"
#include "shared/ca-roots.h"
#include "shared/log.h"

struct Https {
        CURL *curl;
        int roots_fd;
        bool reached; /* somebody has answered */
        char error[CURL_ERROR_SIZE];
};

/* One request under way. */
typedef struct Transfer {
        HttpsReply reply;
        size_t capacity;
        int error;
} Transfer;

void https_reply_done(HttpsReply *r) {
        bytes_done(&r->body);
        free(r->content_type);
        free(r->location);
        free(r->replay_nonce);
        free(r->retry_after);
        *r = (HttpsReply) {};
}

const char *https_origin(const char *url, char ret[static HTTPS_ORIGIN_MAX]) {
        UrlParts parts;

        if (url_parse(url, &parts) < 0)
                return "an invalid URL";
        (void) snprintf(ret, HTTPS_ORIGIN_MAX, "%s://%s%s%s:%u", parts.https ? "https" : "http",
                        parts.bracketed ? "[" : "", parts.host, parts.bracketed ? "]" : "", parts.port);
        return ret;
}

bool https_url_is_loopback(const char *url) {
        UrlParts parts;

        if (url_parse(url, &parts) < 0)
                return false;
        return url_is_loopback(&parts);
}

/* --- What curl gives us --- */

static size_t take_body(char *data, size_t size, size_t n, void *userdata) {
        Transfer *t = userdata;
        Bytes *b = &t->reply.body;

        n *= size;
        if (n > HTTPS_BODY_MAX - b->size) {
                t->error = -EFBIG;
                return 0;
        }
        if (b->size + n + 1 > t->capacity) {
                size_t capacity = MAX_OF(b->size + n + 1, MIN_OF(2 * t->capacity, (size_t) HTTPS_BODY_MAX + 1));
                uint8_t *more = realloc(b->data, capacity);
                if (!more) {
                        t->error = -ENOMEM;
                        return 0;
                }
                b->data = more;
                t->capacity = capacity;
        }
        memcpy(b->data + b->size, data, n);
        b->size += n;
        b->data[b->size] = 0;
        return n;
}

static char **header_slot(HttpsReply *r, const char *name, size_t n) {
        static const struct {
                const char *name;
                size_t offset;
        } slots[] = {
                { "content-type", offsetof(HttpsReply, content_type) },
                { "location", offsetof(HttpsReply, location) },
                { "replay-nonce", offsetof(HttpsReply, replay_nonce) },
                { "retry-after", offsetof(HttpsReply, retry_after) },
        };

        for (size_t i = 0; i < ELEMENTSOF(slots); i++)
                if (strlen(slots[i].name) == n && strncasecmp(slots[i].name, name, n) == 0)
                        return (char **) ((uint8_t *) r + slots[i].offset);
        return NULL;
}

static size_t take_header(char *line, size_t size, size_t n, void *userdata) {
        Transfer *t = userdata;
        const char *colon = memchr(line, ':', n);

        if (!colon)
                return n;
        char **slot = header_slot(&t->reply, line, (size_t) (colon - line));
        const char *begin = colon + 1, *end = line + n;
        while (begin < end && (*begin == ' ' || *begin == '\t'))
                begin++;
        while (end > begin && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
                end--;
        if (!slot || *slot || (size_t) (end - begin) > HTTPS_HEADER_TEXT_MAX)
                return n;
        *slot = strndup(begin, (size_t) (end - begin));
        return n;
}

static int end_if_told(void *userdata, curl_off_t to_get, curl_off_t got, curl_off_t to_send, curl_off_t sent) {
        return progress_told_to_end();
}

/* --- Set-up --- */

Https *https_free(Https *h) {
        if (!h)
                return NULL;
        if (h->curl)
                curl_easy_cleanup(h->curl);
        if (h->roots_fd >= 0)
                (void) close(h->roots_fd);
        free(h);
        return NULL;
}

static CURLcode set_up(Https *h) {
        char roots[32];
        CURLcode c;

        (void) snprintf(roots, sizeof(roots), "/proc/self/fd/%d", h->roots_fd);
        if ((c = curl_easy_setopt(h->curl, CURLOPT_CAINFO, roots)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_CAPATH, NULL)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_PROXY, "")) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_NOPROXY, "*")) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_FOLLOWLOCATION, 0L)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_CONNECTTIMEOUT, (long) HTTPS_CONNECT_SECONDS)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, h->error)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_USERAGENT, "attezt/" ATTEZT_VERSION)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_NOPROGRESS, 0L)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_XFERINFOFUNCTION, end_if_told)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, take_body)) != CURLE_OK)
                return c;
        return curl_easy_setopt(h->curl, CURLOPT_HEADERFUNCTION, take_header);
}

static void on_skipped(const char *where, int error, void *userdata) {
        if (error == -EBADMSG)
                log_warning("%s: holds no certificates in PEM form, left out", where);
        else
                log_warning_errno(error, "%s: cannot be read, left out: %m", where);
}

int https_new(const char *ca_dir, ByteView pem, Https **ret, Failure *f) {
        _cleanup_(https_freep) Https *h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->roots_fd = -EBADF;

        int r = ca_roots_open(ca_dir, pem, on_skipped, NULL, &h->roots_fd);
        if (r < 0)
                return fail_errno(f, r, "Cannot gather the TLS roots");
        h->curl = curl_easy_init();
        if (!h->curl)
                return -ENOMEM;
        CURLcode c = set_up(h);
        if (c != CURLE_OK)
                return fail(f, -EIO, OUTCOME_FAILED, "Cannot prepare for HTTPS: %s", curl_easy_strerror(c));
        *ret = TAKE_PTR(h);
        return 0;
}

/* --- A request --- */

static CURLcode prepare(Https *h, const HttpsRequest *request, struct curl_slist *headers, Transfer *t) {
        bool post = strcmp(request->method, "POST") == 0, head = strcmp(request->method, "HEAD") == 0;
        bool http = request->loopback && https_url_is_loopback(request->url);
        long seconds = (long) MIN_OF(HTTPS_REQUEST_SECONDS, progress_left());
        CURLcode c;

        h->error[0] = 0;
        if ((c = curl_easy_setopt(h->curl, CURLOPT_URL, request->url)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_PROTOCOLS_STR, http ? "https,http" : "https")) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_TIMEOUT, seconds)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, t)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, t)) != CURLE_OK ||
            /* HTTPGET also takes back what a request before has set. */
            (c = curl_easy_setopt(h->curl, CURLOPT_HTTPGET, 1L)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_NOBODY, (long) head)) != CURLE_OK || !post)
                return c;
        if ((c = curl_easy_setopt(h->curl, CURLOPT_POST, 1L)) != CURLE_OK ||
            (c = curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE, (long) request->body.size)) != CURLE_OK)
                return c;
        return curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, request->body.data ? (const char *) request->body.data : "");
}

/* GnuTLS's flavour of curl ends its message with the name of our file, which has none. */
static void cut_message(Https *h) {
        char *p = strstr(h->error, " CAfile:");
        if (p)
                *p = 0;
}

/* Whether it is this machine's network that is missing, as far as can be told: who refuses a connection is there. */
static bool nobody_there(const Https *h, CURLcode c) {
        long error = 0;

        if (h->reached)
                return false;
        (void) curl_easy_getinfo(h->curl, CURLINFO_OS_ERRNO, &error);
        return c == CURLE_COULDNT_RESOLVE_HOST || (c == CURLE_COULDNT_CONNECT && error != ECONNREFUSED) ||
               c == CURLE_OPERATION_TIMEDOUT;
}

/* With a wrong clock no certificate is good, and no root mends that. */
static int explain_untrusted(const Https *h, const char *origin, const char *said, Failure *f) {
        long status = 0;
        char now[32] = "";
        struct tm tm;
        time_t t = time(NULL);

        (void) curl_easy_getinfo(h->curl, CURLINFO_SSL_VERIFYRESULT, &status);
        if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) {
                if (gmtime_r(&t, &tm))
                        (void) strftime(now, sizeof(now), "%F %T UTC", &tm);
                return fail(f, -EKEYREJECTED, OUTCOME_UNTRUSTED_TLS,
                            "The TLS certificate of %s is not valid at the time of this machine, %s\nIf that is wrong, set "
                            "the clock (timedatectl set-ntp true); else the server needs a new certificate",
                            origin, now);
        }
        return fail(f, -EKEYREJECTED, OUTCOME_UNTRUSTED_TLS,
                    "The TLS certificate of %s is not trusted here: %s\nIf its root is one of your own, give it "
                    "with --ca-file or put it into /etc/attezt/ca.d/NAME.pem",
                    origin, said);
}

static int explain(Https *h, const HttpsRequest *request, CURLcode c, const Transfer *t, Failure *f) {
        char origin[HTTPS_ORIGIN_MAX], escaped[LOG_ESCAPED_MAX];
        curl_off_t connected = 0;

        cut_message(h);
        const char *said = h->error[0] ? h->error : curl_easy_strerror(c);
        said = log_escape(said, strlen(said), escaped);
        (void) https_origin(request->url, origin);
        if (t->error == -ENOMEM || c == CURLE_OUT_OF_MEMORY)
                return -ENOMEM;
        if (t->error == -EFBIG)
                return fail(f, -EBADMSG, OUTCOME_BAD_ANSWER, "%s answers with more than %u bytes", origin,
                            HTTPS_BODY_MAX);
        switch (c) {
        case CURLE_ABORTED_BY_CALLBACK:
                return -ECANCELED;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
                return explain_untrusted(h, origin, said, f);
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_URL_MALFORMAT:
                return fail(f, -EINVAL, OUTCOME_INVALID, "Not a URL that can be used (https only): %s", origin);
        case CURLE_OPERATION_TIMEDOUT:
                (void) curl_easy_getinfo(h->curl, CURLINFO_CONNECT_TIME_T, &connected);
                if (connected > 0)
                        return fail(f, -ETIMEDOUT, OUTCOME_TIMEOUT, "%s does not answer: %s", origin, said);
                f->no_network = nobody_there(h, c);
                return fail(f, -ETIMEDOUT, OUTCOME_UNREACHABLE, "%s cannot be reached: %s", origin, said);
        default:
                f->no_network = nobody_there(h, c);
                return fail(f, -EHOSTUNREACH, OUTCOME_UNREACHABLE, "%s cannot be reached: %s", origin, said);
        }
}

static void slistp(struct curl_slist **l) {
        curl_slist_free_all(*l);
}

static int add_header(struct curl_slist **list, const char *name, const char *value) {
        _cleanup_free_ char *line = NULL;
        struct curl_slist *next;

        if (asprintf(&line, "%s:%s%s", name, value ? " " : "", value ? value : "") < 0) {
                line = NULL;
                return -ENOMEM;
        }
        next = curl_slist_append(*list, line);
        if (!next)
                return -ENOMEM;
        *list = next;
        return 0;
}

static uint32_t wait_asked_for(const HttpsReply *reply) {
        int64_t seconds = 0;

        if (!reply->retry_after || retry_after_parse(reply->retry_after, time(NULL), &seconds) < 0)
                return 0;
        return (uint32_t) seconds;
}

int https_request(Https *h, const HttpsRequest *request, HttpsReply *ret, Failure *f) {
        _cleanup_(slistp) struct curl_slist *headers = NULL;
        Transfer t = {};
        long status = 0;
        int r;

        /* A header without value is one that curl then does not send. */
        if ((r = add_header(&headers, "Content-Type", request->content_type)) < 0 ||
            (r = add_header(&headers, "Expect", NULL)) < 0 ||
            (r = add_header(&headers, "Accept", request->accept ? request->accept : "*/*")) < 0)
                return r;
        CURLcode c = prepare(h, request, headers, &t);
        if (c == CURLE_OK)
                c = curl_easy_perform(h->curl);
        if (c == CURLE_OK)
                c = curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
        if (c != CURLE_OK) {
                r = explain(h, request, c, &t, f);
                https_reply_done(&t.reply);
                return r;
        }
        t.reply.status = (unsigned) status;
        h->reached = true;
        f->retry_after = status >= 400 ? wait_asked_for(&t.reply) : 0;
        *ret = t.reply;
        return 0;
}
