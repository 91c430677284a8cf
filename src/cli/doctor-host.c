/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/doctor.h"
#include "shared/enrollment.h"
#include "shared/helper.h"
#include "shared/settings-files.h"

#define AGENT_SETTINGS ATTEZT_SETTINGS_DIR "/agent.conf"
#define SERVER_SETTINGS ATTEZT_SETTINGS_DIR "/atteztd.conf"

void host_done(Host *h) {
        free(h->tcti);
        free(h->settings_tcti);
        free(h->acme_url);
        free(h->attestation_url);
        enrollment_done(&h->enrollment);
        for (size_t i = 0; i < HOST_LIST_MAX; i++)
                free(h->listen[i]);
        free(h->tls_cert);
        free(h->tls_key);
        *h = (Host) {};
}

/* --- Settings: what the daemons take from them that matters to checks --- */

static int set_text(char **to, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*to);
        *to = copy;
        return 0;
}

static int add_text(char **list, const char *value) {
        size_t n = 0;

        while (n < HOST_LIST_MAX && list[n])
                n++;
        return n < HOST_LIST_MAX ? set_text(list + n, value) : 0;
}

static int on_agent_setting(const char *file, unsigned line, const char *section, const char *key, const char *value,
                            void *userdata) {
        Host *h = userdata;

        if (strcmp(section, "Agent") != 0 || !*value)
                return 0;
        if (strcmp(key, "TCTI") == 0)
                return set_text(&h->settings_tcti, value);
        if (strcmp(key, "ACMEServer") == 0)
                return set_text(&h->acme_url, value);
        return strcmp(key, "AttestationServer") == 0 ? set_text(&h->attestation_url, value) : 0;
}

static int on_server_setting(const char *file, unsigned line, const char *section, const char *key, const char *value,
                             void *userdata) {
        Host *h = userdata;

        if (strcmp(section, "HTTP") != 0)
                return 0;
        if (strcmp(key, "Listen") == 0)
                return add_text(h->listen, value);
        if (strcmp(key, "TLSCertificate") == 0)
                return set_text(&h->tls_cert, value);
        if (strcmp(key, "TrustedProxies") == 0)
                h->trusts_proxies = *value;
        return strcmp(key, "TLSKey") == 0 ? set_text(&h->tls_key, value) : 0;
}

/* What is wrong with them is for doctor-settings.c to say. */
static int read_settings(Host *h, const char *path, SettingsFilesFunc func) {
        return settings_files_read(path, func, h, NULL) == -ENOMEM ? -ENOMEM : 0;
}

/* What the agent starts itself gets TCTI=; what systemd starts has its own command line. */
static int find_tcti(Host *h) {
        int r = doctor_unit_option(ENROLL_UNIT, "--tcti", &h->tcti);

        h->units_have_tcti = r >= 0 || r == -ENOENT;
        if (r == -ENOMEM)
                return r;
        return h->units_have_tcti || !h->settings_tcti ? 0 : set_text(&h->tcti, h->settings_tcti);
}

/* --- The enrolment --- */

/* Its settings are for root and group attezt; others ask the agent. */
static int ask_agent(Host *h) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        if (doctor_call(ATTEZT_AGENT_INTERFACE, "GetStatus", &reply, &text) < 0 || cli_read_dict(reply, &o) < 0)
                return 0;
        if (!cli_bool(o, "enrolled"))
                return 0;
        r = set_text(&h->acme_url, cli_text(o, "acme-server"));
        return r < 0 ? r : set_text(&h->attestation_url, cli_text(o, "attestation-server"));
}

static int load_enrollment(Host *h) {
        h->enrolled = enrollment_load(ATTEZT_AGENT_STATE_DIR, &h->enrollment);
        if (h->enrolled == -ENOMEM)
                return h->enrolled;
        if (h->enrolled == -EACCES)
                return ask_agent(h);
        if (h->enrolled < 0)
                return 0;
        int r = set_text(&h->acme_url, h->enrollment.acme_url);
        return r < 0 ? r : set_text(&h->attestation_url, h->enrollment.attestation_url);
}

int host_load(Host *ret) {
        _cleanup_(host_done) Host h = {};
        int r;

        if ((r = read_settings(&h, AGENT_SETTINGS, on_agent_setting)) < 0 ||
            (r = read_settings(&h, SERVER_SETTINGS, on_server_setting)) < 0 ||
            (r = find_tcti(&h)) < 0 || (r = load_enrollment(&h)) < 0)
                return r;
        *ret = TAKE_GENERIC(h, (Host) {});
        return 0;
}

/* --- Which host is it? --- */

static bool any_exists(const char *const *paths) {
        for (; *paths; paths++)
                if (access(*paths, F_OK) >= 0)
                        return true;
        return false;
}

bool host_is_server(void) {
        static const char *const traces[] = { SERVER_SETTINGS, ATTEZT_SERVER_STATE_DIR, NULL };
        return any_exists(traces);
}

bool host_is_device(void) {
        static const char *const traces[] = { AGENT_SETTINGS, ATTEZT_AGENT_STATE_DIR, ATTEZT_P11KIT_SOCKET, NULL };
        _cleanup_free_ char *agent = NULL;

        /* Installed, and nothing done yet: a device, unless it is a CA host with all programs. */
        return any_exists(traces) ||
               (!host_is_server() && helper_program_path("attezt-agent", &agent) >= 0 && access(agent, X_OK) >= 0);
}
