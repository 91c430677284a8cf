/* SPDX-License-Identifier: MIT */

/* What the token costs a client, and what the TPM alone costs.
 *     pkcs11-load SOCKET TCTI DEVICE.TSS ROUNDS
 * Measures a new connection up to the answer of C_Initialize; a listing of all objects with seven attributes each;
 * and a signature with C_SignInit and C_Sign, each beside one of the same digest by the same key that this program
 * has the TPM make, without the agent (Esys_Sign; RSASSA or ECDSA). Prints one line of JSON, times in microseconds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shared/files.h"
#include "shared/tpm-key.h"

#define FRAME_MAX 65536U
#define ROUNDS_MAX 100000U
#define OBJECTS_MAX 16U
#define WARM_UP 5U

enum { C_Initialize = 1, C_GetSlotList = 4, C_OpenSession = 10, C_GetAttributeValue = 24, C_FindObjectsInit = 26,
       C_FindObjects = 27, C_FindObjectsFinal = 28, C_SignInit = 42, C_Sign = 43 };

typedef struct Client {
        int fd;
        uint32_t code;
        uint8_t frame[FRAME_MAX];
} Client;

typedef struct Times {
        double *values;
        size_t n;
} Times;

static void die(const char *what) {
        fprintf(stderr, "pkcs11-load: %s: %s\n", what, errno ? strerror(errno) : "wrong");
        exit(1);
}

static double now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static void receive(Client *c, void *to, size_t n) {
        for (size_t got = 0; got < n;) {
                ssize_t k = read(c->fd, (uint8_t *) to + got, n - got);

                if (k <= 0)
                        die("the agent has closed the connection");
                got += (size_t) k;
        }
}

static void transmit(Client *c, const void *from, size_t n) {
        if (write(c->fd, from, n) != (ssize_t) n)
                die("write");
}

/* One call; the arguments of the answer, which live until the next call. */
static ByteReader call(Client *c, uint32_t number, const char *signature, ByteView arguments) {
        ByteWriter w = WRITER(c->frame, sizeof(c->frame));
        size_t n = strlen(signature);
        uint32_t header[3], size;
        ByteReader r;

        write_u32(&w, ++c->code);
        write_u32(&w, 0);
        write_u32(&w, (uint32_t) (8 + n + arguments.size));
        write_u32(&w, number);
        write_u32(&w, (uint32_t) n);
        write_bytes(&w, signature, n);
        write_view(&w, arguments);
        transmit(c, c->frame, writer_view(&w).size);
        receive(c, header, sizeof(header));
        r = READER(VIEW(header, sizeof(header)));
        read_u32(&r);
        read_u32(&r);
        size = read_u32(&r);
        if (size > FRAME_MAX)
                die("length of an answer");
        receive(c, c->frame, size);
        r = READER(VIEW(c->frame, size));
        errno = 0;
        if (read_u32(&r) != number)
                die(signature);
        read_view(&r, read_u32(&r));
        return r;
}

static void client_open(Client *c, const char *path) {
        static const char magic[] = "PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1";
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        uint8_t buffer[128], version = 0;
        ByteWriter w = WRITER(buffer, sizeof(buffer));

        if (strlen(path) >= sizeof(a.sun_path))
                die("path of the socket");
        memcpy(a.sun_path, path, strlen(path) + 1);
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (c->fd < 0 || connect(c->fd, (const struct sockaddr *) &a, sizeof(a)) < 0)
                die("connect");
        transmit(c, &version, 1);
        receive(c, &version, 1);
        write_u8(&w, 1);
        write_u32(&w, (uint32_t) strlen(magic));
        write_bytes(&w, magic, strlen(magic));
        write_u8(&w, 0);
        write_u8(&w, 1);
        write_u32(&w, 1);
        write_u8(&w, 0);
        c->code = 0x0f;
        call(c, C_Initialize, "ayyay", writer_view(&w));
}

static uint64_t open_session(Client *c) {
        uint8_t buffer[32];
        ByteWriter w = WRITER(buffer, sizeof(buffer));
        ByteReader r;
        uint64_t slot;

        write_u8(&w, 1);
        write_u32(&w, 8);
        r = call(c, C_GetSlotList, "yfu", writer_view(&w));
        read_u8(&r);
        if (read_u32(&r) != 1)
                die("no token");
        slot = read_u64(&r);
        w = WRITER(buffer, sizeof(buffer));
        write_u64(&w, slot);
        write_u64(&w, 4); /* CKF_SERIAL_SESSION */
        r = call(c, C_OpenSession, "uu", writer_view(&w));
        return read_u64(&r);
}

/* Objects of a class, of all with class < 0. */
static size_t find(Client *c, uint64_t session, int class, uint64_t ret[static OBJECTS_MAX]) {
        uint8_t buffer[64];
        ByteWriter w = WRITER(buffer, sizeof(buffer));
        ByteReader r;
        size_t n;

        write_u64(&w, session);
        write_u32(&w, class < 0 ? 0 : 1);
        if (class >= 0) {
                write_u32(&w, 0); /* CKA_CLASS */
                write_u8(&w, 1);
                write_u32(&w, 8);
                write_u64(&w, (uint64_t) class);
        }
        call(c, C_FindObjectsInit, "uaA", writer_view(&w));
        w = WRITER(buffer, sizeof(buffer));
        write_u64(&w, session);
        write_u32(&w, OBJECTS_MAX);
        r = call(c, C_FindObjects, "ufu", writer_view(&w));
        read_u8(&r);
        n = read_u32(&r);
        if (n > OBJECTS_MAX)
                die("objects");
        for (size_t i = 0; i < n; i++)
                ret[i] = read_u64(&r);
        w = WRITER(buffer, sizeof(buffer));
        write_u64(&w, session);
        call(c, C_FindObjectsFinal, "u", writer_view(&w));
        return n;
}

static void list(Client *c, uint64_t session) {
        static const uint32_t types[] = { 0x0, 0x1, 0x3, 0x11, 0x102, 0x100, 0x120 };
        uint64_t objects[OBJECTS_MAX];
        size_t n = find(c, session, -1, objects);

        for (size_t i = 0; i < n; i++) {
                uint8_t buffer[128];
                ByteWriter w = WRITER(buffer, sizeof(buffer));

                write_u64(&w, session);
                write_u64(&w, objects[i]);
                write_u32(&w, ELEMENTSOF(types));
                for (size_t k = 0; k < ELEMENTSOF(types); k++) {
                        write_u32(&w, types[k]);
                        write_u32(&w, 4096);
                }
                call(c, C_GetAttributeValue, "uufA", writer_view(&w));
        }
}

/* A signature of 32 bytes: ECDSA, or RSA_PKCS of the DigestInfo that the TPM makes of them too. */
static void sign(Client *c, uint64_t session, uint64_t key, bool rsa, const uint8_t digest[static 32]) {
        static const uint8_t info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
        size_t n_info = rsa ? sizeof(info) : 0;
        uint8_t buffer[256];
        ByteWriter w = WRITER(buffer, sizeof(buffer));
        ByteReader r;

        write_u64(&w, session);
        write_u32(&w, rsa ? 0x1 : 0x1041);
        write_u32(&w, UINT32_MAX);
        write_u64(&w, key);
        call(c, C_SignInit, "uMu", writer_view(&w));
        w = WRITER(buffer, sizeof(buffer));
        write_u64(&w, session);
        write_u8(&w, 1);
        write_u32(&w, (uint32_t) (n_info + 32));
        write_bytes(&w, info, n_info);
        write_bytes(&w, digest, 32);
        write_u32(&w, 512);
        r = call(c, C_Sign, "uayfy", writer_view(&w));
        if (read_u8(&r) != 1 || read_u32(&r) < 64)
                die("a signature");
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static void report(const char *name, Times *t, const char *end) {
        qsort(t->values, t->n, sizeof(*t->values), compare);
        printf("\"%s\": {\"p50\": %.1f, \"p95\": %.1f}%s", name, t->values[t->n / 2], t->values[t->n * 95 / 100], end);
}

static void note(Times *t, size_t round, double started) {
        if (round >= WARM_UP)
                t->values[t->n++] = now() - started;
}

static void load_key(const char *tcti, const char *path, TpmDevice **ret_device, TpmKey *ret) {
        _cleanup_key_file_ KeyFile file = {};
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        char error[TPM_TEXT_MAX];

        if (file_read(path, KEY_FILE_MAX, &text) < 0 || key_file_parse(bytes_view(&text), &file) < 0)
                die(path);
        if (tpm_device_open(tcti, ret_device, error) < 0)
                die(error);
        if (tpm_key_load(*ret_device, &file, ret) < 0)
                die(tpm_device_error(*ret_device));
}

static void measure(const char *path, const TpmKey *key, size_t rounds) {
        static Client client;
        Times opening = { .values = calloc(rounds, sizeof(double)) };
        Times listing = { .values = calloc(rounds, sizeof(double)) };
        Times token = { .values = calloc(rounds, sizeof(double)) };
        Times raw = { .values = calloc(rounds, sizeof(double)) };
        uint64_t session, keys[OBJECTS_MAX];

        if (!opening.values || !listing.values || !token.values || !raw.values)
                die("memory");
        for (size_t i = 0; i < rounds + WARM_UP; i++) {
                double started = now();

                client_open(&client, path);
                note(&opening, i, started);
                close(client.fd);
        }
        client_open(&client, path);
        session = open_session(&client);
        for (size_t i = 0; i < rounds + WARM_UP; i++) {
                double started = now();

                list(&client, session);
                note(&listing, i, started);
        }
        if (find(&client, session, 3, keys) != 1)
                die("the key");
        for (size_t i = 0; i < rounds + WARM_UP; i++) {
                _cleanup_bytes_ Bytes signature = BYTES_NULL;
                uint8_t digest[32];
                double started;

                memset(digest, (int) i, sizeof(digest));
                started = now();
                sign(&client, session, keys[0], key->public.publicArea.type == TPM2_ALG_RSA, digest);
                note(&token, i, started);
                started = now();
                if (tpm_key_sign(key, DIGEST_SHA256, VIEW_ARRAY(digest), &signature) < 0)
                        die(tpm_device_error(key->device));
                note(&raw, i, started);
        }
        close(client.fd);
        printf("{");
        report("connect", &opening, ", ");
        report("list", &listing, ", ");
        report("sign", &token, ", ");
        report("raw", &raw, "}\n");
        free(opening.values);
        free(listing.values);
        free(token.values);
        free(raw.values);
}

int main(int argc, char **argv) {
        _cleanup_(tpm_device_freep) TpmDevice *device = NULL;
        _cleanup_tpm_key_ TpmKey key = {};
        unsigned long rounds;

        if (argc != 5)
                die("usage: pkcs11-load SOCKET TCTI DEVICE.TSS ROUNDS");
        rounds = strtoul(argv[4], NULL, 10);
        if (rounds == 0 || rounds > ROUNDS_MAX)
                die("number of rounds");
        load_key(argv[2], argv[3], &device, &key);
        measure(argv[1], &key, rounds);
        return 0;
}
