/* SPDX-License-Identifier: MIT */
/* attezt-renewed: tells those who use the device's certificate that there is a new one. Run by root, after every new
 * generation. It does not trust what user attezt-tpm can write: the enrolment is a number and a certificate to it. */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "protocol/settings.h"
#include "renewed/certificate.h"
#include "renewed/hooks.h"
#include "renewed/memory.h"
#include "renewed/run.h"
#include "renewed/units.h"
#include "shared/enrollment.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/names.h"

#define MESSAGE_TOLD SD_ID128_MAKE(a4,5e,71,0c,2f,8b,4d,96,b3,1a,7c,e9,50,64,d8,21)
#define MESSAGE_HOOK_FAILED SD_ID128_MAKE(f6,03,9b,d7,41,ae,42,7c,85,c0,3e,12,9d,b8,5f,64)
#define UNITS_NAME "ReloadUnits="
#define HOOKS_NAME "renewed.d"
#define LOOK_MSEC 250
#define ROUNDS_MAX 8U /* generations that come while the one before is told of */

typedef struct Options {
        const char *config, *state_dir, *hooks_dir, *memory_dir;
        int64_t interval_sec;
        bool again, check_settings;
} Options;

static void help(void) {
        printf("attezt-renewed [OPTION…]\n\n"
               "Tells those who use the device's certificate that there is a new one: reloads the units of\n"
               "ReloadUnits= in agent.conf, and runs the executables in " ATTEZT_SETTINGS_DIR "/renewed.d.\n"
               "Once for each certificate.\n\n"
               "  --again           also if it has been done for this certificate, and without waiting\n"
               "  --check-settings  say what is wrong with the settings and the executables, and end\n"
               "  --config FILE     settings (" ATTEZT_SETTINGS_DIR "/agent.conf and its drop-ins)\n"
               "  --state-dir DIR   the enrollment (" ATTEZT_AGENT_STATE_DIR ")\n"
               "  --hooks DIR       the executables (" ATTEZT_SETTINGS_DIR "/renewed.d)\n"
               "  --memory DIR      a copy of the certificate, and of which one was told\n"
               "                    (" ATTEZT_RENEWED_DIR ")\n"
               "  --interval TIME   between two certificates, at least (10s)\n"
               "  --verbose         say more\n"
               "  --help, --version\n\n"
               "Exit status: 0 done, 1 something failed, 2 wrong usage.\n");
}

/* 1: go on, 0: done, -EINVAL: wrong usage. */
static int parse_options(int argc, char **argv, Options *ret) {
        enum { OPT_AGAIN = 256, OPT_CONFIG, OPT_STATE_DIR, OPT_HOOKS, OPT_MEMORY, OPT_INTERVAL,
               OPT_CHECK_SETTINGS, OPT_VERBOSE, OPT_VERSION };
        static const struct option options[] = {
                { "again", no_argument, NULL, OPT_AGAIN },
                { "config", required_argument, NULL, OPT_CONFIG },
                { "state-dir", required_argument, NULL, OPT_STATE_DIR },
                { "hooks", required_argument, NULL, OPT_HOOKS },
                { "memory", required_argument, NULL, OPT_MEMORY },
                { "interval", required_argument, NULL, OPT_INTERVAL },
                { "check-settings", no_argument, NULL, OPT_CHECK_SETTINGS },
                { "verbose", no_argument, NULL, OPT_VERBOSE },
                { "version", no_argument, NULL, OPT_VERSION },
                { "help", no_argument, NULL, 'h' },
                {},
        };

        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;)
                switch (c) {
                case OPT_AGAIN:
                        ret->again = true;
                        break;
                case OPT_CONFIG:
                        ret->config = optarg;
                        break;
                case OPT_STATE_DIR:
                        ret->state_dir = optarg;
                        break;
                case OPT_HOOKS:
                        ret->hooks_dir = optarg;
                        break;
                case OPT_MEMORY:
                        ret->memory_dir = optarg;
                        break;
                case OPT_INTERVAL:
                        if (settings_parse_duration(optarg, INT32_MAX, &ret->interval_sec) >= 0)
                                break;
                        fprintf(stderr, "attezt-renewed: --interval takes a time such as 10s, not \"%s\"\n", optarg);
                        return -EINVAL;
                case OPT_CHECK_SETTINGS:
                        ret->check_settings = true;
                        break;
                case OPT_VERBOSE:
                        log_set_max_level(LOG_DEBUG);
                        break;
                case OPT_VERSION:
                        printf("attezt-renewed %s\n", ATTEZT_VERSION);
                        return 0;
                case 'h':
                        help();
                        return 0;
                default:
                        return -EINVAL;
                }
        if (optind == argc)
                return 1;
        fprintf(stderr, "attezt-renewed: unexpected argument \"%s\"\n", argv[optind]);
        return -EINVAL;
}

/* --- Who is told --- */

static int read_units(const Options *o, Units *ret) {
        _cleanup_free_ char *where = NULL;

        int r = units_read(o->config, ret, &where);
        if (r < 0)
                log_error("ReloadUnits= is not used. %s: %s", where ?: o->config,
                          r == -EPERM ? "others than root may write to it, or it is a link" : strerror(-r));
        return r;
}

static int read_hooks(const Options *o, Hooks *ret) {
        int r = hooks_read(o->hooks_dir, ret);
        if (r < 0)
                log_error("The executables in %s are not run: %s", o->hooks_dir,
                          r == -EPERM ? "others than root own the directory or may write to it" : strerror(-r));
        return r;
}

/* Returns 1 if it failed. */
static int reload_unit(char *unit, char *const envp[]) {
        char *argv[] = { (char *) "systemctl", (char *) "--no-ask-password", (char *) "try-reload-or-restart",
                         (char *) "--", unit, NULL };

        int r = run_command(argv, envp, RUN_LIMIT_SEC);
        if (r < 0)
                log_error_errno(r, "systemctl could not reload %s, which ReloadUnits= names: %m", unit);
        else if (r > 0)
                log_error("systemctl could not reload %s, which ReloadUnits= names (exit status %d).", unit, r);
        return r != 0;
}

static int reload_units(const Options *o, char *const envp[], Told *t) {
        _cleanup_(units_done) Units u = {};
        char name[TOLD_NAME_MAX];
        int r = 0;

        if (read_units(o, &u) < 0)
                return told_add(t, UNITS_NAME, true);
        for (size_t i = 0; r >= 0 && i < u.n; i++) {
                (void) snprintf(name, sizeof(name), UNITS_NAME "%s", u.names[i]);
                if (!told_has_done(t, name))
                        r = told_add(t, name, reload_unit(u.names[i], envp) != 0);
        }
        return r;
}

/* Returns 1 if it failed. */
static int run_hook(const char *dir, const char *name, char *const envp[]) {
        _cleanup_free_ char *path = NULL;
        char escaped[LOG_ESCAPED_MAX];
        int r;

        r = path_join(dir, name, &path);
        if (r >= 0) {
                char *argv[] = { path, (char *) "renewed", NULL };
                r = run_command(argv, envp, RUN_LIMIT_SEC);
        }
        (void) log_escape(name, strlen(name), escaped);
        const char *const fields[] = { "ATTEZT_HOOK", escaped, NULL };
        if (r == -ETIMEDOUT)
                log_event(LOG_ERR, MESSAGE_HOOK_FAILED, fields, "%s was killed after %u seconds.", escaped,
                          RUN_LIMIT_SEC);
        else if (r < 0)
                log_event(LOG_ERR, MESSAGE_HOOK_FAILED, fields, "%s could not be run: %s", escaped, strerror(-r));
        else if (r > 0)
                log_event(LOG_ERR, MESSAGE_HOOK_FAILED, fields, "%s ended with exit status %d.", escaped, r);
        return r != 0;
}

static int run_hooks(const Options *o, char *const envp[], Told *t) {
        _cleanup_(hooks_done) Hooks h = {};
        char escaped[LOG_ESCAPED_MAX];
        int r = 0;

        if (read_hooks(o, &h) < 0)
                return told_add(t, HOOKS_NAME, true);
        for (size_t i = 0; r >= 0 && i < h.n; i++) {
                (void) log_escape(h.names[i], strlen(h.names[i]), escaped);
                if (!told_has_done(t, escaped))
                        r = told_add(t, escaped, run_hook(o->hooks_dir, h.names[i], envp) != 0);
        }
        return r >= 0 && h.refused > 0 ? told_add(t, HOOKS_NAME, true) : r;
}

/* All of them but those that t has as done; then t has what came of it. */
static int tell(const Options *o, const EnrollmentVersion *v, Told *t) {
        const char *path = getenv("PATH");
        char variables[3][PATH_MAX + 64], *envp[ELEMENTSOF(variables) + 1] = {};
        int r;

        r = told_next_try(t);
        if (r < 0)
                return r;
        t->tries++;
        (void) snprintf(variables[0], sizeof(variables[0]), "PATH=%s", path ?: "/usr/sbin:/usr/bin:/sbin:/bin");
        (void) snprintf(variables[1], sizeof(variables[1]), "ATTEZT_CERTIFICATE=%s/" MEMORY_COPY, o->memory_dir);
        (void) snprintf(variables[2], sizeof(variables[2]), "ATTEZT_GENERATION=%llu",
                        (unsigned long long) v->generation);
        for (size_t i = 0; i < ELEMENTSOF(variables); i++)
                envp[i] = variables[i];
        r = reload_units(o, envp, t);
        if (r >= 0)
                r = run_hooks(o, envp, t);
        if (r < 0)
                return r;
        const char *const fields[] = { "ATTEZT_GENERATION", strchr(variables[2], '=') + 1, NULL };
        log_event(LOG_INFO, MESSAGE_TOLD, fields, "The certificate of generation %llu was told%s.",
                  (unsigned long long) v->generation, told_failures(t) == 0 ? ""
                  : t->tries < TOLD_TRIES_MAX ? "; something failed, and is tried again"
                                              : "; something failed, and is not tried again");
        return 0;
}

/* --- Once for each, one after the other --- */

/* 1: read, 0: not enrolled. */
static int read_current(const Options *o, EnrollmentVersion *ret_version, Bytes *ret_pem) {
        int r;

        r = enrollment_version(o->state_dir, ret_version);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return log_error_errno(r, "The enrollment in %s cannot be read: %m", o->state_dir);
        r = certificate_read(o->state_dir, ret_version, ret_pem);
        return r < 0 ? log_error_errno(r, "The certificate in %s cannot be copied: %m", o->state_dir) : 1;
}

static int64_t monotonic_msec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int64_t wait_usec(const Options *o, const char *file) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        return memory_wait_usec(o->memory_dir, file, o->interval_sec, now.tv_sec * 1000000LL + now.tv_nsec / 1000);
}

/* Whether there was something to wait for. */
static bool wait_for_turn(const Options *o) {
        struct timespec left;

        int64_t usec = wait_usec(o, MEMORY_COPY);
        if (usec == 0)
                return false;
        log_debug("The last certificate was told of just now: waiting %lld ms.", (long long) usec / 1000);
        left = (struct timespec) { .tv_sec = usec / 1000000, .tv_nsec = usec % 1000000 * 1000 };
        while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
                ;
        return true;
}

/* A path unit does not see what happens between the end of its service and its own next watch, and an enrolment is many
 * changes in a row, of which the first has started us: false when no more of them are to be expected. */
static bool wait_for_more(const Options *o, int64_t started) {
        const struct timespec pause = { .tv_nsec = LOOK_MSEC * 1000000L };
        int64_t linger = o->interval_sec * 1000 / 2;

        if (o->again || monotonic_msec() - started >= linger)
                return false;
        (void) clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        return true;
}

static int status_of(const Told *t) {
        return told_failures(t) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Exit status, or negative. */
static int tell_and_remember(const Options *o, const EnrollmentVersion *v, ByteView pem) {
        _cleanup_told_ Told t = {};
        int r;

        r = memory_begin(o->memory_dir, pem);
        if (r < 0) {
                log_error_errno(r, "The certificate cannot be copied to %s: %m", o->memory_dir);
                return r;
        }
        if ((r = told_new(&t)) < 0 || (r = tell(o, v, &t)) < 0 || (r = memory_write_told(o->memory_dir, &t)) < 0 ||
            (r = memory_end(o->memory_dir, pem)) < 0) {
                log_error_errno(r, "What has been told of cannot be remembered in %s: %m", o->memory_dir);
                return r;
        }
        return status_of(&t);
}

/* Those that failed, but not for each of the starts that come with one enrolment. Exit status. */
static int tell_again(const Options *o, const EnrollmentVersion *v) {
        _cleanup_told_ Told t = {};
        int r;

        r = memory_read_told(o->memory_dir, &t);
        if (r == -ENOENT)
                return EXIT_SUCCESS;
        if (r >= 0 && (t.tries >= TOLD_TRIES_MAX || wait_usec(o, TOLD_FILE) > 0))
                return status_of(&t);
        if (r >= 0 && (r = tell(o, v, &t)) >= 0)
                r = memory_write_told(o->memory_dir, &t);
        if (r < 0)
                log_error_errno(r, "Who is to be told again cannot be read or remembered in %s: %m", o->memory_dir);
        return r < 0 ? EXIT_FAILURE : status_of(&t);
}

/* Exit status. Another certificate may come meanwhile, also while we wait, and nobody may start us for it then. */
static int tell_all(const Options *o) {
        int64_t started = monotonic_msec();
        bool at_once = o->again, again = false;
        int status = EXIT_SUCCESS, r;

        for (unsigned told = 0; told < ROUNDS_MAX;) {
                _cleanup_bytes_ Bytes pem = BYTES_NULL;
                EnrollmentVersion v;

                r = read_current(o, &v, &pem);
                if (r < 0)
                        return EXIT_FAILURE;
                if (r == 0) {
                        if (wait_for_more(o, started))
                                continue;
                        return status;
                }
                if (!(o->again && told == 0) && memory_is_handled(o->memory_dir, bytes_view(&pem))) {
                        if (told == 0 && !again)
                                status = tell_again(o, &v);
                        again = true;
                        if (wait_for_more(o, started))
                                continue;
                        return status;
                }
                if (!at_once && wait_for_turn(o)) {
                        at_once = true; /* even if the clock was set back meanwhile */
                        continue;
                }
                status = tell_and_remember(o, &v, bytes_view(&pem));
                if (status < 0)
                        return EXIT_FAILURE;
                at_once = false;
                told++;
        }
        return status;
}

static int check_settings(const Options *o) {
        _cleanup_(units_done) Units u = {};
        _cleanup_(hooks_done) Hooks h = {};

        (void) read_units(o, &u);
        (void) read_hooks(o, &h);
        return log_complained() ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        Options o = {
                .config = ATTEZT_SETTINGS_DIR "/agent.conf",
                .state_dir = ATTEZT_AGENT_STATE_DIR,
                .hooks_dir = ATTEZT_SETTINGS_DIR "/renewed.d",
                .memory_dir = ATTEZT_RENEWED_DIR,
                .interval_sec = MEMORY_INTERVAL_SEC,
        };
        int r;

        log_open("attezt-renewed");
        r = parse_options(argc, argv, &o);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        if (o.check_settings)
                return check_settings(&o);
        (void) umask(0022);
        r = dir_make_parents(o.memory_dir, 0755);
        if (r < 0)
                log_warning_errno(r, "%s cannot be made: %m", o.memory_dir);
        return tell_all(&o);
}
