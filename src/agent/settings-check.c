/* SPDX-License-Identifier: MIT */
#include "agent/settings-check.h"

#include "agent/agent-settings.h"
#include "agent/request-values.h"
#include "agent/token-access.h"
#include "shared/files.h"
#include "shared/log.h"

static void check_eab(const AgentSettings *s) {
        _cleanup_bytes_erase_ Bytes text = BYTES_NULL, key = BYTES_NULL;

        if (!s->eab_kid != !s->eab_key_file)
                log_warning("EABKeyID= wants EABKeyFile=, and EABKeyFile= EABKeyID=: one alone is not used.");
        if (!s->eab_key_file)
                return;
        int r = file_read(s->eab_key_file, REQUEST_EAB_TEXT_MAX, &text);
        if (r >= 0)
                r = request_eab_key(bytes_view(&text), &key);
        if (r < 0)
                log_warning("EABKeyFile=%s: %s.", s->eab_key_file, r == -EINVAL ? "not a key in base64url" : strerror(-r));
}

static void check_roots(const AgentSettings *s) {
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        int r = s->roots_file ? file_read(s->roots_file, JOB_CA_PEM_MAX, &pem) : 0;
        if (r < 0)
                log_warning("RootsFile=%s: %s.", s->roots_file, strerror(-r));
        else if (s->roots_file && !request_roots_valid(bytes_view(&pem)))
                log_warning("RootsFile=%s: not certificates in PEM form.", s->roots_file);
}

int settings_check(const char *config) {
        _cleanup_agent_settings_ AgentSettings s = {};
        TokenAccess access = {};

        int r = agent_settings_load(config, &s);
        if (r < 0)
                return r;
        token_access_set(&access, s.token_users, s.token_groups);
        if (s.auto_enroll && (!s.acme_server || !s.attestation_server))
                log_warning("AutoEnroll=yes wants ACMEServer= and AttestationServer=, too: no device enrols without.");
        check_eab(&s);
        check_roots(&s);
        return log_complained() ? -EBADMSG : 0;
}
