/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "http/address.h"
#include "http/connection.h"
#include "protocol/attest-messages.h"
#include "shared/log.h"

#define USEC_PER_SEC 1000000ULL
#define TOO_LARGE_DETAIL "the body is too large"

static Connection *connection_of(const HttpRequest *r) {
        return (Connection *) (void *) ((char *) (uintptr_t) r - offsetof(Connection, request));
}

static const HttpLimits *limits_of(const HttpRequest *r) {
        return http_server_limits(connection_of(r)->server);
}

/* --- Answers --- */

static enum MHD_Result queue_response(HttpRequest *r) {
        enum MHD_Result done;

        if (!r->response)
                return MHD_NO; /* out of memory: the connection closes */
        done = MHD_queue_response(r->mhd, r->status, r->response);
        MHD_destroy_response(r->response);
        r->response = NULL;
        return done;
}

static struct MHD_Response *make_own(Bytes body) {
        struct MHD_Response *p = MHD_create_response_from_buffer_with_free_callback(body.size, body.data, free);

        if (!p)
                free(body.data);
        return p;
}

static void let_go(void *text) {
        (void) shared_text_unref(text);
}

static struct MHD_Response *make_shared(SharedText *text) {
        ByteView v = shared_text_view(text);
        struct MHD_Response *p;

        p = MHD_create_response_from_buffer_with_free_callback_cls(v.size, (void *) (uintptr_t) v.data, let_go, text);
        if (p)
                (void) shared_text_ref(text);
        return p;
}

/* p: taken; NULL: out of memory */
static struct MHD_Response *add_headers(struct MHD_Response *p, const char *content_type, uint64_t retry_after) {
        if (!p)
                return NULL;
        (void) MHD_add_response_header(p, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
        if (retry_after > 0) {
                char seconds[24];
                (void) snprintf(seconds, sizeof(seconds), "%" PRIu64, retry_after);
                (void) MHD_add_response_header(p, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
        }
        return p;
}

/* response: taken, with its headers; NULL: out of memory */
static void reply(HttpRequest *r, unsigned status, const char *content_type, struct MHD_Response *response) {
        Connection *c = connection_of(r);

        http_server_count_answer(c->server, status);
        r->status = status;
        if (status == MHD_HTTP_SERVICE_UNAVAILABLE && r->retry_after == 0)
                r->retry_after = HTTP_RETRY_AFTER_SEC;
        r->response = add_headers(response, content_type, r->retry_after);
        r->retry_after = 0;
        r->state = REQUEST_ANSWERED;
        if (!r->suspended)
                return;
        r->suspended = false;
        c->deadline = MAX_OF(c->deadline, http_server_now(c->server) + HTTP_ANSWER_USEC);
        MHD_resume_connection(r->mhd);
        listener_run_soon(c->listener);
}

void http_reply(HttpRequest *r, unsigned status, const char *content_type, Bytes body) {
        reply(r, status, content_type, make_own(body));
}

void http_reply_shared(HttpRequest *r, unsigned status, const char *content_type, SharedText *text) {
        reply(r, status, content_type, make_shared(text));
}

void http_retry_after(HttpRequest *r, uint64_t seconds) {
        r->retry_after = seconds;
}

void http_reply_json(HttpRequest *r, unsigned status, Bytes body) {
        http_reply(r, status, "application/json", body);
}

void http_reply_error(HttpRequest *r, unsigned status, const char *error, const char *detail) {
        Bytes body = BYTES_NULL;

        /* Without memory for it the answer is its status alone. */
        (void) attest_error_build(error, detail, &body);
        http_reply_json(r, status, body);
}

/* For what is wrong before the body is read: the rest of it is not read, and the connection closes. */
static enum MHD_Result refuse(HttpRequest *r, unsigned status, const char *error, const char *detail) {
        log_debug("Request from %s refused with %u: %s", http_request_peer(r), status, detail);
        http_reply_error(r, status, error, detail);
        if (r->response)
                (void) MHD_add_response_header(r->response, MHD_HTTP_HEADER_CONNECTION, "close");
        return queue_response(r);
}

static enum MHD_Result refuse_method(HttpRequest *r) {
        const char *method = r->route->method;

        http_reply_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "method-not-allowed", "see the header Allow");
        if (r->response)
                (void) MHD_add_response_header(r->response, MHD_HTTP_HEADER_ALLOW,
                                               strcmp(method, MHD_HTTP_METHOD_GET) == 0 ? "GET, HEAD" : method);
        return queue_response(r);
}

/* --- Requests --- */

/* libmicrohttpd takes the first of several lengths, and either of length and encoding; what stands before it
 * may take another: RFC 9112, section 6.3, calls that smuggling. */
typedef struct Framing {
        unsigned n_lengths, n_encodings, n_hosts;
        bool chunked, odd_name;
        const char *length;
} Framing;

/* RFC 9110, section 5.6.2: a token. A name with a space before its colon is another name here than elsewhere. */
static bool is_token(const char *s) {
        if (!*s)
                return false;
        for (; *s; s++)
                if (*s <= ' ' || *s > '~' || strchr("\"(),/:;<=>?@[\\]{}", *s))
                        return false;
        return true;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *key, const char *value) {
        Framing *f = cls;

        if (!is_token(key))
                f->odd_name = true;
        if (strcasecmp(key, MHD_HTTP_HEADER_HOST) == 0)
                f->n_hosts++;
        if (strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
                f->n_lengths++;
                f->length = value;
        } else if (strcasecmp(key, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
                f->n_encodings++;
                f->chunked = value && strcasecmp(value, "chunked") == 0;
        }
        return MHD_YES;
}

/* -EBADMSG for headers that may be read in two ways, -EFBIG for one that says that it is too large. */
static int check_framing(struct MHD_Connection *mhd, size_t max, size_t *ret_length) {
        Framing f = {};
        size_t length = 0;

        (void) MHD_get_connection_values(mhd, MHD_HEADER_KIND, on_header, &f);
        if (f.odd_name || f.n_hosts > 1 || f.n_lengths + f.n_encodings > 1 || (f.n_encodings > 0 && !f.chunked))
                return -EBADMSG;
        for (const char *p = f.length; p && *p; p++) {
                if (*p < '0' || *p > '9')
                        return -EBADMSG;
                length = length * 10 + (size_t) (*p - '0');
                if (length > max)
                        return -EFBIG;
        }
        *ret_length = length;
        return 0;
}

/* The lines of one header, joined as RFC 9110, section 5.3, says. */
typedef struct Joined {
        const char *name;
        size_t size;
        char text[HTTP_FORWARDED_MAX];
} Joined;

static enum MHD_Result on_forwarded(void *cls, enum MHD_ValueKind kind, const char *key, const char *value) {
        Joined *j = cls;
        size_t n = value ? strlen(value) : 0;

        if (strcasecmp(key, j->name) != 0)
                return MHD_YES;
        /* The end is what counts: what is too long loses its beginning. */
        if (n + 1 > sizeof(j->text)) {
                value += n + 1 - sizeof(j->text);
                n = sizeof(j->text) - 1;
        }
        if (j->size + n + 1 > sizeof(j->text)) {
                size_t gone = j->size + n + 1 - sizeof(j->text);
                memmove(j->text, j->text + gone, j->size - gone);
                j->size -= gone;
        }
        j->text[j->size++] = ',';
        memcpy(j->text + j->size, value, n);
        j->size += n;
        return MHD_YES;
}

/* Only a proxy that is trusted can say whom it speaks for. */
static void find_client(HttpRequest *r) {
        const HttpLimits *limits = limits_of(r);
        Joined j = { .name = forwarded_header_name(limits->forwarded_header) };

        if (!connection_of(r)->proxy)
                return;
        (void) MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, on_forwarded, &j);
        r->forwarded = client_address_find(&limits->proxies, limits->forwarded_header, VIEW(j.text, j.size), &r->client);
        if (r->forwarded)
                address_format_net(&r->client, r->peer);
}

static bool method_fits(const HttpRoute *route, const char *method) {
        return strcmp(method, route->method) == 0 ||
               (strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 && strcmp(route->method, MHD_HTTP_METHOD_GET) == 0);
}

static const HttpRoute *find_route(const HttpServer *s, const char *path) {
        for (const HttpRoute *route = http_server_routes(s); route->path; route++)
                if (strcmp(route->path, path) == 0)
                        return route;
        return NULL;
}

/* libmicrohttpd takes no answer while a body comes in, and a chunked one may never end: so the answer goes out
 * beside it. What is still under way is read and ignored for a while, as closing at once would reset the
 * connection and could take the answer along (RFC 9112, section 9.6). */
static void refuse_unfinished(HttpRequest *r) {
        static const char answer[] =
                "HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
                "{\"error\":\"too-large\",\"detail\":\"" TOO_LARGE_DETAIL "\"}";
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

        log_debug("Request from %s refused with 413: " TOO_LARGE_DETAIL, http_request_peer(r));
        r->state = REQUEST_IGNORED;
        if (info && info->tls_session)
                (void) gnutls_record_send(info->tls_session, answer, strlen(answer));
        else
                (void) send(connection_of(r)->fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A client that waits for "100 Continue" sends no body; another may be sending already. */
static enum MHD_Result refuse_announced(HttpRequest *r) {
        if (MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT))
                return refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "too-large", TOO_LARGE_DETAIL);
        refuse_unfinished(r);
        return MHD_YES;
}

static enum MHD_Result on_headers(HttpRequest *r, const char *url, const char *method) {
        size_t length = 0;
        int k;

        find_client(r);
        k = check_framing(r->mhd, limits_of(r)->body_size, &length);
        if (k == -EBADMSG)
                return refuse(r, MHD_HTTP_BAD_REQUEST, "malformed", "a header is not clear: its name, or there are two, or the length of the body");
        r->route = find_route(connection_of(r)->server, url);
        if (!r->route)
                return refuse(r, MHD_HTTP_NOT_FOUND, "not-found", "there is /attest, /secret, /root.pem, /crl.pem and /webhook");
        if (!method_fits(r->route, method))
                return refuse_method(r);
        if (k < 0)
                return refuse_announced(r);
        if (length > 0) {
                r->body.data = malloc(length);
                if (!r->body.data)
                        return MHD_NO;
                r->capacity = length;
        }
        r->state = REQUEST_BODY;
        return MHD_YES;
}

static int ignore_body(HttpRequest *r, ByteView part) {
        r->ignored += part.size;
        /* At the end of the body there is nothing to say any more. */
        return part.size == 0 || r->ignored > HTTP_BODY_IGNORED_MAX ? -EFBIG : 0;
}

static int take_body(HttpRequest *r, ByteView part) {
        size_t max = limits_of(r)->body_size;

        if (part.size > max - r->body.size) {
                refuse_unfinished(r);
                return ignore_body(r, part);
        }
        if (part.size > r->capacity - r->body.size) {
                size_t capacity = MIN_OF(MAX_OF(2 * r->capacity, r->body.size + part.size), max);
                uint8_t *p = realloc(r->body.data, capacity);
                if (!p)
                        return -ENOMEM;
                r->body.data = p;
                r->capacity = capacity;
        }
        memcpy(r->body.data + r->body.size, part.data, part.size);
        r->body.size += part.size;
        return 0;
}

static enum MHD_Result on_whole(HttpRequest *r) {
        Connection *c = connection_of(r);

        r->state = REQUEST_WAITING;
        r->route->handler(r, http_server_userdata(c->server));
        if (r->state == REQUEST_ANSWERED)
                return queue_response(r);
        MHD_suspend_connection(r->mhd);
        r->suspended = true;
        return MHD_YES;
}

void *http_request_userdata(const HttpRequest *r) {
        return http_server_userdata(connection_of(r)->server);
}

ByteView http_request_body(const HttpRequest *r) {
        return bytes_view(&r->body);
}

const char *http_request_header(const HttpRequest *r, const char *name) {
        return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

struct gnutls_session_int *http_request_tls(const HttpRequest *r) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

        return info ? info->tls_session : NULL;
}

bool http_request_is_of_local_proxy(const HttpRequest *r) {
        const Connection *c = connection_of(r);

        return c->proxy && address_is_local((const struct sockaddr *) &c->address);
}

const char *http_request_peer(const HttpRequest *r) {
        return r->forwarded ? r->peer : connection_of(r)->peer;
}

ByteView http_request_source(const HttpRequest *r) {
        const Connection *c = connection_of(r);
        const NetAddress *a = r->forwarded ? &r->client : &c->client;

        if (!r->forwarded && address_is_local((const struct sockaddr *) &c->address))
                return VIEW_NULL;
        return net_address_is_loopback(a) ? VIEW_NULL : net_address_source(a);
}

uint64_t http_request_now(const HttpRequest *r) {
        return http_server_now(connection_of(r)->server);
}

/* --- Steps --- */

void request_begin(HttpRequest *r, uint64_t now) {
        r->state = REQUEST_HEADERS;
        connection_of(r)->deadline = now + (uint64_t) limits_of(r)->request_sec * USEC_PER_SEC;
}

enum MHD_Result request_continue(HttpRequest *r, const char *url, const char *method, ByteView part) {
        switch (r->state) {

        case REQUEST_HEADERS:
                return on_headers(r, url, method);
        case REQUEST_BODY:
                if (part.size == 0)
                        return on_whole(r);
                return take_body(r, part) < 0 ? MHD_NO : MHD_YES;
        case REQUEST_IGNORED:
                return ignore_body(r, part) < 0 ? MHD_NO : MHD_YES;
        case REQUEST_ANSWERED:
                return queue_response(r);
        default:
                return MHD_YES;
        }
}

void request_end(HttpRequest *r, uint64_t now) {
        bytes_erase(&r->body);
        if (r->response)
                MHD_destroy_response(r->response);
        *r = (HttpRequest) { .mhd = r->mhd };
        connection_of(r)->deadline = now + (uint64_t) limits_of(r)->idle_sec * USEC_PER_SEC;
}
