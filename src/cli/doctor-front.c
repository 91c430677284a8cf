/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/doctor-access.h"
#include "cli/doctor-probe.h"
#include "cli/doctor.h"
#include "protocol/certificate-view.h"
#include "protocol/gnutls-types.h"
#include "protocol/health.h"
#include "shared/files.h"

#define FRONT_USER "attezt-http"
#define TLS_KEY_MAX (64U * 1024)
#define TLS_ENDING (3LL * 86400)
#define HTTP_SOCKET "attezt-http.socket"
#define HTTPS_SOCKET "attezt-https.socket"
#define LISTEN_DEFAULT "127.0.0.1:8080"
#define LISTEN_TEXT_MAX 128U

/* --- Its sockets under systemd --- */

typedef struct SocketUnit {
        const char *name, *path;
        bool https;
} SocketUnit;

static const SocketUnit socket_units[] = {
        { HTTP_SOCKET, "/org/freedesktop/systemd1/unit/attezt_2dhttp_2esocket", false },
        { HTTPS_SOCKET, "/org/freedesktop/systemd1/unit/attezt_2dhttps_2esocket", true },
};

/* Enabled or active: somebody wants it. */
static bool https_is_wanted(void) {
        sd_bus *bus = NULL;
        bool wanted = false;

        if (doctor_systemd(&bus) < 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(socket_units); i++) {
                _cleanup_free_ char *state = NULL, *file = NULL;
                if (socket_units[i].https && doctor_unit_state(bus, socket_units[i].path, &state, &file) >= 0)
                        wanted = strcmp(state, "active") == 0 || strcmp(file, "enabled") == 0;
        }
        sd_bus_close_unref(bus);
        return wanted;
}

/* --- Its TLS certificate --- */

static bool key_fits(ByteView certificate, ByteView key) {
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
        _cleanup_(gnutls_privkey_deinitp) gnutls_privkey_t private = NULL;
        _cleanup_(gnutls_pubkey_deinitp) gnutls_pubkey_t public = NULL;
        const gnutls_datum_t c = datum_of(certificate), k = datum_of(key);
        uint8_t a[32], b[32];
        size_t n = sizeof(a), m = sizeof(b);

        return gnutls_x509_crt_init(&crt) >= 0 && gnutls_privkey_init(&private) >= 0 &&
               gnutls_pubkey_init(&public) >= 0 &&
               gnutls_x509_crt_import(crt, &c, GNUTLS_X509_FMT_PEM) >= 0 &&
               gnutls_privkey_import_x509_raw(private, &k, GNUTLS_X509_FMT_PEM, NULL, 0) >= 0 &&
               gnutls_pubkey_import_privkey(public, private, 0, 0) >= 0 &&
               gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, a, &n) >= 0 &&
               gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, b, &m) >= 0 &&
               view_equal(VIEW(a, n), VIEW(b, m));
}

/* What is wrong with the key, told; false then. */
static bool judge_key(const Host *h, ByteView certificate, Finding *f) {
        _cleanup_bytes_erase_ Bytes key = BYTES_NULL;

        int may = user_may(FRONT_USER, h->tls_key, 04);
        if (may == 0) {
                finding_failed(f, NULL, "User %s may not read the TLS key %s.", FRONT_USER, h->tls_key);
                finding_command(f, "chgrp %s %s && chmod 0640 %s", FRONT_USER, h->tls_key, h->tls_key);
                return false;
        }
        int r = may < 0 ? may : file_read(h->tls_key, TLS_KEY_MAX, &key);
        if (r == -EACCES)
                return true; /* not for us to see */
        if (r < 0)
                finding_failed(f, "editor " ATTEZT_SETTINGS_DIR "/atteztd.conf", "The TLS key %s cannot be read: %s.",
                               h->tls_key, strerror(-r));
        else if (!key_fits(certificate, bytes_view(&key)))
                finding_failed(f, "editor " ATTEZT_SETTINGS_DIR "/atteztd.conf", "%s is not the key of %s.", h->tls_key,
                               h->tls_cert);
        else
                return true;
        return false;
}

static void judge_dates(const Host *h, const CertificateView *v, Finding *f) {
        char when[CLI_TIME_MAX];

        (void) cli_format_time(v->not_after, when);
        switch (health_dates(v->not_before, v->not_after, TLS_ENDING, time(NULL))) {
        case DATES_GOOD:
                finding_ok(f, "The TLS certificate is good until %s.", when);
                break;
        case DATES_ENDING:
                finding_warning(f, NULL, "The TLS certificate %s ends at %s, and has not been renewed.", h->tls_cert,
                                when);
                finding_command(f, "install -m 0644 NEW.pem %s", h->tls_cert);
                break;
        case DATES_NOT_YET:
                finding_failed(f, "timedatectl set-ntp true", "The TLS certificate %s is not valid yet: this "
                               "machine's clock is behind.", h->tls_cert);
                break;
        case DATES_EXPIRED:
                finding_failed(f, NULL, "The TLS certificate %s expired at %s: no device talks to this server. Get "
                               "another one; it is taken up without a restart.", h->tls_cert, when);
                finding_command(f, "install -m 0644 NEW.pem %s", h->tls_cert);
                break;
        }
}

void look_server_tls(const Host *h, Finding *f) {
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        if (!h->tls_cert && !h->tls_key && https_is_wanted()) {
                finding_failed(f, "editor " ATTEZT_SETTINGS_DIR "/atteztd.conf", HTTPS_SOCKET " is to serve HTTPS, and "
                               "there is no TLS certificate: set TLSCertificate= and TLSKey=.");
                return;
        }
        if (!h->tls_cert && !h->tls_key) {
                finding_skipped(f, NULL, "No TLS certificate is configured: plain HTTP, for a reverse proxy on this "
                                "machine.%s",
                                h->trusts_proxies ? "" : " If there is one, name it in TrustedProxies=: without that all "
                                "devices are one source to the limits, and the webhook refuses what comes from it.");
                return;
        }
        if (!h->tls_cert || !h->tls_key) {
                finding_failed(f, "editor " ATTEZT_SETTINGS_DIR "/atteztd.conf", "TLSCertificate= and TLSKey= want "
                               "each other: only one of them is set.");
                return;
        }
        int r = file_read(h->tls_cert, CERTIFICATE_VIEW_PEM_MAX, &pem);
        if (r >= 0)
                r = certificate_chain_view_from_pem(bytes_view(&pem), &chain);
        if (r < 0)
                finding_failed(f, "editor " ATTEZT_SETTINGS_DIR "/atteztd.conf", "The TLS certificate %s cannot be "
                               "read: %s.",
                               h->tls_cert, r == -EBADMSG ? "it is not a PEM file of certificates" : strerror(-r));
        else if (judge_key(h, bytes_view(&pem), f))
                judge_dates(h, chain.certificates, f);
}

/* --- Where it listens --- */

/* Whoever listens on all addresses listens on loopback. */
static void url_of(const char *address, bool https, char *ret, size_t size) {
        const char *colon = strrchr(address, ':');
        size_t n = colon ? (size_t) (colon - address) : 0;
        bool any4 = n == 7 && strncmp(address, "0.0.0.0", n) == 0, any6 = n == 4 && strncmp(address, "[::]", n) == 0;

        if (any4 || any6)
                (void) snprintf(ret, size, "%s://%s%s/root.pem", https ? "https" : "http", any4 ? "127.0.0.1" : "[::1]",
                                colon);
        else
                (void) snprintf(ret, size, "%s://%s/root.pem", https ? "https" : "http", address);
}

/* unit: the socket unit that has the address. False: something is wrong, and told. */
static bool judge_listener(const char *address, bool https, const char *unit, Finding *f) {
        char url[LISTEN_TEXT_MAX];
        Probe p;

        url_of(address, https, url, sizeof(url));
        const ProbeRequest request = { .url = url, .ask = true };
        probe(&request, &p);
        if (p.failed != PROBE_DONE) {
                finding_failed(f, NULL, "Nobody serves %s: %s.", address, p.text);
                finding_command(f, "systemctl stop attezt-http.service; systemctl restart %s", unit);
        } else if (p.status == 503)
                finding_failed(f, "attezt ca create", "The front at %s has no CA: it was not created, or atteztd has "
                               "not told of it.", address);
        else if (p.status != 200)
                finding_failed(f, "ss -ltnp", "Something else than attezt answers at %s (HTTP status %u).", address,
                               p.status);
        else
                return true;
        return false;
}

/* --- The same under systemd --- */

/* False: something is wrong, and told. */
static bool judge_addresses(sd_bus *bus, const SocketUnit *u, Finding *f) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_free_ char *name = NULL;
        const char *type, *address;
        bool good = true;

        int r = sd_bus_get_property_string(bus, SYSTEMD, u->path, SYSTEMD ".Socket", "FileDescriptorName", NULL, &name);
        bool https = r >= 0 ? strcmp(name, "https") == 0 : u->https; /* a drop-in may have changed it */
        r = sd_bus_get_property(bus, SYSTEMD, u->path, SYSTEMD ".Socket", "Listen", NULL, &m, "a(ss)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(ss)");
        while (r >= 0 && good && (r = sd_bus_message_read(m, "(ss)", &type, &address)) > 0)
                good = strcmp(type, "Stream") != 0 || judge_listener(address, https, u->name, f);
        return good;
}

/* n: active units so far. */
static bool judge_unit(sd_bus *bus, const SocketUnit *u, unsigned *n, Finding *f) {
        _cleanup_free_ char *state = NULL, *file = NULL;

        if (doctor_unit_state(bus, u->path, &state, &file) < 0)
                return true;
        if (strcmp(state, "active") == 0) {
                (*n)++;
                return judge_addresses(bus, u, f);
        }
        if (strcmp(file, "enabled") != 0)
                return true;
        finding_failed(f, NULL, "%s is enabled, but not active: nobody listens there.", u->name);
        finding_command(f, "systemctl restart %s", u->name);
        return false;
}

/* Without systemd there are none, and it is as if all were good. */
static bool judge_units(unsigned *n, bool *ret_systemd, Finding *f) {
        sd_bus *bus = NULL;
        bool good = true;

        *ret_systemd = doctor_systemd(&bus) >= 0;
        for (size_t i = 0; *ret_systemd && good && i < ELEMENTSOF(socket_units); i++)
                good = judge_unit(bus, &socket_units[i], n, f);
        sd_bus_close_unref(bus);
        return good;
}

void look_listeners(const Host *h, Finding *f) {
        bool systemd = false;
        unsigned n = 0;

        for (; h->listen[n]; n++)
                if (!judge_listener(h->listen[n], h->tls_cert, HTTP_SOCKET, f))
                        return;
        if (!judge_units(&n, &systemd, f))
                return;
        if (n == 0 && systemd)
                finding_failed(f, h->tls_cert ? "systemctl enable --now " HTTPS_SOCKET :
                                                "systemctl enable --now " HTTP_SOCKET,
                               "The front listens nowhere: none of its sockets is enabled.");
        else if (n > 0 || judge_listener(LISTEN_DEFAULT, false, HTTP_SOCKET, f))
                finding_ok(f, "The front answers wherever it is to listen.");
}
