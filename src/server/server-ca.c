/* SPDX-License-Identifier: MIT */
#include "server/server-ca.h"

#include <gnutls/crypto.h>

#include <systemd/sd-daemon.h>

#include "protocol/gnutls-types.h"
#include "server/events.h"
#include "server/server-crl.h"
#include "shared/files.h"
#include "shared/log.h"

#define CA_DIR "ca"
#define ROOT_FILE "root.pem"
#define WRAPPING_KEY "atteztd.wrapping-key"
#define WRAPPING_KEY_MIN 32U             /* characters */
#define WRAPPING_KEY_FILE_MAX 4096U      /* bytes */

/* The fronts read this file; they have no other way to the root. */
static int publish_root(const Server *s, bool only_if_missing) {
        _cleanup_free_ char *dir = NULL, *file = NULL;

        int r = path_join(s->settings->state_dir, SERVER_PUBLIC_DIR, &dir);
        if (r >= 0)
                r = path_join(dir, ROOT_FILE, &file);
        if (r >= 0)
                r = dir_make(dir, 0755);
        if (r < 0 || (only_if_missing && access(file, F_OK) >= 0))
                return r;
        return file_write_atomic_path(file, 0644, VIEW_STR(certificate_authority_root_pem(s->ca)));
}

/* --- The record of what was signed: the CA's own certificates are in it, too --- */

static void on_recorded(int error, const LogHead *head, void *userdata) {
        char count[EVENTS_COUNT_TEXT_MAX], hash[2 * LOG_HASH_SIZE + 1], record[LOG_HEAD_TEXT_MAX];
        const char *fields[] = { "ATTEZT_LOG_COUNT", count, "ATTEZT_LOG_HEAD", hash, NULL };

        if (error < 0)
                log_error_errno(error, "Could not record a certificate of the CA: %m");
        if (error != 0)
                return; /* it is there */
        events_format_head(head, count, hash, record);
        log_event(LOG_INFO, EVENT_SIGNED, fields, "A certificate of the CA is in the record of what was signed; record %s.",
                  record);
}

static int describe(ByteView der, LogEntry *ret) {
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
        gnutls_datum_t d = datum_of(der);
        uint8_t serial[64];
        size_t n = sizeof(serial);

        if (gnutls_x509_crt_init(&crt) < 0)
                return -ENOMEM;
        if (gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_DER) < 0 ||
            gnutls_x509_crt_get_serial(crt, serial, &n) < 0 ||
            gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, ret->signed_hash) < 0)
                return -EBADMSG;
        ret->not_after = (int64_t) gnutls_x509_crt_get_expiration_time(crt);
        size_t kept = MIN_OF(n, sizeof(ret->serial));
        memcpy(ret->serial + sizeof(ret->serial) - kept, serial + n - kept, kept);
        return 0;
}

static int record_certificate(Server *s, LogKind kind, ByteView der) {
        LogEntry e = { .kind = kind, .time = server_now() };

        int r = describe(der, &e);
        return r < 0 ? r : inventory_record_signed(s->inventory, &e, on_recorded, s);
}

static int record_ca(Server *s) {
        int r = record_certificate(s, LOG_ROOT, certificate_authority_root(s->ca));
        return r < 0 ? r : record_certificate(s, LOG_INTERMEDIATE, certificate_authority_intermediate(s->ca));
}

/* --- The wrapping key --- */

/* Made at installation, by root, and handed over by systemd. What is there and cannot be read is no reason to go on
 * with plain keys. */
static int load_wrapping_key(Server *s) {
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_bytes_erase_ Bytes text = BYTES_NULL;
        _cleanup_free_ char *path = NULL;

        if (!credentials)
                return 0;
        int r = path_join(credentials, WRAPPING_KEY, &path);
        if (r >= 0)
                r = file_read(path, WRAPPING_KEY_FILE_MAX, &text);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return log_error_errno(r, "Could not read the credential " WRAPPING_KEY ": %m");
        size_t n = strcspn((const char *) text.data, "\r\n");
        if (n < WRAPPING_KEY_MIN)
                return log_error_errno(-EINVAL, "The credential " WRAPPING_KEY " is too short: it wants %u characters.",
                                       WRAPPING_KEY_MIN);
        s->wrapping_key = strndup((const char *) text.data, n);
        return s->wrapping_key ? 0 : -ENOMEM;
}

const char *server_ca_problem(const Server *s) {
        switch (s->ca_error) {
        case -ENOKEY:
                return "its keys are encrypted, and systemd gave no credential " WRAPPING_KEY " to open them with";
        case -EKEYREJECTED:
                return "its keys are encrypted, and not with the credential " WRAPPING_KEY " that systemd gave";
        case -EBADMSG:
                return "its files are damaged, or do not belong together";
        default:
                return "its files cannot be read";
        }
}

/* What may pass is tried again by whoever starts us. */
static bool stays(int error) {
        return error == -ENOKEY || error == -EKEYREJECTED || error == -EBADMSG || error == -EACCES || error == -EPERM;
}

/* A backup takes its place, and needs a server that takes it: so it runs, and has no CA to serve. */
static int go_on_without(Server *s, const char *dir, int error) {
        const char *fields[] = { "ATTEZT_REASON", NULL, NULL };

        s->ca_error = error;
        fields[1] = server_ca_problem(s);
        log_event(LOG_ERR, EVENT_CA_UNUSABLE, fields, "The CA in %s cannot be used: %s (%s).", dir, server_ca_problem(s),
                  strerror(-error));
        if (!stays(error) || s->settings->check || s->settings->no_bus)
                return error;
        (void) sd_notifyf(false, "STATUS=The CA cannot be used: %s.", server_ca_problem(s));
        return 0;
}

/* Weeks before the end: whoever trusts the root has to hear of another one in time. */
static void warn_of_end(const Server *s) {
        const struct {
                const char *what;
                int64_t end;
        } ends[] = {
                { "root certificate", certificate_authority_root_not_after(s->ca) },
                { "intermediate certificate", certificate_authority_not_after(s->ca) },
        };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                int64_t left = ends[i].end - server_now();
                const char *fields[] = { "ATTEZT_REASON", ends[i].what, NULL };
                if (left >= SERVER_CA_ENDING_SEC || (i > 0 && ends[i].end == ends[0].end)) /* it ends with the root */
                        continue;
                log_event(LOG_WARNING, EVENT_CA_ENDING, fields, "The CA's %s %s%lld days%s: %s.", ends[i].what,
                          left < 0 ? "ended " : "ends in ", (long long) (left < 0 ? -left : left) / 86400,
                          left < 0 ? " ago" : "",
                          i == 0 ? "make another CA, and give its root to the ACME server" : "attezt ca rotate");
        }
}

int server_load_ca(Server *s) {
        _cleanup_free_ char *dir = NULL;

        int r = load_wrapping_key(s);
        if (r < 0)
                return r;
        r = path_join(s->settings->state_dir, CA_DIR, &dir);
        if (r >= 0)
                r = certificate_authority_load(dir, s->wrapping_key, &s->ca);
        if (r == -ENOENT) {
                log_notice("There is no CA yet: create it with \"attezt ca create\".");
                return 0;
        }
        if (r == -ENOKEY && s->settings->check && !getenv("CREDENTIALS_DIRECTORY")) {
                log_notice("The CA's keys were not looked at: they are encrypted, and only systemd hands the service what "
                           "opens them.");
                return 0;
        }
        if (r < 0)
                return go_on_without(s, dir ?: CA_DIR, r);
        warn_of_end(s);
        r = publish_root(s, true);
        if (r < 0)
                return log_error_errno(r, "Could not write the root certificate for the fronts: %m");
        r = record_ca(s);
        return r < 0 ? log_error_errno(r, "Could not record the CA's certificates: %m") : 0;
}

/* --- Beginning --- */

/* Asked for by a call on the bus. */
static void tell_change(const Server *s, sd_id128_t id, const char *text, const char *of_what) {
        char uid[EVENTS_UID_TEXT_MAX];
        const char *fields[] = { "ATTEZT_UID", events_format_uid(access_caller_uid(s->access), uid), NULL };

        log_event(LOG_NOTICE, id, fields, "%s%s", text, of_what);
}

/* Blocks for a few file operations, once in the life of a server. */
int server_create_ca(Server *s, const char *name) {
        _cleanup_free_ char *dir = NULL;

        int r = path_join(s->settings->state_dir, CA_DIR, &dir);
        if (r < 0)
                return r;
        if (s->ca || s->ca_error < 0)
                return -EEXIST;
        CertificateAuthorityTerms terms = { .name = name, .secret = s->wrapping_key, .now = server_now() };
        r = certificate_authority_create(dir, &terms);
        if (r >= 0)
                r = certificate_authority_load(dir, s->wrapping_key, &s->ca);
        if (r >= 0)
                r = publish_root(s, false);
        if (r < 0)
                return r;
        tell_change(s, EVENT_CA_CREATED, "The CA is created; SHA-256 fingerprint of its root: ",
                    certificate_authority_fingerprint(s->ca));
        fronts_changed(s->fronts);
        server_crl_renew(s);
        r = record_ca(s);
        if (r < 0)
                log_error_errno(r, "Could not record the CA's certificates: %m");
        return 0;
}

/* --- The root's key, and another intermediate --- */

int server_root_key(const Server *s, Bytes *ret) {
        _cleanup_free_ char *dir = NULL;

        int r = path_join(s->settings->state_dir, CA_DIR, &dir);
        return r < 0 ? r : certificate_authority_root_key(dir, s->wrapping_key, ret);
}

int server_remove_root_key(Server *s) {
        _cleanup_free_ char *dir = NULL;

        int r = path_join(s->settings->state_dir, CA_DIR, &dir);
        if (r >= 0)
                r = certificate_authority_remove_root_key(dir);
        if (r >= 0)
                tell_change(s, EVENT_CA_CHANGED, "The root's key was removed from this machine.", "");
        return r;
}

/* What was signed with the one before stays good; what is served and signed with from now on is the new one. */
int server_rotate_ca(Server *s, ByteView root_key) {
        CertificateAuthorityTerms terms = { .secret = s->wrapping_key, .now = server_now() };
        _cleanup_free_ char *dir = NULL;
        CertificateAuthority *ca;

        int r = path_join(s->settings->state_dir, CA_DIR, &dir);
        if (r >= 0)
                r = certificate_authority_rotate(dir, &terms, root_key);
        if (r >= 0)
                r = certificate_authority_load(dir, s->wrapping_key, &ca);
        if (r < 0)
                return r;
        certificate_authority_free(s->ca);
        s->ca = ca;
        tell_change(s, EVENT_CA_CHANGED, "The CA has a new intermediate certificate.", "");
        server_crl_renew(s);
        r = record_ca(s);
        if (r < 0)
                log_error_errno(r, "Could not record the CA's certificates: %m");
        return 0;
}
