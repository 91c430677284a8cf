/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <gnutls/x509.h>

#include "cli/doctor-probe.h"
#include "cli/doctor.h"
#include "protocol/health.h"
#include "protocol/url.h"
#include "shared/ca-roots.h"

#define ROOTS_DIR ATTEZT_SETTINGS_DIR "/ca.d"
#define ROOT_PATH_MAX 512U

/* One of the two servers, and what its administrator would type there. NULL: this is not that machine. */
typedef struct Peer {
        const char *what, *url, *path;
        const char *start; /* the command that starts it */
        const char *renew; /* the command that renews its TLS certificate */
} Peer;

static Peer acme(const Host *h) {
        bool here = host_is_server();

        return (Peer) { "The ACME server", h->acme_url, "directory", here ? "systemctl start step-ca" : NULL,
                        here ? "systemctl restart step-ca" : NULL };
}

static Peer attestation(const Host *h) {
        const char *look = host_is_server() ? "attezt doctor --ca" : NULL;

        return (Peer) { "The attestation server", h->attestation_url, "root.pem", look, look };
}

/* What shows here whether it has come back, where nothing that is typed here mends it. */
static void suggest_asking(const Peer *s, Finding *f) {
        _cleanup_free_ char *url = NULL;

        if (!*f->command && url_join(s->url, s->path, &url) >= 0)
                finding_command(f, "curl -v --connect-timeout 5 %s", url);
}

/* As in "https://host:port". False: it is no URL, and ret is what there is of it. */
static bool host_of(const char *url, char ret[static URL_HOST_MAX + 1]) {
        UrlParts u;

        bool valid = url_parse(url, &u) >= 0;
        (void) snprintf(ret, URL_HOST_MAX + 1, "%s", valid ? u.host : url);
        return valid;
}

/* --- What is wrong at which step --- */

static void tell_name(const Peer *s, const Probe *p, Finding *f) {
        char host[URL_HOST_MAX + 1];

        bool valid = host_of(s->url, host);
        finding_failed(f, "attezt enroll --acme URL --attestation URL", "%s's name %s does not resolve (%s): correct "
                       "DNS or /etc/hosts; if the name is wrong, enrol with the right URL.", s->what, host, p->text);
        if (valid) /* else it could be taken for an option */
                finding_command(f, "getent ahosts %s", host);
}

static void tell_connection(const Peer *s, const Probe *p, Finding *f) {
        finding_failed(f, s->start, "%s cannot be reached at %s: %s. Start it, on its host, or look for a firewall "
                       "between.",
                       s->what, s->url, p->text);
}

static void tell_tls(const Peer *s, const Probe *p, Finding *f) {
        if (p->wrong_name)
                finding_failed(f, "attezt enroll --acme URL --attestation URL", "The TLS certificate at %s is for "
                               "another name: use the URL that it is for.", s->url);
        else if (p->wrong_time && !p->unknown_issuer)
                finding_failed(f, s->renew, "The TLS certificate at %s is out of date, on its host, or this machine's "
                               "clock is wrong: %s", s->url, p->text);
        else if (p->unknown_issuer)
                finding_failed(f, "install -m 0644 ROOT.pem " ROOTS_DIR "/", "The TLS certificate at %s comes from an "
                               "issuer that is not trusted here: %s Put the root of its issuer into " ROOTS_DIR ".",
                               s->url, p->text);
        else
                finding_failed(f, s->start, "TLS with %s fails: %s.", s->url, p->text);
}

static void tell_answer(const Peer *s, const Probe *p, Finding *f) {
        bool is_acme = strcmp(s->path, "directory") == 0;

        if (p->failed == PROBE_ANSWER)
                finding_failed(f, s->start, "%s at %s: %s.", s->what, s->url, p->text);
        else if (!is_acme && p->status == 503)
                finding_failed(f, "attezt ca create", "%s has no CA yet, or atteztd does not run: on its host, create "
                               "it.",
                               s->what);
        else
                finding_failed(f, "attezt enroll --acme URL --attestation URL", "What answers at %s is no %s (HTTP "
                               "status %u): use the right URL.", s->url, is_acme ? "ACME directory" : "attestation "
                               "server",
                               p->status);
}

static int ask(const Host *h, const Peer *s, bool answer, bool verify, Probe *ret) {
        _cleanup_free_ char *url = NULL;

        int r = url_join(s->url, s->path, &url);
        if (r < 0)
                return r;
        const ProbeRequest request = {
                .url = url,
                .ask = answer,
                .verify = verify,
                .ca_dir = ROOTS_DIR,
                .ca_pem = bytes_view(&h->enrollment.ca_pem),
        };
        probe(&request, ret);
        return 0;
}

/* The checks of one server: each looks at its own step, and so says nothing about those before. */
static void look(const Host *h, const Peer *s, ProbeStage stage, Finding *f) {
        static void (*const tell[])(const Peer *, const Probe *, Finding *) = { tell_name, tell_connection, tell_tls,
                                                                                tell_answer };
        static const char *const good[] = { "'s name resolves", " can be reached", "'s certificate is trusted",
                                            " answers" };
        Probe p;

        if (!s->url) {
                finding_skipped(f, NULL, "%s is neither recorded nor configured.", s->what);
                return;
        }
        int r = ask(h, s, stage == PROBE_ANSWER, true, &p);
        if (r < 0) {
                finding_skipped(f, NULL, "Could not look: %s.", strerror(-r));
                return;
        }
        bool passed = p.failed > stage && (stage != PROBE_ANSWER || p.status == 200);
        if (passed)
                finding_ok(f, "%s%s: %s", s->what, good[stage], s->url);
        else if (p.failed < stage)
                finding_skipped(f, NULL, "%s could not be reached again.", s->what);
        else
                tell[stage](s, &p, f);
        if (f->status == CHECK_FAILED)
                suggest_asking(s, f);
}

#define LOOK(server, name, stage)                                       \
        void look_##server##_##name(const Host *h, Finding *f) {        \
                const Peer s = server(h);                               \
                look(h, &s, stage, f);                                  \
        }
LOOK(acme, name, PROBE_NAME)
LOOK(acme, connection, PROBE_CONNECTION)
LOOK(acme, tls, PROBE_TLS)
LOOK(acme, answer, PROBE_ANSWER)
LOOK(attestation, name, PROBE_NAME)
LOOK(attestation, connection, PROBE_CONNECTION)
LOOK(attestation, tls, PROBE_TLS)
LOOK(attestation, answer, PROBE_ANSWER)

/* --- The clock, by theirs --- */

/* Certificates do not matter here: with a wrong clock none of them is good. */
static bool ask_time(const Host *h, const Peer *s, int64_t *ret) {
        Probe p = {};

        if (!s->url || ask(h, s, true, false, &p) < 0 || p.failed != PROBE_DONE || p.date == 0)
                return false;
        *ret = p.date;
        return true;
}

void look_clock(const Host *h, Finding *f) {
        const Peer peers[] = { attestation(h), acme(h) };
        int64_t theirs = 0;
        size_t i = 0;

        while (i < ELEMENTSOF(peers) && !ask_time(h, &peers[i], &theirs))
                i++;
        if (i == ELEMENTSOF(peers)) {
                finding_skipped(f, NULL, "There is no server that tells its time.");
                return;
        }
        int64_t ours = time(NULL);
        ClockVerdict v = health_clock(ours, theirs);
        if (v == CLOCK_GOOD)
                finding_ok(f, "The clock agrees with that of %s.", peers[i].url);
        else
                finding_failed(f, "timedatectl set-ntp true", "The clock is %" PRIi64 " seconds %s that of %s: "
                               "certificates then seem not valid yet, or expired.", v == CLOCK_BEHIND ? theirs - ours :
                               ours - theirs,
                               v == CLOCK_BEHIND ? "behind" : "ahead of", peers[i].url);
}

/* --- Roots of one's own --- */

static void on_skipped(const char *where, int error, void *userdata) {
        const char *why = error == -EBADMSG ? "it holds no certificates in PEM form" : strerror(-error);
        Finding *f = userdata;
        char path[ROOT_PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s%s", *where == '/' ? "" : ROOTS_DIR "/", where);
        finding_warning(f, "ls -l " ROOTS_DIR, "%s is left out: %s.", path, why);
        finding_command(f, error == -EBADMSG ? "rm %s" : "chmod a+r %s", path);
}

void look_roots(const Host *h, Finding *f) {
        int fd = -EBADF;

        finding_ok(f, "The files in " ROOTS_DIR " can be used.");
        int r = ca_roots_open(ROOTS_DIR, VIEW_NULL, on_skipped, f, &fd);
        _cleanup_close_ int roots = fd;
        if (r < 0)
                finding_failed(f, "chmod a+rx " ROOTS_DIR, ROOTS_DIR " cannot be read: %s.", strerror(-r));
}
