/* SPDX-License-Identifier: MIT */

/* Load on an attestation server: honest devices in software, each proving its AK by /attest and /secret over
 * keep-alive connections.
 *     attest-load PORT DEVICES CONNECTIONS PAIRS [ADDRESS]
 * DEVICES is a file of test/bench: per device a 4-byte length, the body of its /attest request, the scalar,
 * x and y of its EK (P-256), and the Name of its AK. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "soft-ek.h"

#define DEVICES_MAX 65536U
#define CONNECTIONS_MAX 1024U
#define REQUEST_MAX 16384U
#define ANSWER_MAX 32768U
#define BLOB_MAX 512U

typedef struct Device {
        char *request; /* POST /attest, whole */
        size_t n_request;
        SoftEk *ek;
        uint8_t name[SOFT_EK_NAME_SIZE];
} Device;

typedef struct Connection {
        int fd;
        Device *device;
        bool secret;       /* waits for the answer of /secret, not of /attest */
        double started;
        size_t n_answer;
        char answer[ANSWER_MAX];
} Connection;

typedef struct Load {
        int epoll;
        Device *devices;
        size_t n_devices, next_device;
        Connection *connections;
        size_t n_connections, n_open;
        size_t wanted, begun, done, failed;
        double *latencies;
} Load;

static void die(const char *what) {
        fprintf(stderr, "attest-load: %s: %s\n", what, errno ? strerror(errno) : "wrong");
        exit(1);
}

static double now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static char *make_request(const char *path, const char *body, size_t n_body, size_t *ret_size) {
        char *request = malloc(REQUEST_MAX);
        int n;

        if (!request || n_body > REQUEST_MAX - 256)
                die("request");
        n = snprintf(request, REQUEST_MAX, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", path,
                     n_body);
        memcpy(request + n, body, n_body);
        *ret_size = (size_t) n + n_body;
        return request;
}

static bool read_device(FILE *f, Device *ret) {
        uint8_t length[4], key[32 + 64];
        char body[REQUEST_MAX];
        size_t n;

        if (fread(length, sizeof(length), 1, f) != 1)
                return false;
        n = (size_t) length[0] << 24 | (size_t) length[1] << 16 | (size_t) length[2] << 8 | length[3];
        if (n > sizeof(body) || fread(body, n, 1, f) != 1 || fread(key, sizeof(key), 1, f) != 1 ||
            fread(ret->name, sizeof(ret->name), 1, f) != 1)
                die("devices");
        ret->request = make_request("/attest", body, n, &ret->n_request);
        ret->ek = soft_ek_new(key, key + 32);
        if (!ret->ek)
                die("EK");
        return true;
}

static void read_devices(Load *load, const char *path) {
        FILE *f = fopen(path, "re");

        if (!f)
                die(path);
        load->devices = calloc(DEVICES_MAX, sizeof(Device));
        if (!load->devices)
                die("memory");
        while (load->n_devices < DEVICES_MAX && read_device(f, load->devices + load->n_devices))
                load->n_devices++;
        fclose(f);
        if (load->n_devices == 0)
                die("no devices");
}

static void send_all(Connection *c, const char *data, size_t n) {
        /* A request fits a socket's buffer: nothing is queued here. */
        if (send(c->fd, data, n, MSG_NOSIGNAL) != (ssize_t) n)
                die("send");
        c->n_answer = 0;
}

static void begin(Load *load, Connection *c) {
        if (load->begun == load->wanted) {
                close(c->fd);
                load->n_open--;
                return;
        }
        load->begun++;
        c->device = load->devices + load->next_device++ % load->n_devices;
        c->secret = false;
        c->started = now();
        send_all(c, c->device->request, c->device->n_request);
}

/* Value of a member of the answer, decoded. */
static size_t member(const char *answer, const char *name, uint8_t ret[static BLOB_MAX]) {
        char key[32];
        const char *p, *end;
        int n;

        snprintf(key, sizeof(key), "\"%s\"", name);
        p = strstr(answer, key);
        p = p ? strchr(p + strlen(key), '"') : NULL;
        end = p ? strchr(p + 1, '"') : NULL;
        if (!end || end - p - 1 > (ptrdiff_t) BLOB_MAX * 4 / 3)
                return 0;
        n = EVP_DecodeBlock(ret, (const uint8_t *) p + 1, (int) (end - p - 1));
        if (n < 0)
                return 0;
        return (size_t) n - (end[-1] == '=') - (end[-2] == '=');
}

static bool send_secret(Connection *c, const char *body) {
        uint8_t credential[BLOB_MAX + 3], encrypted[BLOB_MAX + 3], secret[SOFT_EK_SECRET_SIZE];
        char text[64], json[128];
        size_t n_credential = member(body, "credential", credential), n_encrypted = member(body, "secret", encrypted);
        char *request;
        size_t n;

        if (n_credential == 0 || n_encrypted == 0 ||
            soft_ek_activate(c->device->ek, c->device->name, credential, n_credential, encrypted, n_encrypted,
                             secret) < 0)
                return false;
        EVP_EncodeBlock((uint8_t *) text, secret, sizeof(secret));
        n = (size_t) snprintf(json, sizeof(json), "{\"secret\":\"%s\"}", text);
        request = make_request("/secret", json, n, &n);
        c->secret = true;
        send_all(c, request, n);
        free(request);
        return true;
}

static void answered(Load *load, Connection *c, const char *body) {
        bool good = strncmp(c->answer, "HTTP/1.1 200", 12) == 0;

        if (good && !c->secret && send_secret(c, body))
                return;
        if (good && c->secret && strstr(body, "\"chain\""))
                load->latencies[load->done++] = now() - c->started;
        else {
                if (load->failed++ == 0)
                        fprintf(stderr, "attest-load: %.300s\n", c->answer);
        }
        begin(load, c);
}

static void readable(Load *load, Connection *c) {
        ssize_t n = recv(c->fd, c->answer + c->n_answer, sizeof(c->answer) - 1 - c->n_answer, 0);
        const char *body, *length;

        if (n <= 0)
                die("connection closed");
        c->n_answer += (size_t) n;
        c->answer[c->n_answer] = 0;
        body = strstr(c->answer, "\r\n\r\n");
        if (!body)
                return;
        length = strcasestr(c->answer, "\r\nContent-Length:");
        if (!length || length > body)
                die("no Content-Length");
        if ((size_t) (body + 4 - c->answer) + strtoul(length + 17, NULL, 10) <= c->n_answer)
                answered(load, c, body + 4);
}

static void connect_all(Load *load, const char *address, uint16_t port) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
        static const int one = 1;

        if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
                die(address);
        load->epoll = epoll_create1(EPOLL_CLOEXEC);
        for (size_t i = 0; i < load->n_connections; i++) {
                Connection *c = load->connections + i;
                struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

                c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (c->fd < 0 || connect(c->fd, (struct sockaddr *) &a, sizeof(a)) < 0 ||
                    epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
                        die("connect");
                (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
                load->n_open++;
        }
}

static void run(Load *load) {
        struct epoll_event events[64];

        for (size_t i = 0; i < load->n_connections; i++)
                begin(load, load->connections + i);
        while (load->n_open > 0) {
                int n = epoll_wait(load->epoll, events, 64, 30 * 1000);

                if (n <= 0)
                        die("nothing for 30 s");
                for (int i = 0; i < n; i++)
                        readable(load, events[i].data.ptr);
        }
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return x < y ? -1 : x > y;
}

static void report(Load *load, double seconds) {
        struct rusage u;

        getrusage(RUSAGE_SELF, &u);
        qsort(load->latencies, load->done, sizeof(double), compare);
        printf("{\"pairs\": %zu, \"failed\": %zu, \"seconds\": %.3f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
               "\"client_cpu\": %.3f}\n", load->done, load->failed, seconds,
               load->done ? load->latencies[load->done / 2] * 1e3 : 0.0,
               load->done ? load->latencies[load->done * 99 / 100] * 1e3 : 0.0,
               (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

int main(int argc, char **argv) {
        Load load = {};
        double started;

        if (argc != 5 && argc != 6) {
                fprintf(stderr, "attest-load PORT DEVICES CONNECTIONS PAIRS [ADDRESS]\n");
                return 2;
        }
        load.n_connections = strtoul(argv[3], NULL, 10);
        load.wanted = strtoul(argv[4], NULL, 10);
        if (load.n_connections == 0 || load.n_connections > CONNECTIONS_MAX || load.wanted == 0)
                die("arguments");
        load.connections = calloc(load.n_connections, sizeof(Connection));
        load.latencies = calloc(load.wanted, sizeof(double));
        if (!load.connections || !load.latencies)
                die("memory");
        read_devices(&load, argv[2]);
        connect_all(&load, argc == 6 ? argv[5] : "127.0.0.1", (uint16_t) strtoul(argv[1], NULL, 10));
        started = now();
        run(&load);
        report(&load, now() - started);
        for (size_t i = 0; i < load.n_devices; i++) {
                soft_ek_free(load.devices[i].ek);
                free(load.devices[i].request);
        }
        free(load.devices);
        free(load.connections);
        free(load.latencies);
        return load.failed > 0;
}
