/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include <stdio.h>

#define CHECKS_MAX 32U
#define RESTART_AGENT "systemctl stop attezt-agent.service; systemctl restart attezt-agent.socket"
#define RESTART_POLKIT "systemctl restart polkit.service"
#define RESTART_SERVER "systemctl restart atteztd attezt-http"

const Check device_checks[] = {
        { "settings", NULL, 5, NULL, look_settings },
        { "tpm", NULL, 5, "dmesg | grep -i tpm", look_tpm },
        { "tpm-access", "tpm", 5, NULL, look_tpm_access },
        { "ek-certificate", "tpm", 20, "dmesg | grep -i tpm", look_tpm_ek },
        { "polkit", NULL, 10, RESTART_POLKIT, look_polkit },
        { "agent", NULL, 10, RESTART_AGENT, look_agent },
        { "enrollment", NULL, 10, NULL, look_enrollment },
        { "certificate", "enrollment", 5, NULL, look_certificate },
        { "renewal", "agent", 20, RESTART_AGENT, look_renewal },
        { "clock", NULL, 30, NULL, look_clock },
        { "roots", NULL, 5, NULL, look_roots },
        { "acme-name", NULL, 10, "resolvectl status", look_acme_name },
        { "acme-connection", "acme-name", 20, "resolvectl status", look_acme_connection },
        { "acme-tls", "acme-connection", 20, "resolvectl status", look_acme_tls },
        { "acme-answer", "acme-tls", 20, "resolvectl status", look_acme_answer },
        { "attestation-name", NULL, 10, "resolvectl status", look_attestation_name },
        { "attestation-connection", "attestation-name", 20, "resolvectl status", look_attestation_connection },
        { "attestation-tls", "attestation-connection", 20, "resolvectl status", look_attestation_tls },
        { "attestation-answer", "attestation-tls", 20, "resolvectl status", look_attestation_answer },
        { "token-access", NULL, 5, NULL, look_token_access },
        { "token-answer", "token-access", 10, RESTART_AGENT, look_token_answer },
        { "token-module", NULL, 5, NULL, look_token_module },
        { "nss", NULL, 5, NULL, look_nss },
        { "chromium", NULL, 5, NULL, look_chromium },
        { "firefox", NULL, 5, NULL, look_firefox },
        {},
};

const Check server_checks[] = {
        { "server-settings", NULL, 5, NULL, look_server_settings },
        { "server-polkit", NULL, 10, RESTART_POLKIT, look_polkit },
        { "server", NULL, 10, RESTART_SERVER, look_server },
        { "database", NULL, 15, RESTART_SERVER, look_database },
        { "ca-certificates", NULL, 5, NULL, look_ca_certificates },
        { "root-key", NULL, 5, NULL, look_root_key },
        { "backup", NULL, 5, NULL, look_backup },
        { "tls-certificate", NULL, 5, NULL, look_server_tls },
        { "listeners", "tls-certificate", 30, RESTART_SERVER, look_listeners },
        { "ek-roots", NULL, 20, NULL, look_ek_roots },
        {},
};

static const char *status_to_string(CheckStatus s) {
        static const char *const names[] = { "ok", "warning", "failed", "skipped" };
        return names[s];
}

/* --- Running a table --- */

typedef struct Examination {
        const Check *checks;
        size_t n;
        Finding findings[CHECKS_MAX];
        bool blocked[CHECKS_MAX]; /* it failed, or something that it needs did */
} Examination;

static const Check *blocked_by(const Examination *e, const Check *c) {
        for (size_t i = 0; c->needs && i < e->n; i++)
                if (strcmp(e->checks[i].id, c->needs) == 0)
                        return e->blocked[i] ? &e->checks[i] : NULL;
        return NULL;
}

static void examine(const Check *checks, const Host *h, Examination *e) {
        *e = (Examination) { .checks = checks };
        for (; checks[e->n].id && e->n < CHECKS_MAX; e->n++) {
                const Check *c = &checks[e->n], *other = blocked_by(e, c);
                Finding *f = &e->findings[e->n];

                if (other)
                        finding_skipped(f, NULL, "This can be looked at when \"%s\" is mended.", other->id);
                else
                        check_run(c, h, f);
                e->blocked[e->n] = other || f->status == CHECK_FAILED;
        }
}

/* --- Telling --- */

static void print_text(const Examination *e, const char *side) {
        printf("%s:\n", side);
        for (size_t i = 0; i < e->n; i++) {
                const Finding *f = &e->findings[i];
                printf("  %-8s %-23s ", status_to_string(f->status), e->checks[i].id);
                cli_put_text(stdout, f->text);
                putchar('\n');
                if (!*f->command)
                        continue;
                printf("%35s", "-> ");
                cli_put_text(stdout, f->command);
                putchar('\n');
        }
}

static int finding_to_json(const Examination *e, size_t i, const char *side, struct json_object *array) {
        const Finding *f = &e->findings[i];
        struct json_object *o;

        int r = json_new_object(&o);
        if (r < 0)
                return r;
        if ((r = json_append(array, o)) < 0 || (r = json_add_text(o, "id", e->checks[i].id)) < 0 ||
            (r = json_add_text(o, "side", side)) < 0 || (r = json_add_text(o, "status",
                                                                           status_to_string(f->status))) < 0 ||
            (r = json_add_text(o, "text", f->text)) < 0)
                return r;
        return *f->command ? json_add_text(o, "command", f->command) : 0;
}

/* Prints, or adds to array; counts. */
static int tell(const Examination *e, const char *side, struct json_object *array, unsigned *failed) {
        for (size_t i = 0; i < e->n; i++) {
                int r = array ? finding_to_json(e, i, side, array) : 0;
                if (r < 0)
                        return r;
                *failed += e->findings[i].status == CHECK_FAILED;
        }
        if (!array)
                print_text(e, side);
        return 0;
}

static int run(Cli *c, const Host *h, bool device, bool server) {
        _cleanup_json_ struct json_object *array = NULL;
        Examination e;
        unsigned failed = 0;
        int r;

        r = c->json ? json_new_array(&array) : 0;
        if (r >= 0 && device) {
                examine(device_checks, h, &e);
                r = tell(&e, "device", array, &failed);
        }
        if (r >= 0 && server) {
                examine(server_checks, h, &e);
                r = tell(&e, "ca", array, &failed);
        }
        if (r < 0)
                return cli_failed(r, "tell what was found");
        if (array && cli_print_json(array) != EXIT_SUCCESS)
                return EXIT_FAILURE;
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int verb_doctor(Cli *c, int argc, char **argv) {
        _cleanup_(host_done) Host h = {};
        bool device = false, server = false;
        const CliOption options[] = {
                { "device", CLI_FLAG, &device, NULL, "Look at this machine as a device" },
                { "ca", CLI_FLAG, &server, NULL, "Look at this machine as the attestation CA's host" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, 0);
        if (!device && !server) {
                device = host_is_device();
                server = host_is_server();
        }
        if (!device && !server) {
                log_error("Nothing of attezt is set up on this machine. Say --device or --ca to look all the same.");
                return EXIT_FAILURE;
        }
        int r = host_load(&h);
        return r < 0 ? cli_failed(r, "read what is recorded and configured") : run(c, &h, device, server);
}
