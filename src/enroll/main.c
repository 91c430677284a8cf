/* SPDX-License-Identifier: MIT */
#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "enroll/enroll.h"
#include "enroll/progress.h"
#include "shared/channel.h"
#include "shared/files.h"
#include "shared/helper.h"
#include "shared/log.h"
#include "shared/names.h"

#define DEADLINE_DEFAULT 180U /* seconds for one job */
#define DEADLINE_MAX 3600U
#define JOB_WAIT_SECONDS 30U  /* for the job to arrive */
#define LOCK_TRIES 50U        /* for the one before, which was told to end, to clear the TPM */
#define LOCK_PAUSE_MSEC 100U

typedef struct Options {
        EnrollSettings settings;
        unsigned deadline;
        bool verbose;
} Options;

static const char *const help_text =
        "attezt-enroll [OPTIONS...]\n"
        "\n"
        "Does one job for attezt-agent: enrol, renew, unenrol, identify. The job arrives on descriptor 3, a\n"
        "SOCK_SEQPACKET socket.\n"
        "\n"
        "  --tcti CONF         The TPM (default: device:/dev/tpmrm0)\n"
        "  --state-dir DIR     Keys, certificates, accounts (default: " ATTEZT_AGENT_STATE_DIR ")\n"
        "  --ca-dir DIR        TLS roots, *.pem (default: " ATTEZT_SETTINGS_DIR "/ca.d)\n"
        "  --deadline SECONDS  For the whole job (default: 180)\n"
        "  --verbose           Say more\n"
        "  --help              Show this help\n"
        "  --version           Show the version\n";

static int parse_deadline(const char *text, unsigned *ret) {
        char *end;

        errno = 0;
        unsigned long n = strtoul(text, &end, 10);
        if (errno != 0 || *text < '0' || *text > '9' || *end || n == 0 || n > DEADLINE_MAX) {
                fprintf(stderr, "--deadline takes 1 to %u seconds\n", DEADLINE_MAX);
                return -EINVAL;
        }
        *ret = (unsigned) n;
        return 0;
}

/* 1: go on, 0: done, negative: wrong usage. */
static int parse_options(int argc, char *argv[], Options *o) {
        enum { OPT_TCTI = 0x100, OPT_STATE_DIR, OPT_CA_DIR, OPT_DEADLINE, OPT_VERBOSE, OPT_HELP, OPT_VERSION };
        static const struct option options[] = {
                { "tcti", required_argument, NULL, OPT_TCTI },
                { "state-dir", required_argument, NULL, OPT_STATE_DIR },
                { "ca-dir", required_argument, NULL, OPT_CA_DIR },
                { "deadline", required_argument, NULL, OPT_DEADLINE },
                { "verbose", no_argument, NULL, OPT_VERBOSE },
                { "help", no_argument, NULL, OPT_HELP },
                { "version", no_argument, NULL, OPT_VERSION },
                {},
        };

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;)
                switch (c) {
                case OPT_TCTI:
                        o->settings.tcti = optarg;
                        break;
                case OPT_STATE_DIR:
                        o->settings.state_dir = optarg;
                        break;
                case OPT_CA_DIR:
                        o->settings.ca_dir = optarg;
                        break;
                case OPT_DEADLINE:
                        if (parse_deadline(optarg, &o->deadline) < 0)
                                return -EINVAL;
                        break;
                case OPT_VERBOSE:
                        o->verbose = true;
                        break;
                case OPT_HELP:
                        return fputs(help_text, stdout) < 0 ? -EIO : 0;
                case OPT_VERSION:
                        return puts("attezt-enroll " ATTEZT_VERSION) < 0 ? -EIO : 0;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                fprintf(stderr, "Unknown argument: %s\n", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

static int receive_job(int fd, Job *ret) {
        _cleanup_bytes_erase_ Bytes buffer = { .data = malloc(HELPER_WIRE_MAX), .size = HELPER_WIRE_MAX };

        if (!buffer.data)
                return -ENOMEM;
        int n = channel_receive(fd, buffer.size, buffer.data);
        return n < 0 ? n : job_decode(VIEW(buffer.data, n), ret);
}

static int lock_patiently(int fd) {
        for (unsigned i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
                if (errno != EWOULDBLOCK || i >= LOCK_TRIES)
                        return -errno;
                (void) usleep(LOCK_PAUSE_MSEC * 1000);
        }
        return 0;
}

/* One job at a time, even if an agent was started anew meanwhile. Held until the process ends. */
static int lock_state(const char *state_dir, Failure *f) {
        int r = dir_make_parents(state_dir, 0755);
        if (r < 0)
                return fail_errno(f, r, "Cannot make the state directory");
        int fd = dir_open(state_dir);
        if (fd < 0)
                return fail_errno(f, fd, "Cannot open the state directory");
        r = lock_patiently(fd);
        if (r >= 0)
                return fd;
        (void) close(fd);
        return r == -EWOULDBLOCK ? fail(f, -EBUSY, OUTCOME_FAILED, "Another job is still at work") :
                                   fail_errno(f, r, "Cannot lock the state directory");
}

static int run_job(const Options *o, Job *job, Failure *f) {
        _cleanup_close_ int lock = lock_state(o->settings.state_dir, f);
        _cleanup_plan_ Plan plan = {};

        if (lock < 0)
                return lock;
        int r = plan_make(job, o->settings.state_dir, &plan, f);
        if (r < 0)
                return r;
        switch (plan.job.kind) {
        case JOB_IDENTIFY:
                return enroll_identify(&o->settings, &plan, f);
        case JOB_REACH:
                return enroll_reach(&o->settings, &plan, f);
        case JOB_ENROLL:
        case JOB_RENEW:
                return enroll_run(&o->settings, &plan, f);
        case JOB_UNENROLL:
                return unenroll_run(&o->settings, &plan, f);
        }
        return -EINVAL;
}

static int do_job(const Options *o, int fd) {
        _cleanup_(job_done) Job job = {};
        Failure f = {};
        int r;

        r = receive_job(fd, &job);
        if (r < 0)
                return log_error_errno(r, "No job that can be understood arrived: %m");
        JobKind kind = job.kind;
        r = progress_start(fd, o->deadline);
        if (r < 0)
                return log_error_errno(r, "Cannot start the clock: %m");
        r = run_job(o, &job, &f);
        if (r >= 0) {
                progress_done(&(Failure) {});
                return 0;
        }
        if (f.outcome == OUTCOME_DONE)
                (void) fail_errno(&f, r, "The job failed");
        /* Whoever looks for a network every half minute has said once what for; who ends the job knows it. */
        log_full((f.no_network && kind == JOB_REACH) || r == -ECANCELED ? LOG_DEBUG : LOG_ERR, "%s: %s", job_outcome_to_string(f.outcome),
                 f.text);
        progress_done(&f);
        return r;
}

int main(int argc, char *argv[]) {
        Options o = {
                .settings = { .state_dir = ATTEZT_AGENT_STATE_DIR, .ca_dir = ATTEZT_SETTINGS_DIR "/ca.d" },
                .deadline = DEADLINE_DEFAULT,
        };
        int r;

        log_open("attezt-enroll");
        r = parse_options(argc, argv, &o);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        if (o.verbose)
                log_set_max_level(LOG_DEBUG);
        else if (setenv("TSS2_LOG", "all+NONE", 1) < 0) /* its errors come back as codes, and with a text */
                return EXIT_FAILURE;
        (void) umask(0022);
        (void) signal(SIGPIPE, SIG_IGN);

        int fd = channel_open(HELPER_FD, JOB_WAIT_SECONDS);
        if (fd < 0) {
                (void) log_error_errno(fd, "Descriptor %d is no socket to get a job from: %m", HELPER_FD);
                return EXIT_FAILURE;
        }
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return EXIT_FAILURE;
        r = do_job(&o, fd);
        curl_global_cleanup();
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
