/* SPDX-License-Identifier: MIT */
/* attezt-tpm-signer: the device key's user. It has the TPM, and hears nothing but messages of one fixed layout. */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "shared/channel.h"
#include "shared/helper.h"
#include "shared/log.h"
#include "shared/names.h"
#include "tpm-signer/perform.h"

#define IDLE_DEFAULT 10U   /* seconds */
#define IDLE_MAX 3600U
#define LIMIT_DEFAULT 18U  /* seconds for one operation: less than attezt-agent waits */
#define LIMIT_MAX 600U
#define TELL_MSEC 10000U   /* the same failure is not told again for so long */
#define MISSING_MSEC 2000U /* without a TPM: longer than a start or two take, shorter than a person waits */
#define STATUS_TIMEOUT 3   /* of the program's end */
/* Milliseconds, for a TPM that has no room for everybody: */
#define REST_MSEC 50U      /* a key that was not used so long is given back */
#define HOLD_MSEC 250U     /* it is given back after so long, in use or not */
#define GAP_MSEC 40U       /* then, for others: attezt-enroll looks for room every 20 ms */

typedef struct Options {
        const char *tcti, *state_dir;
        unsigned idle, limit;
        bool verbose;
} Options;

static const char *const help_text =
        "attezt-tpm-signer [OPTIONS...]\n"
        "\n"
        "Signs and decrypts with the device key, for attezt-agent. What to do arrives on descriptor 3, a\n"
        "SOCK_SEQPACKET socket.\n"
        "\n"
        "  --tcti CONF       The TPM (default: device:/dev/tpmrm0)\n"
        "  --state-dir DIR   Where the keys are (default: " ATTEZT_AGENT_STATE_DIR ")\n"
        "  --idle SECONDS    Ends when there was nothing to do for so long (default: 10)\n"
        "  --limit SECONDS   For one operation; then it ends (default: 18)\n"
        "  --verbose         Say more\n"
        "  --help            Show this help\n"
        "  --version         Show the version\n";

static int parse_seconds(const char *option, const char *text, unsigned max, unsigned *ret) {
        char *end;

        errno = 0;
        unsigned long n = strtoul(text, &end, 10);
        if (errno != 0 || *text < '0' || *text > '9' || *end || n == 0 || n > max) {
                fprintf(stderr, "%s takes 1 to %u seconds\n", option, max);
                return -EINVAL;
        }
        *ret = (unsigned) n;
        return 0;
}

/* 1: go on, 0: done, negative: wrong usage. */
static int parse_options(int argc, char *argv[], Options *o) {
        enum { OPT_TCTI = 0x100, OPT_STATE_DIR, OPT_IDLE, OPT_LIMIT, OPT_VERBOSE, OPT_HELP, OPT_VERSION };
        static const struct option options[] = {
                { "tcti", required_argument, NULL, OPT_TCTI },
                { "state-dir", required_argument, NULL, OPT_STATE_DIR },
                { "idle", required_argument, NULL, OPT_IDLE },
                { "limit", required_argument, NULL, OPT_LIMIT },
                { "verbose", no_argument, NULL, OPT_VERBOSE },
                { "help", no_argument, NULL, OPT_HELP },
                { "version", no_argument, NULL, OPT_VERSION },
                {},
        };

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;)
                switch (c) {
                case OPT_TCTI:
                        o->tcti = optarg;
                        break;
                case OPT_STATE_DIR:
                        o->state_dir = optarg;
                        break;
                case OPT_IDLE:
                        if (parse_seconds("--idle", optarg, IDLE_MAX, &o->idle) < 0)
                                return -EINVAL;
                        break;
                case OPT_LIMIT:
                        if (parse_seconds("--limit", optarg, LIMIT_MAX, &o->limit) < 0)
                                return -EINVAL;
                        break;
                case OPT_VERBOSE:
                        o->verbose = true;
                        break;
                case OPT_HELP:
                        return fputs(help_text, stdout) < 0 ? -EIO : 0;
                case OPT_VERSION:
                        return puts("attezt-tpm-signer " ATTEZT_VERSION) < 0 ? -EIO : 0;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                fprintf(stderr, "Unknown argument: %s\n", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

/* --- A TPM that does not answer: the call cannot be cancelled, so the program ends --- */

static struct {
        timer_t timer;
        unsigned seconds;
        int fd;
        volatile sig_atomic_t asked; /* somebody waits for an answer */
        uint8_t answer[TOKEN_RESULT_ENCODED_SIZE];
} limit = { .fd = -EBADF };

static void on_alarm(int number) {
        uint8_t byte;

        /* Or had just asked, while the key was being flushed. */
        if (limit.asked || recv(limit.fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0)
                (void) send(limit.fd, limit.answer, sizeof(limit.answer), MSG_NOSIGNAL | MSG_DONTWAIT);
        _exit(STATUS_TIMEOUT);
}

static int limit_start(int fd, unsigned seconds) {
        struct sigaction action = { .sa_handler = on_alarm };
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
        int r;

        limit.fd = fd;
        limit.seconds = seconds;
        r = token_result_encode(&(TokenResult) { .status = TOKEN_TIMEOUT }, limit.answer);
        if (r < 0)
                return r;
        if (sigaction(SIGALRM, &action, NULL) < 0 || timer_create(CLOCK_BOOTTIME, &event, &limit.timer) < 0)
                return -errno;
        return 0;
}

/* Beside the alarm that each command of the TPM has: that one is longer. */
static void limit_set(unsigned seconds) {
        struct itimerspec when = { .it_value.tv_sec = (time_t) seconds };

        (void) timer_settime(limit.timer, 0, &when, NULL);
}

/* --- Requests --- */

static uint64_t now_msec(void) {
        struct timespec t = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

/* A failure that goes on is told once in a while; another one, or the first after a success, at once. */
static bool time_to_tell(TokenStatus status) {
        static TokenStatus told = TOKEN_OK;
        static uint64_t told_at;
        uint64_t t = now_msec();

        if (status != TOKEN_OK && status == told && t - told_at < TELL_MSEC)
                return false;
        told = status;
        told_at = t;
        return status != TOKEN_OK;
}

static volatile sig_atomic_t told_to_end;

/* A TPM that was lost may come back as a device of another number, which the rules of our unit, made when we were
 * started, keep from us. Who comes after us finds it; but not a new one for each request. */
static bool time_to_make_way(TokenStatus status) {
        static uint64_t missing_since;
        uint64_t t = now_msec();

        if (status != TOKEN_NO_TPM)
                missing_since = 0;
        else if (missing_since == 0)
                missing_since = t;
        return missing_since > 0 && t - missing_since >= MISSING_MSEC;
}

static int answer(int fd, const TokenOperation *o, DeviceKey *d) {
        _cleanup_(token_result_erase) TokenResult result = {};
        uint8_t packet[TOKEN_RESULT_ENCODED_SIZE];
        int r;

        limit.asked = true;
        limit_set(limit.seconds);
        perform(d, o, &result);
        limit_set(0);
        limit.asked = false;
        /* What a client sent that cannot be worked with is his own business, and may be much. */
        if (result.status == TOKEN_BAD_LENGTH || result.status == TOKEN_BAD_DATA)
                log_debug("Operation of kind %u: %s: %s", (unsigned) o->kind, token_status_to_string(result.status),
                          d->error);
        else if (time_to_tell(result.status))
                log_warning("Operation of kind %u with the key of enrolment %llu: %s: %s", (unsigned) o->kind,
                            (unsigned long long) o->generation, token_status_to_string(result.status), d->error);
        r = token_result_encode(&result, packet);
        if (r >= 0 && send(fd, packet, sizeof(packet), MSG_NOSIGNAL) < 0)
                r = -errno;
        explicit_bzero(packet, sizeof(packet));
        if (time_to_make_way(result.status))
                told_to_end = true;
        return r;
}

static int take_request(int fd, DeviceKey *d) {
        _cleanup_(token_operation_erase) TokenOperation o = {};
        uint8_t packet[TOKEN_OPERATION_ENCODED_SIZE];

        int r = channel_receive(fd, sizeof(packet), packet);
        if (r >= 0)
                r = token_operation_decode(VIEW(packet, r), &o);
        explicit_bzero(packet, sizeof(packet));
        return r < 0 ? r : answer(fd, &o, d);
}

static void release(DeviceKey *d) {
        limit_set(limit.seconds);
        device_key_release(d);
        limit_set(0);
}

/* The kernel's resource manager and tabrmd make room for everybody. Anywhere else a loaded key takes a third of the
 * room that there is, while attezt-enroll needs all of it. */
static bool tpm_is_shared(const char *tcti) {
        return !tcti || strncmp(tcti, TPM_TCTI_RESOURCE_MANAGER, strlen(TPM_TCTI_RESOURCE_MANAGER)) == 0 ||
               strncmp(tcti, "tabrmd", strlen("tabrmd")) == 0;
}

static void on_terminate(int number) {
        told_to_end = true;
}

/* SIGTERM is heard here only: a key that is loaded is flushed before the end. 1: a message is there, or the end. */
static int wait_for_message(int fd, unsigned msec) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        struct timespec patience = { .tv_sec = (time_t) (msec / 1000), .tv_nsec = (long) (msec % 1000) * 1000000 };
        sigset_t none;

        (void) sigemptyset(&none);
        int r = ppoll(&p, 1, &patience, &none);
        return r < 0 ? -errno : r;
}

/* As long as the key may stay loaded in a TPM without room for all: while it is in use, but others get their turn.
 * taken: since when it is there. 0: a gap is due, or it was not used. */
static int wait_holding(int fd, uint64_t taken) {
        uint64_t end = taken + HOLD_MSEC, t = now_msec();

        return t >= end ? 0 : wait_for_message(fd, (unsigned) MIN_OF(end - t, (uint64_t) REST_MSEC));
}

/* 0: it was time to end. */
static int serve(const Options *o, int fd, DeviceKey *d) {
        const bool shared = tpm_is_shared(o->tcti);
        uint64_t taken = 0;
        int r = 0;

        while (!told_to_end) {
                r = 0;
                if (d->tpm && !shared && (r = wait_holding(fd, taken)) == 0) {
                        release(d);
                        (void) usleep(GAP_MSEC * 1000);
                }
                if (r == 0)
                        r = wait_for_message(fd, o->idle * 1000);
                if (r == 0 || r == -EINTR)
                        return 0;
                if (!d->tpm)
                        taken = now_msec();
                if (r > 0)
                        r = take_request(fd, d);
                if (r < 0)
                        return r == -ECONNRESET || r == -EPIPE ? 0 : r;
        }
        return 0;
}

static int prepare_signals(void) {
        struct sigaction action = { .sa_handler = on_terminate };
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) signal(SIGPIPE, SIG_IGN);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
            sigaction(SIGINT, &action, NULL) < 0)
                return -errno;
        return 0;
}

static int run(const Options *o) {
        DeviceKey key = { .tcti = o->tcti, .state_dir = o->state_dir };
        int fd, r;

        r = prepare_signals();
        if (r < 0)
                return log_error_errno(r, "Cannot prepare for signals: %m");
        fd = channel_open(HELPER_FD, o->idle);
        if (fd == -ETIMEDOUT)
                return 0;
        if (fd < 0)
                return log_error_errno(fd, "Descriptor %d is no socket to get operations from: %m", HELPER_FD);
        r = limit_start(fd, o->limit);
        if (r < 0)
                return log_error_errno(r, "Cannot start the clock: %m");
        r = serve(o, fd, &key);
        release(&key);
        return r < 0 ? log_error_errno(r, "No operation that can be understood arrived: %m") : 0;
}

int main(int argc, char *argv[]) {
        Options o = { .state_dir = ATTEZT_AGENT_STATE_DIR, .idle = IDLE_DEFAULT, .limit = LIMIT_DEFAULT };
        int r;

        log_open("attezt-tpm-signer");
        r = parse_options(argc, argv, &o);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        if (o.verbose)
                log_set_max_level(LOG_DEBUG);
        else if (setenv("TSS2_LOG", "all+NONE", 1) < 0) /* its errors come back as codes, and with a text */
                return EXIT_FAILURE;
        return run(&o) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
