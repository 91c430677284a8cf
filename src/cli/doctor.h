/* SPDX-License-Identifier: MIT */
#pragma once

/* What the checks of "attezt doctor" share. A check is a small function that looks at one thing, as straight as it can,
 * in a process of its own (doctor-run.c): it may block, and is ended when its time is over. */
#include "cli/cli.h"
#include "shared/enrollment-settings.h"

#define FINDING_TEXT_MAX 640U
#define FINDING_COMMAND_MAX 3072U /* has room for two URLs, quoted */

typedef enum CheckStatus {
        CHECK_OK,
        CHECK_WARNING,
        CHECK_FAILED,
        CHECK_SKIPPED, /* could not be looked at, or is not there to be looked at */
        _CHECK_STATUS_MAX,
} CheckStatus;

typedef struct Finding {
        CheckStatus status;
        char text[FINDING_TEXT_MAX];       /* sentences: what is there, or what is wrong */
        char command[FINDING_COMMAND_MAX]; /* what mends it; "" if nothing has to be mended */
} Finding;

#define HOST_LIST_MAX 8U

/* What is recorded and configured on this machine; read once, before the checks. Texts are NULL where nothing is. */
typedef struct Host {
        char *tcti;            /* of the helpers; NULL: the default */
        bool units_have_tcti;  /* systemd starts the helpers: their --tcti is meant, not TCTI= in agent.conf */
        char *settings_tcti;   /* that one */
        char *acme_url, *attestation_url; /* as recorded, else as configured */
        int enrolled;                     /* 0, or why enrollment_load() gives nothing */
        Enrollment enrollment;
        char *listen[HOST_LIST_MAX + 1]; /* NULL-terminated */
        char *tls_cert, *tls_key;
        bool trusts_proxies; /* TrustedProxies= is set */
} Host;

typedef struct Check {
        const char *id;
        const char *needs;   /* another check of the table: says nothing if that one failed; or NULL */
        unsigned seconds;
        const char *command; /* what to do when it does not come to an end in that time */
        void (*look)(const Host *h, Finding *f);
} Check;

extern const Check device_checks[], server_checks[]; /* end with an id of NULL */

/* doctor-host.c */
int host_load(Host *ret);
void host_done(Host *h);
bool host_is_device(void); /* by what is installed and configured */
bool host_is_server(void);

/* doctor-run.c */
void check_run(const Check *c, const Host *h, Finding *ret);
void finding_set(Finding *f, CheckStatus status, const char *command, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
/* Another command, after one of the others. Each %s becomes one word of the shell, whatever is in it; the format has no
 * other conversion. What there is no room for leaves the command of before. */
void finding_command(Finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define finding_ok(f, ...) finding_set((f), CHECK_OK, NULL, __VA_ARGS__)
#define finding_skipped(f, command, ...) finding_set((f), CHECK_SKIPPED, (command), __VA_ARGS__)
#define finding_warning(f, command, ...) finding_set((f), CHECK_WARNING, (command), __VA_ARGS__)
#define finding_failed(f, command, ...) finding_set((f), CHECK_FAILED, (command), __VA_ARGS__)

/* doctor-bus.c: the daemons as they answer. */
#define DOCTOR_CALL_USEC (5ULL * 1000 * 1000)
#define DOCTOR_DENIED (-EACCES)
#define DOCTOR_ABSENT (-ENXIO) /* neither runs nor can be started */
#define DOCTOR_SICK (-ENOEXEC) /* systemd tries to start it, in vain */
#define DOCTOR_NO_BUS (-ENOTCONN)
#define DOCTOR_CA_UNUSABLE (-ENOKEY) /* it runs, and the CA that it has cannot be used */
/* A method of Agent1 or Server1 without other arguments than options; *ret (or NULL) is the reply. Asks nobody for a
 * password. Fails with one of those above or another errno; *reterr_text is what the service said (malloc'd,
                                                                                                    may be NULL). */
int doctor_call(const char *interface, const char *method, sd_bus_message **ret, char **reterr_text);
/* Says so for the errors above but the last. unit: of the service. */
void doctor_tell_call(Finding *f, int error, const char *what, const char *unit, const char *text);

/* systemd's manager on a bus of its own, to be freed with sd_bus_close_unref(); a negative errno without systemd. */
#define SYSTEMD "org.freedesktop.systemd1"
int doctor_systemd(sd_bus **ret);
/* path: the unit's object. active, inactive, …; enabled, disabled, …, both malloc'd. */
int doctor_unit_state(sd_bus *bus, const char *path, char **ret_active, char **ret_file);

/* What a service's command line in systemd says for --option VALUE, malloc'd. -ENOENT: nothing; -EOPNOTSUPP: there is no
 * systemd, or no such unit. */
int doctor_unit_option(const char *path, const char *option, char **ret);
#define ENROLL_UNIT "/org/freedesktop/systemd1/unit/attezt_2denroll_2eservice"
#define SIGNER_UNIT "/org/freedesktop/systemd1/unit/attezt_2dtpm_2dsigner_2eservice"

/* The checks, one file per area. */
void look_settings(const Host *h, Finding *f);           /* doctor-settings.c */
void look_server_settings(const Host *h, Finding *f);
void look_agent(const Host *h, Finding *f);              /* doctor-enrollment.c */
void look_enrollment(const Host *h, Finding *f);
void look_certificate(const Host *h, Finding *f);
void look_renewal(const Host *h, Finding *f);
void look_tpm(const Host *h, Finding *f);                /* doctor-tpm.c */
void look_tpm_access(const Host *h, Finding *f);
void look_tpm_ek(const Host *h, Finding *f);
void look_clock(const Host *h, Finding *f);              /* doctor-servers.c */
void look_acme_name(const Host *h, Finding *f);
void look_acme_connection(const Host *h, Finding *f);
void look_acme_tls(const Host *h, Finding *f);
void look_acme_answer(const Host *h, Finding *f);
void look_attestation_name(const Host *h, Finding *f);
void look_attestation_connection(const Host *h, Finding *f);
void look_attestation_tls(const Host *h, Finding *f);
void look_attestation_answer(const Host *h, Finding *f);
void look_roots(const Host *h, Finding *f);
void look_token_access(const Host *h, Finding *f);       /* doctor-token.c */
void look_token_answer(const Host *h, Finding *f);
void look_token_module(const Host *h, Finding *f);
void look_nss(const Host *h, Finding *f);                /* doctor-browsers.c */
void look_chromium(const Host *h, Finding *f);
void look_firefox(const Host *h, Finding *f);
void look_server(const Host *h, Finding *f);             /* doctor-ca.c */
void look_database(const Host *h, Finding *f);
void look_ca_certificates(const Host *h, Finding *f);
void look_root_key(const Host *h, Finding *f);
void look_backup(const Host *h, Finding *f);
void look_server_tls(const Host *h, Finding *f);         /* doctor-front.c */
void look_listeners(const Host *h, Finding *f);
void look_polkit(const Host *h, Finding *f);             /* doctor-polkit.c: of both sides */
void look_ek_roots(const Host *h, Finding *f);           /* doctor-trust.c */
