/* SPDX-License-Identifier: MIT */
/* attezt-renewed: tells those who use the device's certificate that there is a new one. Run by root, after every new
 * generation. It does not trust what user attezt-tpm can write: the enrolment is a number and a certificate to it. */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "renewed/certificate.h"
#include "renewed/hooks.h"
#include "renewed/run.h"
#include "renewed/units.h"
#include "shared/enrollment.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/names.h"

#define HANDLED "handled"
#define MESSAGE_TOLD SD_ID128_MAKE(a4,5e,71,0c,2f,8b,4d,96,b3,1a,7c,e9,50,64,d8,21)
#define MESSAGE_HOOK_FAILED SD_ID128_MAKE(f6,03,9b,d7,41,ae,42,7c,85,c0,3e,12,9d,b8,5f,64)
#define ROUNDS_MAX 8U /* generations that come while the one before is told of */

typedef struct Options {
        const char *config, *state_dir, *hooks_dir, *memory_dir;
        bool again;
} Options;

static void help(void) {
        printf("attezt-renewed [OPTION…]\n\n"
               "Tells those who use the device's certificate that there is a new one: reloads the units of\n"
               "ReloadUnits= in agent.conf, and runs the executables in " ATTEZT_SETTINGS_DIR "/renewed.d.\n"
               "Once for each certificate.\n\n"
               "  --again           also if it has been done for this certificate\n"
               "  --config FILE     settings (" ATTEZT_SETTINGS_DIR "/agent.conf and its drop-ins)\n"
               "  --state-dir DIR   the enrollment (" ATTEZT_AGENT_STATE_DIR ")\n"
               "  --hooks DIR       the executables (" ATTEZT_SETTINGS_DIR "/renewed.d)\n"
               "  --memory DIR      a copy of the certificate, and of which one was told\n"
               "                    (" ATTEZT_STATEDIR "/attezt-renewed)\n"
               "  --verbose         say more\n"
               "  --help, --version\n\n"
               "Exit status: 0 done, 1 something failed, 2 wrong usage.\n");
}

/* 1: go on, 0: done, -EINVAL: wrong usage. */
static int parse_options(int argc, char **argv, Options *ret) {
        enum { OPT_AGAIN = 256, OPT_CONFIG, OPT_STATE_DIR, OPT_HOOKS, OPT_MEMORY, OPT_VERBOSE, OPT_VERSION };
        static const struct option options[] = {
                { "again", no_argument, NULL, OPT_AGAIN },
                { "config", required_argument, NULL, OPT_CONFIG },
                { "state-dir", required_argument, NULL, OPT_STATE_DIR },
                { "hooks", required_argument, NULL, OPT_HOOKS },
                { "memory", required_argument, NULL, OPT_MEMORY },
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

/* Returns 1 if it failed. */
static int reload_units(const Options *o, char *const envp[]) {
        _cleanup_(units_done) Units u = {};
        char *argv[UNITS_MAX + 5] = { (char *) "systemctl", (char *) "--no-ask-password",
                                      (char *) "try-reload-or-restart", (char *) "--" };
        int r;

        r = units_read(o->config, &u);
        if (r < 0) {
                log_error_errno(r, "ReloadUnits= of %s is not used: %s", o->config,
                                r == -EPERM ? "others than root may write to it or its drop-ins" : strerror(-r));
                return 1;
        }
        if (u.n == 0)
                return 0;
        memcpy(argv + 4, u.names, u.n * sizeof(u.names[0]));
        r = run_command(argv, envp, RUN_LIMIT_SEC);
        if (r < 0)
                log_error_errno(r, "systemctl could not reload the units of ReloadUnits=: %m");
        else if (r > 0)
                log_error("systemctl could not reload all units of ReloadUnits= (exit status %d).", r);
        return r != 0;
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

static int run_hooks(const Options *o, char *const envp[], unsigned *ran) {
        _cleanup_(hooks_done) Hooks h = {};
        int failed = 0, r;

        r = hooks_read(o->hooks_dir, &h);
        if (r < 0) {
                log_error_errno(r, "The executables in %s are not run: %s", o->hooks_dir,
                                r == -EPERM ? "others than root own the directory or may write to it" : strerror(-r));
                return 1;
        }
        for (size_t i = 0; i < h.n; i++)
                failed |= run_hook(o->hooks_dir, h.names[i], envp);
        *ran = (unsigned) h.n;
        return failed || h.refused > 0;
}

/* Returns 1 if something failed. */
static int tell(const Options *o, const EnrollmentVersion *v) {
        const char *path = getenv("PATH");
        char variables[3][PATH_MAX + 64], *envp[ELEMENTSOF(variables) + 1] = {};
        unsigned ran = 0;
        int failed, r;

        r = certificate_copy(o->state_dir, v, o->memory_dir);
        if (r < 0)
                return log_error_errno(r, "The certificate in %s cannot be copied: %m", o->state_dir), 1;
        (void) snprintf(variables[0], sizeof(variables[0]), "PATH=%s", path ?: "/usr/sbin:/usr/bin:/sbin:/bin");
        (void) snprintf(variables[1], sizeof(variables[1]), "ATTEZT_CERTIFICATE=%s/" CERTIFICATE_COPY,
                        o->memory_dir);
        (void) snprintf(variables[2], sizeof(variables[2]), "ATTEZT_GENERATION=%llu",
                        (unsigned long long) v->generation);
        for (size_t i = 0; i < ELEMENTSOF(variables); i++)
                envp[i] = variables[i];
        failed = reload_units(o, envp);
        failed |= run_hooks(o, envp, &ran);
        const char *const fields[] = { "ATTEZT_GENERATION", strchr(variables[2], '=') + 1, NULL };
        log_event(LOG_INFO, MESSAGE_TOLD, fields, "The certificate of generation %llu was told to %u programs%s.",
                  (unsigned long long) v->generation, ran, failed ? "; something failed" : "");
        return failed;
}

/* --- Once for each --- */

static void format_version(const EnrollmentVersion *v, char ret[static 96]) {
        (void) snprintf(ret, 96, "%llu %llu %lld.%09ld\n", (unsigned long long) v->generation,
                        (unsigned long long) v->inode, (long long) v->time.tv_sec, v->time.tv_nsec);
}

static bool was_handled(const Options *o, const char *version) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;

        _cleanup_close_ int fd = dir_open(o->memory_dir);
        return fd >= 0 && file_read_at(fd, HANDLED, 96, &text) >= 0 && view_equal(bytes_view(&text), VIEW_STR(version));
}

static void remember(const Options *o, const char *version) {
        _cleanup_close_ int fd = dir_open(o->memory_dir);
        int r = fd < 0 ? fd : file_write_atomic(fd, HANDLED, 0644, VIEW_STR(version));

        if (r < 0)
                log_warning_errno(r, "What has been told of cannot be remembered in %s: %m", o->memory_dir);
}

/* Another certificate may come meanwhile, and nobody may start us for it then. */
static int tell_all(const Options *o) {
        int failed = 0;

        for (unsigned i = 0; i < ROUNDS_MAX; i++) {
                EnrollmentVersion v;
                char version[96];

                int r = enrollment_version(o->state_dir, &v);
                if (r == -ENOENT)
                        return failed; /* not enrolled */
                if (r < 0)
                        return log_error_errno(r, "The enrollment in %s cannot be read: %m", o->state_dir), 1;
                format_version(&v, version);
                if (was_handled(o, version) && !(o->again && i == 0))
                        return failed;
                failed |= tell(o, &v);
                remember(o, version);
        }
        return failed;
}

int main(int argc, char **argv) {
        Options o = {
                .config = ATTEZT_SETTINGS_DIR "/agent.conf",
                .state_dir = ATTEZT_AGENT_STATE_DIR,
                .hooks_dir = ATTEZT_SETTINGS_DIR "/renewed.d",
                .memory_dir = ATTEZT_STATEDIR "/attezt-renewed",
        };
        int r;

        log_open("attezt-renewed");
        r = parse_options(argc, argv, &o);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        (void) umask(0022);
        r = dir_make_parents(o.memory_dir, 0755);
        if (r < 0)
                log_warning_errno(r, "%s cannot be made: %m", o.memory_dir);
        return tell_all(&o) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
