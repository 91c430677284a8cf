/* SPDX-License-Identifier: MIT */
#pragma once

/* The connections of a server: who is at the other end, how many there may be, and by when a request must be
 * through. */
#include <microhttpd.h>
#include <sys/socket.h>

#include "http/handler.h"
#include "http/http-limits.h"

typedef struct HttpServer HttpServer;
typedef struct Listener Listener;

typedef enum RequestState {
        REQUEST_NONE,     /* between two requests */
        REQUEST_HEADERS,  /* the request line is here */
        REQUEST_BODY,     /* the headers were good */
        REQUEST_IGNORED,  /* the body is too large, which has been said */
        REQUEST_WAITING,  /* with the handler, or suspended */
        REQUEST_ANSWERED, /* response is set, or could not be made */
} RequestState;

/* HTTP/1.1: a connection has one request at a time. */
struct HttpRequest {
        RequestState state;
        bool suspended;
        const HttpRoute *route;
        struct MHD_Connection *mhd;
        Bytes body;
        size_t capacity;
        size_t ignored; /* bytes, of a body that is too large */
        unsigned status;
        struct MHD_Response *response;
        uint64_t retry_after;             /* seconds; 0: not said */
        bool forwarded;                   /* a trusted proxy has told these */
        NetAddress client;
        char peer[HTTP_PEER_MAX];
};

typedef struct Connection {
        HttpRequest request;
        HttpServer *server;
        Listener *listener;
        int fd;
        uint64_t deadline; /* CLOCK_BOOTTIME */
        struct sockaddr_storage address;
        NetAddress client; /* the same, when it is one of the network */
        bool proxy;        /* that is trusted */
        char peer[HTTP_PEER_MAX];
        struct Connection *previous, *next;
} Connection;

typedef struct Connections {
        Connection *first;
        unsigned n;
        uint64_t ever;
} Connections;

bool connections_may_come(const Connections *all, const HttpLimits *limits, const struct sockaddr *sa);
int connection_new(Connections *all, HttpServer *s, Listener *l, struct MHD_Connection *mhd, uint64_t now,
                   Connection **ret);
Connection *connection_free(Connections *all, Connection *c);
/* Shuts down what is beyond its time; libmicrohttpd then finds out by itself. */
void connections_enforce_deadlines(Connections *all, uint64_t now);

/* The steps of a request: request.c. */
void request_begin(HttpRequest *r, uint64_t now);
enum MHD_Result request_continue(HttpRequest *r, const char *url, const char *method, ByteView part);
void request_end(HttpRequest *r, uint64_t now);

/* What they need of the server: http.c. */
void http_server_count_answer(HttpServer *s, unsigned status);
uint64_t http_server_now(const HttpServer *s); /* CLOCK_BOOTTIME, of this turn of the loop */
const HttpRoute *http_server_routes(const HttpServer *s);
const HttpLimits *http_server_limits(const HttpServer *s);
void *http_server_userdata(const HttpServer *s);
void listener_run_soon(Listener *l);
