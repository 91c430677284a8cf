/* SPDX-License-Identifier: MIT */
#include "agent/agent-settings.h"

#include "agent/request-values.h"
#include "shared/log.h"
#include "shared/settings-files.h"

void agent_settings_done(AgentSettings *s) {
        free(s->acme_server);
        free(s->attestation_server);
        free(s->name);
        free(s->eab_kid);
        free(s->eab_key_file);
        free(s->roots_file);
        free(s->tcti);
        free(s->token_users);
        free(s->token_groups);
        *s = (AgentSettings) {};
}

static int set_string(char **p, const char *value) {
        char *copy = NULL;

        if (*value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*p);
        *p = copy;
        return 0;
}

static int set_server(char **p, const char *value, int (*normalise)(const char *, char **)) {
        char *url;
        int r;

        if (!*value)
                return set_string(p, value);
        r = normalise(value, &url);
        if (r < 0)
                return r;
        free(*p);
        *p = url;
        return 0;
}

static int set_name(char **p, const char *value) {
        return *value && !request_name_valid(value) ? -EINVAL : set_string(p, value);
}

/* "renewal", which is the default, "never", or a time. */
static int set_rekey(int64_t *p, const char *value) {
        if (!*value || strcmp(value, "renewal") == 0)
                *p = 0;
        else if (strcmp(value, "never") == 0)
                *p = JOB_KEEP_KEY_ALWAYS;
        else
                return settings_parse_duration(value, REQUEST_LIFETIME_MAX, p);
        return 0;
}

/* -ENOENT: no such key. */
static int set_renewal(AgentSettings *s, const char *key, const char *value) {
        if (strcmp(key, "AutoEnroll") == 0)
                return settings_parse_bool(value, &s->auto_enroll);
        if (strcmp(key, "RekeyEvery") == 0)
                return set_rekey(&s->keep_key, value);
        if (strcmp(key, "RenewBefore") == 0)
                return settings_parse_duration(value, REQUEST_LIFETIME_MAX, &s->renew_before);
        return strcmp(key, "ReloadUnits") == 0 ? 0 /* attezt-renewed reads it */ : -ENOENT;
}

/* -ENOENT: no such key. */
static int set(AgentSettings *s, const char *key, const char *value) {
        if (strcmp(key, "ACMEServer") == 0)
                return set_server(&s->acme_server, value, request_acme_url);
        if (strcmp(key, "AttestationServer") == 0)
                return set_server(&s->attestation_server, value, request_attestation_url);
        if (strcmp(key, "Name") == 0)
                return set_name(&s->name, value);
        if (strcmp(key, "Key") == 0)
                return job_key_from_string(value, &s->key);
        if (strcmp(key, "Lifetime") == 0)
                return settings_parse_duration(value, REQUEST_LIFETIME_MAX, &s->lifetime);
        if (strcmp(key, "EABKeyID") == 0)
                return strlen(value) > JOB_EAB_KID_MAX ? -EINVAL : set_string(&s->eab_kid, value);
        if (strcmp(key, "EABKeyFile") == 0)
                return set_string(&s->eab_key_file, value);
        if (strcmp(key, "RootsFile") == 0)
                return set_string(&s->roots_file, value);
        if (strcmp(key, "TCTI") == 0)
                return set_string(&s->tcti, value);
        if (strcmp(key, "TokenUsers") == 0)
                return set_string(&s->token_users, value);
        if (strcmp(key, "TokenGroups") == 0)
                return set_string(&s->token_groups, value);
        return set_renewal(s, key, value);
}

static int on_setting(const char *file, unsigned line, const char *section, const char *key, const char *value,
                      void *userdata) {
        char escaped[LOG_ESCAPED_MAX];
        int r;

        if (strcmp(section, "Agent") != 0) {
                if (*section)
                        log_warning("%s:%u: Unknown section [%s], ignored: here is [Agent] alone.", file, line, section);
                else
                        log_warning("%s:%u: %s= comes before any [Section], ignored.", file, line, key);
                return 0;
        }
        r = set(userdata, key, value);
        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT)
                log_warning("%s:%u: Unknown setting %s=, ignored.", file, line, key);
        else if (r < 0)
                log_warning("%s:%u: %s= cannot be \"%s\", ignored.", file, line, key,
                            log_escape(value, strlen(value), escaped));
        return 0;
}

int agent_settings_load(const char *config, AgentSettings *ret) {
        _cleanup_agent_settings_ AgentSettings s = {};
        _cleanup_free_ char *where = NULL;
        int r;

        r = settings_files_read(config, on_setting, &s, &where);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                log_error("%s: %s. Going on without what comes after it.", where ?: config, settings_strerror(r));
        *ret = TAKE_GENERIC(s, (AgentSettings) {});
        return 0;
}
