/* SPDX-License-Identifier: MIT */
#include "server/server.h"

#include <gnutls/crypto.h>
#include <pwd.h>
#include <signal.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "server/backup-note.h"
#include "server/backup.h"
#include "server/bus-call.h"
#include "server/events.h"
#include "server/issue.h"
#include "server/live.h"
#include "server/recall.h"
#include "server/server-ca.h"
#include "server/server-crl.h"
#include "server/server-drop.h"
#include "shared/files.h"
#include "shared/inventory-waiting.h"
#include "shared/log.h"

#define FRONT_USER "attezt-http"
#define INVENTORY_FILE "inventory.tdb"
#define FRONT_OPTIONS_MAX (2U * (SERVER_LISTEN_MAX + SERVER_EK_ROOTS_MAX) + 16U)

/* --- The end: no new requests, then an answer for those that are open --- */

/* The bus is closed as soon as the loop ends: who waits for polkit is refused before. */
static int leave(Server *s) {
        s->access = access_free(s->access);
        return sd_event_exit(s->event, EXIT_SUCCESS);
}

static int exit_when_idle(sd_event_source *source, void *userdata) {
        Server *s = userdata;

        bool asked = s->leaving && s->access && access_has_open(s->access); /* came before the name was given up */

        return fronts_idle(s->fronts) && !s->issues && !s->bus_calls && !s->crl_busy && !asked ? leave(s) : 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Server *s = userdata;

        log_warning("Answers are still open; stopping without them.");
        return leave(s);
}

int server_stop(Server *s) {
        int r = 0;

        fronts_stop(s->fronts);
        if (!s->drained)
                r = sd_event_add_post(s->event, &s->drained, exit_when_idle, s);
        if (r >= 0 && !s->deadline)
                r = sd_event_add_time_relative(s->event, &s->deadline, CLOCK_BOOTTIME, SERVER_STOP_USEC, 0, on_deadline,
                                               s);
        return r < 0 ? leave(s) : exit_when_idle(s->drained, s);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Server *s = userdata;

        if (s->stopping && !s->leaving)
                return 0;
        s->stopping = true;
        s->leaving = false;
        log_info("Stopping.");
        (void) sd_notify(false, "STOPPING=1");
        return server_stop(s);
}

static int watch_signals(Server *s) {
        int r = sd_event_add_signal(s->event, &s->sigterm, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_signal, s);
        if (r >= 0)
                r = sd_event_add_signal(s->event, &s->sigint, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_signal, s);
        return r;
}

/* --- The beginning --- */

static uid_t front_uid(void) {
        const struct passwd *p = getpwnam(FRONT_USER);

        return p ? p->pw_uid : (uid_t) -1;
}

static int open_inventory(Server *s) {
        _cleanup_free_ char *path = NULL;
        bool healed;

        int r = dir_make_parents(s->settings->state_dir, 0755);
        if (r >= 0 && !s->settings->check)
                r = backup_put_in_place(s->settings);
        if (r >= 0)
                r = path_join(s->settings->state_dir, INVENTORY_FILE, &path);
        if (r >= 0)
                r = inventory_open(path, s->event, &s->inventory, &healed);
        if (r == -EBUSY)
                return log_error_errno(r, "Another atteztd has %s open.", path);
        if (r < 0)
                return log_error_errno(r, "Could not open the inventory in %s: %m", s->settings->state_dir);
        inventory_limit_waiting(s->inventory, s->settings->pending);
        if (healed)
                log_notice("The inventory's file was damaged, its records are whole: copied into a new file.");
        return 0;
}

static int make_pending(Server *s) {
        uint8_t key[32];

        int r = gnutls_rnd(GNUTLS_RND_KEY, key, sizeof(key)) < 0 ? -EIO : 0;
        if (r >= 0)
                r = pending_secrets_new(key, PENDING_SECRETS_MAX_DEFAULT,
                                        (uint64_t) s->settings->secret_lifetime * 1000000, &s->pending);
        explicit_bzero(key, sizeof(key));
        return r;
}

static void on_request(uint64_t front, const FrontMessage *m, void *userdata) {
        if (m->type == FRONT_NAME)
                live_on_request(userdata, front, m);
        else
                issue_on_request(front, m, userdata);
}

int server_new(sd_event *event, const ServerSettings *settings, Server **ret) {
        _cleanup_(server_freep) Server *s = calloc(1, sizeof(*s));
        if (!s)
                return log_error_errno(-ENOMEM, "Could not start: %m");
        s->event = sd_event_ref(event);
        s->settings = settings;

        int r = make_pending(s);
        if (r >= 0)
                r = fronts_new(event, front_uid(), on_request, s, &s->fronts);
        if (r >= 0)
                r = watch_signals(s);
        if (r < 0)
                return log_error_errno(r, "Could not start: %m");
        r = open_inventory(s);
        if (r >= 0)
                r = server_load_ca(s);
        if (r < 0)
                return r;
        r = server_crl_start(s);
        if (r >= 0 && !settings->check)
                r = recall_certified(s);
        if (r >= 0 && !settings->check)
                r = server_drop_start(s);
        if (r < 0)
                return log_error_errno(r, "Could not start: %m");
        *ret = TAKE_PTR(s);
        return 0;
}

static void add_option(const char **options, size_t *n, const char *name, const char *value) {
        options[(*n)++] = name;
        if (value)
                options[(*n)++] = value;
}

static int start_own_front(Server *s) {
        const char *options[FRONT_OPTIONS_MAX + 1] = {};
        const ServerSettings *settings = s->settings;
        _cleanup_free_ char *public = NULL;
        size_t n = 0;

        if (geteuid() != 0)
                log_notice("The front runs as this user, too: under systemd, or started by root, it has one of its own.");
        int r = path_join(settings->state_dir, SERVER_PUBLIC_DIR, &public);
        if (r < 0)
                return r;
        for (char *const *l = settings->listen; *l; l++) {
                log_debug("Starting a front for %s.", *l);
                add_option(options, &n, "--listen", *l);
        }
        for (char *const *e = settings->ek_roots; *e; e++)
                add_option(options, &n, "--ek-roots", *e);
        if (settings->tls_cert) {
                add_option(options, &n, "--tls-cert", settings->tls_cert);
                add_option(options, &n, "--tls-key", settings->tls_key);
        }
        if (settings->webhook_secret)
                add_option(options, &n, "--webhook-secret", settings->webhook_secret);
        if (settings->webhook_client_roots)
                add_option(options, &n, "--webhook-client-roots", settings->webhook_client_roots);
        if (settings->webhook_client_name)
                add_option(options, &n, "--webhook-client-name", settings->webhook_client_name);
        if (settings->config)
                add_option(options, &n, "--config", settings->config);
        if (settings->allow_plaintext)
                add_option(options, &n, "--allow-plaintext", NULL);
        if (settings->verbose)
                add_option(options, &n, "--verbose", NULL);
        add_option(options, &n, "--public-dir", public);
        return front_process_new(s->event, s->fronts, options, &s->front_process);
}

int server_start_fronts(Server *s, int listen_fd) {
        int r = 0;

        if (listen_fd >= 0)
                r = fronts_listen(s->fronts, listen_fd);
        else if (s->settings->listen[0])
                r = start_own_front(s);
        else
                log_notice("Nobody can ask for certificates: neither --listen nor a socket of systemd's.");
        return r < 0 ? log_error_errno(r, "Could not start the front: %m") : 0;
}

Server *server_free(Server *s) {
        if (!s)
                return NULL;
        inventory_free(s->inventory); /* commits, and answers what it has committed */
        issue_forget_all(s);
        live_forget_all(s);
        bus_import_forget(s);
        bus_calls_forget_all(s);
        backup_forget_words(s);
        front_process_free(s->front_process);
        fronts_free(s->fronts);
        (void) sd_bus_flush(s->bus);
        bus_connection_free(s->connection);
        pending_secrets_free(s->pending);
        certificate_authority_free(s->ca);
        if (s->wrapping_key)
                explicit_bzero(s->wrapping_key, strlen(s->wrapping_key));
        free(s->wrapping_key);
        sd_event_source_disable_unref(s->sigterm);
        sd_event_source_disable_unref(s->sigint);
        idle_free(s->idle);
        metrics_socket_free(s->metrics);
        sd_event_source_disable_unref(s->trust_changed);
        trust_list_done(&s->trust_list);
        sd_event_source_disable_unref(s->drained);
        sd_event_source_disable_unref(s->deadline);
        sd_event_source_disable_unref(s->crl_timer);
        sd_event_source_disable_unref(s->drop.timer);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}
